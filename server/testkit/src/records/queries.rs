//! Queries for a corpus: each kind of test, on existing and on absent values, alone and combined.

use model::{
    LevelClass, Query, Record,
    query::{Comparison, Expr, Field, Pattern, Test, fold::Letter},
};
use pipeline::Batch;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::{AWKWARD, KEYS, LEVELS, NUMBERS, pick};

/// Patterns that other regular expression engines interpret differently.
const PATTERNS: &[&str] = &[
    "^request",
    "ms$",
    "(?i)connection RESET",
    r"\d{3,}",
    r"\bquoted\b",
    "[[:alpha:]]+",
    "^$",
    ".",
    "한.어",
    r"\\n",
    "a|b|x?",
    r"(?s)one.line",
    r"^\s*$",
    "(?i)straße",
    "[가-힣]{2}",
    "'",
];

/// Typical queries of users.
const TYPED: &[&str] = &[
    "*",
    "-*",
    "level:error",
    "level:error,http",
    "level>=warn",
    "level<info",
    "-level:info -level:debug",
    "service:api,web",
    "service:*",
    "-service:*",
    "node:n*",
    "http.status>=500",
    "http.status<=0500",
    "duration_ms<1.5",
    "path:/api/*",
    "attr.level:*",
    "attr.service:500",
    "timeout OR reset",
    "(timeout OR request) -answered",
    "message:/ms$/ level:info",
    "\"connection reset\" NOT \"by peer\"",
    "ошибка ПОДКЛЮЧЕНИЯ",
    "превышен OR вОДОСТОП",
    "СОВЕТЪ OR \"востттъѣ\"",
    "ΟΔΌΣ OR οδοσ OR \"ΣΤΟ ΟΔΟΣ\"",
    "οδυσσεύσ -σφαλμα",
    "istanbul OR ısparta OR ISI",
    "ĞÜŞİÖÇ -ğüşiöç",
    "straẞe -STRASSE",
    "ᲔᲜᲐ ქართული",
    "հայերեն ՀԱՅԵՐԵՆ",
    "kelvin OR ångström OR ωHM",
    "\"5 ωhm ΜS\"",
    "password session",
    "ST\u{212a} OR task",
    "ᎡꭱᎠ OR \"ꭰᎡ\"",
    "𐐨𐐀 ⱥȺ",
    "échec naïve",
    "エラー ａｂｃＡＢＣ",
    "trace_id:01010101010101010101010101010101",
    "trace_id:*",
    "span_id:*",
    "nothing.like.this:*",
    "-nothing.like.this:*",
];

/// Queries that service and level decide for all services but the named ones ([`Query::split_by_service`]).
pub(super) const SPLIT: &[&str] = &[
    "-(service:api http.status:500)",
    "level>=warn -(service:api http.status:500)",
    "-(service:api path:*) -(user_id:* service:web)",
    "-(service:logboom audit:true)",
    "-service:worker -(service:logboom audit:true)",
];

/// `count` random queries, besides the typical ones; equal for equal seeds.
pub fn queries(seed: u64, corpus: &[Batch], count: usize) -> Vec<Query> {
    let mut random = StdRng::seed_from_u64(seed);
    let records: Vec<&Record> = corpus.iter().flat_map(|batch| &batch.records).collect();
    let typed =
        TYPED.iter().chain(SPLIT).map(|text| Query::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")));
    let made = (0..count).map(|_| Query { expr: expr(&mut random, &records, 2) });
    typed.chain(made).collect()
}

fn expr(random: &mut StdRng, records: &[&Record], depth: u32) -> Expr {
    let operands = |random: &mut StdRng| {
        let count = random.random_range(2..=3);
        (0..count).map(|_| expr(random, records, depth - 1)).collect::<Vec<_>>()
    };
    match random.random_range(0..6) {
        0 if depth > 0 => Expr::and(operands(random)),
        1 if depth > 0 => Expr::or(operands(random)),
        2 if depth > 0 => Expr::not(expr(random, records, depth - 1)),
        3 => Expr::contains(&part_of_a_message(random, records)),
        4 => level_test(random),
        _ => field_test(random, records),
    }
}

/// A substring of a message; some characters replaced by another case form.
fn part_of_a_message(random: &mut StdRng, records: &[&Record]) -> String {
    let message: Vec<char> = pick(random, records).message.chars().collect();
    if message.is_empty() {
        return "absent".to_owned();
    }
    let start = random.random_range(0..message.len());
    let part: String = message[start..].iter().take(random.random_range(1..12)).collect();
    if random.random_bool(0.5) {
        return part;
    }
    part.chars().map(|character| pick(random, Letter::of(character).forms())).collect()
}

fn level_test(random: &mut StdRng) -> Expr {
    if random.random_bool(0.5) {
        let class = pick(random, &LevelClass::ALL);
        return Expr::Field(Field::Level, Test::LevelCompare(comparison(random), class));
    }
    Query::field_equals(Field::Level, pick(random, LEVELS)).expr
}

fn field_test(random: &mut StdRng, records: &[&Record]) -> Expr {
    let field = match random.random_range(0..10) {
        0 => Field::Service,
        1 => Field::Node,
        2 => Field::TraceId,
        3 => Field::Id,
        _ => Field::Attribute(pick(random, KEYS).to_owned()),
    };
    let value = match field.text(pick(random, records)) {
        Some(text) if !text.is_empty() => text.into_owned(),
        _ => pick(random, AWKWARD).to_owned(),
    };
    match random.random_range(0..6) {
        0 => Expr::Field(field, Test::Exists),
        1 if !value.is_empty() => {
            let length = random.random_range(1..=value.chars().count());
            Expr::Field(field, Test::Prefix(value.chars().take(length).collect()))
        }
        2 => match Pattern::new(pick(random, PATTERNS)) {
            Ok(pattern) => {
                Expr::Field(if random.random_bool(0.5) { Field::Message } else { field }, Test::Regex(pattern))
            }
            Err(error) => panic!("{error}"),
        },
        3 => Expr::Field(field, Test::Compare(comparison(random), pick(random, NUMBERS))),
        4 => Expr::Field(field, Test::AnyOf(vec![value, pick(random, AWKWARD).to_owned()])),
        _ => Expr::Field(field, Test::AnyOf(vec![value])),
    }
}

fn comparison(random: &mut StdRng) -> Comparison {
    pick(random, &[Comparison::Less, Comparison::LessOrEqual, Comparison::Greater, Comparison::GreaterOrEqual])
}
