//! Deterministic records: equal seeds give equal bytes.
//!
//! [`batch`] makes plain records, [`corpus`] makes batches like those of services, including every awkward value.
//! [`queries`] (C7) and [`aggregations`] (C13) make the requests on which all engines must agree.

mod aggregations;
mod queries;

use model::{Record, RecordId, Severity, Text, Value, audit};
use pipeline::{Batch, BatchId};
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

pub use aggregations::aggregations;
pub use queries::queries;

/// The observed time of every generated batch: 2026-01-02T03:04:05Z.
pub const OBSERVED: i64 = 1_767_323_045_000_000_000;

/// Messages, words and values that have broken log stores before.
pub const AWKWARD: &[&str] = &[
    "",
    " ",
    "plain",
    "Timeout",
    "connection reset by peer",
    "CONNECTION RESET BY PEER",
    "it's \"quoted\" and 'quoted'",
    "back\\slash \\n \\x00 \\",
    "100% _under_ %score% [a-z]*",
    "'; drop table logs; --",
    "line one\nline two\r\n\tindented",
    "한국어 로그 메시지",
    "Straße ÉTÉ İstanbul ſ K",
    "e\u{301} and \u{e9}",
    "\u{1f4a3}\u{200d}\u{1f525} \u{202e}right to left",
    "replaced \u{fffd} nul",
    "\u{1}\u{1f}\u{7f}\u{85}\u{2028}",
    "{\"json\":{\"a\":[1,2,\"x\"]}}",
    "/api/v1/orders",
    "/api/v1/orders/17",
    "500",
    "0500",
    "500.0",
    "5e2",
    "+500",
    " 500",
    "-1.5",
    ".5",
    "1_000",
    "NaN",
    "inf",
    "0x1f",
    "9223372036854775807",
    "9223372036854775808",
    "123456789012345678901234567890",
    "true",
    "null",
    "a",
    "A",
    "*",
];

/// Messages in scripts with letter case, including letters whose case folding is often wrong.
pub const CASED: &[&str] = &[
    "Ошибка подключения: ПРЕВЫШЕН лимит",
    "\u{1c80}\u{1c81}\u{1c82}\u{1c83}\u{1c84}\u{1c85} Водостоп ъѣ",
    "Σφάλμα σύνδεσης στο ΟΔΟΣ Ὀδυσσεύς ϐϑϕϖϰϱϵ",
    "\u{1f80}\u{1f88} \u{390}\u{1fd3} \u{3b0}\u{1fe3} \u{345}\u{399}\u{3b9}\u{1fbe}",
    "İstanbul ISPARTA ısı ĞÜŞİÖÇ ğüşıöç",
    "Über die Straße STRAẞE strasse GRÖSSE Größe",
    "ქართული ენა ᲥᲐᲠᲗᲣᲚᲘ",
    "ՀԱՅԵՐԵՆ հայերեն և",
    "300 \u{212a}elvin 10 \u{212b}ngström 5 \u{2126}hm µs μs ΜS",
    "pa\u{17f}\u{17f}word SESSION ſtaſk KiosK \u{fb05}\u{fb06}",
    "ꭰꭱ ᎠᎡ ᏸ\u{13f0} 𐐀𐐨 𞤀𞤢",
    "ǄǅǆǇǈǉ Ⱥⱥ ȾⱦɐⱯ ẛṡṠ",
    "ЉУБАВ љубав ҐУДЗИК Ґудзик",
    "ÉCHEC échec NAÏVE e\u{301}CHEC",
    "주문 실패 エラー 错误 ＡＢＣａｂｃ",
];

/// Numbers at the limits of their types.
const INTEGERS: &[i64] =
    &[0, 1, -1, 200, 404, 500, 503, 9_007_199_254_740_993, -9_007_199_254_740_993, i64::MAX, i64::MIN];
const NUMBERS: &[f64] = &[0.0, -0.0, 0.1, 1.5, -2.5, 200.0, 500.5, 1e15, 1e16, 1e21, 1e-7, 5e-324, f64::MAX, f64::MIN];
const KEYS: &[&str] = &[
    "http.status",
    "http.method",
    "duration_ms",
    "user_id",
    "path",
    "level",
    "service",
    "with space",
    "quo\"te",
    "quo'te",
    "back\\slash",
    "dotted.deeply.key",
    "키",
    "Path",
];
const LEVELS: &[&str] = &["info", "warn", "warning", "error", "debug", "http", "notice", "fatal", "trace", "straße"];
const SERVICES: &[&str] = &["api", "web", "worker", "", "API", "order service", "주문", "a\"b\\c'd"];
const NODES: &[&str] = &["n1", "n2", "n3", "", "10.0.0.7:4317"];

