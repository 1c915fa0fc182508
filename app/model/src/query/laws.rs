//! Property tests of the query language with generated queries, texts and records.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::{LevelClass, Record, RecordId, Severity, Text, Value};

/// Texts that are hard to print: quotes, operators, blanks, other scripts.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-cA-C]{1,3}",
        "[sSkKſ\u{212a}σςΣоОßẞıİ]{1,3}",
        r#"[a-b"\\:<>=*/(),. \-\n한é]{1,6}"#,
        select(vec![
            "AND",
            "OR",
            "NOT",
            "-",
            "->",
            "*",
            "/",
            "/a/",
            "http://x",
            "//x",
            "::x",
            "(",
            "1e5",
            "\\",
            "\"",
            "a b",
            "a:b",
            "a=b",
            "a=",
            "!a",
            "!=",
            "&&",
            "||",
            "aa:bb:cc:dd",
            "fd12::1",
            "a.go:60",
            "localhost:80",
            "C:\\x",
            "[1 TO 2]"
        ])
        .prop_map(str::to_owned),
    ]
}

/// Texts for values that also occur as text forms of a record's values.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        text(),
        Just(String::new()),
        select(vec!["true", "1", "-2.5", "500", "1e3", "ab", "00ff"]).prop_map(str::to_owned)
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![3 => select(vec!["a", "b.c", "level", "attr.x", "@t", "k8s.io/x-", "my key", "9", "é", "_exists_", "main.go", "localhost", "fd12", "C"]).prop_map(str::to_owned), 1 => text()]
}

fn field() -> impl Strategy<Value = Field> {
    prop_oneof![
        select(vec![Field::Service, Field::Node, Field::TraceId, Field::SpanId, Field::Id]),
        key().prop_map(Field::Attribute),
    ]
}

/// A field's value in a canonical query; for ids, all hexadecimal digits.
fn canonical_value(field: &Field, value: String) -> String {
    let digits = |length| value.bytes().cycle().take(length).map(|byte| format!("{byte:02x}")).collect();
    match field {
        Field::TraceId if value.is_empty() => "1".repeat(32),
        Field::SpanId if value.is_empty() => "1".repeat(16),
        Field::TraceId => digits(16),
        Field::SpanId => digits(8),
        Field::Id => value.to_ascii_lowercase(),
        _ => value,
    }
}

/// A field's prefix in a canonical query.
fn canonical_prefix(field: &Field, prefix: String) -> String {
    match field {
        Field::TraceId | Field::SpanId => term::id_prefix(&prefix).unwrap_or_else(|| "a".to_owned()),
        _ => canonical_value(field, prefix),
    }
}

fn comparison() -> impl Strategy<Value = Comparison> {
    select(vec![Comparison::Less, Comparison::LessOrEqual, Comparison::Greater, Comparison::GreaterOrEqual])
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        select(vec![0.0, 1.0, -2.5, 500.0, 1000.0]),
        proptest::num::f64::NORMAL | proptest::num::f64::ZERO | proptest::num::f64::SUBNORMAL
    ]
}

fn pattern() -> impl Strategy<Value = Pattern> {
    select(vec!["a", "^a.c?$", "[/ ]", r"\/\d+", r"\\", "(a|b) c", "", " a", "\"", "한"])
        .prop_map(|source| Pattern::new(source).unwrap())
}

