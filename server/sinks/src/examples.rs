//! Records for the tests.

use model::{Position, Record, RecordId, Severity, StoredRecord, Text, Value};
use pipeline::{BatchId, follow::Outgoing};

/// 2023-11-14T22:13:20.000000123Z.
pub(crate) const TIME: i64 = 1_700_000_000_000_000_123;

/// A small record.
pub(crate) fn record(message: &str) -> Record {
    Record {
        id: RecordId::base(1_700_000_000_123, 0xabcd_0000_0000_0000_0000),
        time: TIME,
        observed_time: TIME + 5,
        severity: Severity::INFO,
        level: "info".into(),
        service: "shop".into(),
        node: "a1".into(),
        message: message.to_owned(),
        attributes: Vec::new(),
        trace_id: None,
        span_id: None,
    }
}

/// A record with every field and every type of value.
pub(crate) fn full() -> Record {
    let attributes = [
        ("batch", Value::Bool(true)),
        ("duration_ms", Value::Float(2.0)),
        ("http.status", Value::Int(-503)),
        ("user", Value::Text("Ann \"the\" 한글\n".into())),
    ];
    Record {
        severity: Severity::new(14).unwrap(),
        level: "notice".into(),
        attributes: attributes.into_iter().map(|(key, value)| (Text::from(key), value)).collect(),
        trace_id: Some([0x5b; 16]),
        span_id: Some([0xee; 8]),
        ..record("two\nlines")
    }
}

/// A batch at positions 100, 101, … Each record has an id of its own.
pub(crate) fn outgoing<const N: usize>(records: [Record; N]) -> Outgoing {
    let place = |(n, record): (usize, Record)| StoredRecord {
        position: Position(100 + n as i64),
        record: Record { id: record.id.nth(n), ..record },
    };
    Outgoing { id: BatchId([7; 16]), records: records.into_iter().enumerate().map(place).collect() }
}