/// A batch of plain records with unique messages, such as `record 2 of batch 7`.
pub fn batch(number: u64, count: usize) -> Batch {
    let records = (0..count)
        .map(|place| Record {
            id: RecordId::default(),
            time: OBSERVED,
            observed_time: OBSERVED,
            severity: Severity::INFO,
            level: "info".into(),
            service: "api".into(),
            node: "n1".into(),
            message: format!("record {place} of batch {number}"),
            attributes: Vec::new(),
            trace_id: None,
            span_id: None,
        })
        .collect();
    sealed(number, records)
}

/// A batch with random messages of `bytes` bytes each, which do not compress.
pub fn long_messages(number: u64, count: usize, bytes: usize) -> Batch {
    let mut random = StdRng::seed_from_u64(number);
    let mut batch = batch(number, count);
    for record in &mut batch.records {
        record.message = (0..bytes).map(|_| char::from(random.random_range(b' '..=b'~'))).collect();
    }
    batch
}

/// `batches` batches of 1 to 40 records. Their times lie within some seconds, with many ties. Every record has a unique
/// attribute `seq`.
pub fn corpus(seed: u64, batches: usize) -> Vec<Batch> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut sequence = 0;
    (0..batches)
        .map(|number| {
            let count = random.random_range(1..=40);
            let records = (0..count)
                .map(|_| {
                    sequence += 1;
                    awkward_record(&mut random, sequence)
                })
                .collect();
            sealed(seed << 32 | number as u64, records)
        })
        .collect()
}

/// Assigns the ids of a batch.
fn sealed(number: u64, mut records: Vec<Record>) -> Batch {
    let first = RecordId::base((OBSERVED / 1_000_000).unsigned_abs(), u128::from(number) << 16);
    for (place, record) in records.iter_mut().enumerate() {
        record.id = first.nth(place);
        record.observed_time = OBSERVED;
    }
    Batch {
        id: BatchId(first.to_bytes()),
        client_id: false,
        producer: "testkit".into(),
        observed_time: OBSERVED,
        records,
    }
}

fn awkward_record(random: &mut StdRng, sequence: i64) -> Record {
    let level = pick(random, LEVELS);
    let mut attributes: Vec<(Text, Value)> = vec![("seq".into(), Value::Int(sequence))];
    for key in KEYS {
        if random.random_ratio(1, 3) {
            attributes.push((Text::from(*key), awkward_value(random)));
        }
    }
    // Some are of the service of the audit, with and without being of it.
    let is_own = sequence % 16 == 0;
    if is_own {
        attributes.push((audit::ATTRIBUTE.into(), Value::Bool(sequence % 32 == 0)));
    }
    attributes.sort_by(|left, right| left.0.cmp(&right.0));
    let message = match random.random_range(0..5) {
        0 => pick(random, AWKWARD).to_owned(),
        1 => format!("{} {}", pick(random, AWKWARD), pick(random, AWKWARD)),
        2 => format!("{} {}", pick(random, CASED), pick(random, AWKWARD)),
        _ => format!("request {sequence} was answered after {} ms", random.random_range(0..2000)),
    };
    let mut record = Record {
        id: RecordId::default(),
        // Often equal to the nanosecond, sometimes a nanosecond apart.
        time: OBSERVED + random.random_range(-3..3) * 1_000_000_000 + random.random_range(0..3),
        observed_time: OBSERVED,
        severity: Severity::from_word(level).unwrap_or(Severity::INFO),
        level: level.into(),
        service: pick(random, SERVICES).into(),
        node: pick(random, NODES).into(),
        message,
        attributes,
        trace_id: random.random_ratio(1, 2).then(|| [random.random_range(0..4); 16]),
        span_id: random.random_ratio(1, 2).then(|| random.next_u64().to_be_bytes()),
    };
    if is_own {
        record.service = audit::SERVICE.into();
    }
    record
}

fn awkward_value(random: &mut StdRng) -> Value {
    match random.random_range(0..7) {
        0 => Value::Bool(random.random_bool(0.5)),
        1 => Value::Int(pick(random, INTEGERS)),
        2 => Value::Float(pick(random, NUMBERS)),
        3 => Value::Text(Text::from(pick(random, CASED))),
        _ => Value::Text(Text::from(pick(random, AWKWARD))),
    }
}

fn pick<T: Copy>(random: &mut StdRng, from: &[T]) -> T {
    from[random.random_range(0..from.len())]
}