fn leaf() -> impl Strategy<Value = Expr> {
    let class = select(LevelClass::ALL.to_vec());
    let words = vec(select(vec!["http", "notice", "a b", "", "*"]).prop_map(str::to_owned), 0..3);
    let classes = vec(class.clone(), 0..3).prop_map(|mut classes| {
        classes.sort_unstable();
        classes.dedup();
        classes
    });
    let level = prop_oneof![
        (classes, words)
            .prop_filter("nothing asked", |(classes, words)| !classes.is_empty() || !words.is_empty())
            .prop_map(|(classes, words)| Test::LevelIn { classes, words }),
        (comparison(), class).prop_map(|(comparison, class)| Test::LevelCompare(comparison, class)),
        select(vec!["er", "h", " "]).prop_map(|prefix| Test::Prefix(prefix.to_owned())),
        pattern().prop_map(Test::Regex),
        Just(Test::Exists),
    ];
    let message = prop_oneof![
        text().prop_map(Test::Prefix),
        pattern().prop_map(Test::Regex),
        Just(Test::Exists),
        (comparison(), number()).prop_map(|(c, n)| Test::Compare(c, n))
    ];
    let other = (field(), vec(value(), 1..4), text(), pattern(), comparison(), number(), 0..5).prop_map(
        |(field, values, prefix, pattern, comparison, number, kind)| {
            let test = match kind {
                0 => Test::AnyOf(values.into_iter().map(|value| canonical_value(&field, value)).collect()),
                1 => Test::Prefix(canonical_prefix(&field, prefix)),
                2 => Test::Regex(pattern),
                3 => Test::Compare(comparison, number),
                _ => Test::Exists,
            };
            Expr::Field(field, test)
        },
    );
    prop_oneof![
        3 => text().prop_map(Expr::Contains),
        1 => level.prop_map(|test| Expr::Field(Field::Level, test)),
        1 => message.prop_map(|test| Expr::Field(Field::Message, test)),
        4 => other,
    ]
}

fn query() -> impl Strategy<Value = Query> {
    let tree = leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Expr::and),
            vec(inner.clone(), 2..4).prop_map(Expr::or),
            inner.prop_map(Expr::not),
        ]
    });
    prop_oneof![9 => tree, 1 => Just(Expr::All), 1 => Just(Expr::nothing())].prop_map(|expr| Query { expr })
}

/// Strings that often resemble queries.
fn scribble() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        select(vec![
            "AND",
            "OR",
            "NOT",
            "(",
            ")",
            "-",
            "\"",
            "\\",
            "*",
            ":",
            ",",
            ">=",
            "<",
            "/",
            " ",
            "level",
            "error",
            "a",
            "b.c",
            "5",
            "\n",
            "한",
            "=",
            "!",
            "&&",
            "||",
            "[",
            "]",
            "{",
            " TO ",
            "_exists_:",
            "a.go:60",
            "fd12::",
            "C:\\",
            ": "
        ])
        .prop_map(str::to_owned),
        "\\PC{0,3}",
    ];
    prop_oneof![vec(part, 0..16).prop_map(|parts| parts.concat()), any::<String>()]
}

fn record() -> impl Strategy<Value = Record> {
    let value = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        (-3_i64..1001).prop_map(Value::Int),
        select(vec![-2.5, 1.0, 1e300]).prop_map(Value::Float),
        value().prop_map(|text| Value::Text(Text::new(text))),
    ];
    let attributes = vec((key(), value), 0..4).prop_map(|mut attributes| {
        attributes.sort_by(|left, right| left.0.cmp(&right.0));
        attributes.dedup_by(|left, right| left.0 == right.0);
        attributes.into_iter().map(|(key, value)| (Text::new(key), value)).collect()
    });
    let names = (select(vec!["", "ab", "a b"]), select(vec!["", "ab", "1"]), select(vec!["error", "http", "a b", ""]));
    (
        1_u8..25,
        names,
        "[a-cA-C \"/1.5한sSkKſ\u{212a}σςΣоОßẞıİ]{0,8}",
        attributes,
        any::<Option<[u8; 16]>>(),
        any::<Option<[u8; 8]>>(),
    )
        .prop_map(|(severity, (service, node, level), message, attributes, trace_id, span_id)| Record {
            id: RecordId(7),
            time: 0,
            observed_time: 0,
            severity: Severity::new(severity).unwrap_or(Severity::INFO),
            level: Text::new(level),
            service: Text::new(service),
            node: Text::new(node),
            message,
            attributes,
            trace_id,
            span_id,
        })
}

/// A naive reference evaluation that uses text forms only.
fn naive(expr: &Expr, record: &Record) -> bool {
    match expr {
        Expr::All => true,
        Expr::And(operands) => operands.iter().filter(|operand| !naive(operand, record)).count() == 0,
        Expr::Or(operands) => operands.iter().filter(|operand| naive(operand, record)).count() > 0,
        Expr::Not(operand) => !naive(operand, record),
        Expr::Contains(text) => {
            regex::Regex::new(&format!("(?i){}", regex::escape(text))).unwrap().is_match(&record.message)
        }
        Expr::Field(field, test) => {
            let Some(text) = naive_text(field, record) else { return false };
            match test {
                Test::Exists => true,
                Test::AnyOf(values) => values.contains(&text),
                Test::LevelIn { classes, words } => classes.contains(&record.severity.class()) || words.contains(&text),
                Test::LevelCompare(comparison, class) => {
                    naive_order(*comparison, f64::from(record.severity.class() as u8), f64::from(*class as u8))
                }
                Test::Prefix(prefix) => text.get(..prefix.len()) == Some(prefix),
                Test::Regex(pattern) => pattern.is_match(&text),
                Test::Compare(comparison, number) => {
                    let is_truth = text == "true" || text == "false";
                    let grammar = text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
                    match text.parse::<f64>() {
                        Ok(value) if grammar && !is_truth && value.is_finite() => {
                            naive_order(*comparison, value, *number)
                        }
                        _ => false,
                    }
                }
            }
        }
    }
}

fn naive_order(comparison: Comparison, left: f64, right: f64) -> bool {
    match comparison {
        Comparison::Less => left < right,
        Comparison::LessOrEqual => left <= right,
        Comparison::Greater => left > right,
        Comparison::GreaterOrEqual => left >= right,
    }
}

fn naive_text(field: &Field, record: &Record) -> Option<String> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match field {
        Field::Level => Some(record.level.to_string()),
        Field::Service => Some(record.service.to_string()).filter(|text| !text.is_empty()),
        Field::Node => Some(record.node.to_string()).filter(|text| !text.is_empty()),
        Field::Message => Some(record.message.clone()),
        Field::TraceId => record.trace_id.map(|id| hex(&id)),
        Field::SpanId => record.span_id.map(|id| hex(&id)),
        Field::Id => Some(record.id.to_string()),
        Field::Attribute(key) => {
            record.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.to_string())
        }
    }
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_as_the_same_query(query in query()) {
        let printed = query.to_string();
        prop_assert_eq!(Query::parse(&printed), Ok(query), "{}", printed);
    }

    #[test]
    fn no_text_is_too_odd_to_be_read_or_searched_for(text in scribble()) {
        let (query, error) = Query::parse_or_text(&text);
        match Query::parse(&text) {
            Ok(parsed) => prop_assert_eq!((query, error), (parsed, None)),
            Err(reason) => {
                prop_assert!(reason.position <= text.chars().count());
                prop_assert_eq!((query, error), (Query::contains(text.trim()), Some(reason)));
            }
        }
    }

    #[test]
    fn printing_what_was_read_settles_at_once(text in scribble()) {
        let (query, _) = Query::parse_or_text(&text);
        let printed = query.to_string();
        prop_assert_eq!(Query::parse(&printed), Ok(query), "{:?} as {:?}", text, printed);
    }

    #[test]
    fn spans_are_in_order_and_cover_all_but_blanks(text in scribble()) {
        let spans = highlight(&text);
        let mut at = 0;
        for span in &spans {
            prop_assert!(at <= span.start && span.start < span.end, "{:?} {:?}", text, spans);
            prop_assert!(text[at..span.start].trim().is_empty(), "{:?} {:?}", text, spans);
            at = span.end;
        }
        prop_assert!(text[at..].trim().is_empty(), "{:?} {:?}", text, spans);
    }

    #[test]
    fn the_matcher_agrees_with_the_plain_meaning(query in query(), record in record()) {
        prop_assert_eq!(query.matches(&record), naive(&query.expr, &record), "{}", query);
        prop_assert_eq!(query.clone().not().matches(&record), !query.matches(&record));
    }

    #[test]
    fn the_text_of_a_field_is_its_plain_text(field in field(), record in record()) {
        prop_assert_eq!(field.text(&record).map(String::from), naive_text(&field, &record));
    }
}
