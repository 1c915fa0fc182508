//! The queue's messages: any bytes are a batch or an error, and a batch reads as it was written.

use model::{Record, RecordId, Severity, Value};
use pipeline::{Batch, BatchId, envelope};

pub fn run(bytes: &[u8]) {
    if let Ok(batch) = envelope::decode(bytes) {
        let again = envelope::decode(&envelope::encode(&batch));
        assert_eq!(again.ok().as_ref(), Some(&batch));
    }
}

/// Batches of several sizes: the smallest are written plainly, the others compressed.
pub fn seeds() -> Vec<Vec<u8>> {
    [1, 2, 40].map(|records| envelope::encode(&batch(records))).into()
}

fn batch(records: u32) -> Batch {
    let base = RecordId::base(1, 0);
    let record = |number: u32| Record {
        id: base.nth(number as usize),
        time: 1_767_323_045_000_000_000 + i64::from(number),
        observed_time: 5,
        severity: Severity::INFO,
        level: "info".into(),
        service: "shop".into(),
        node: "a1".into(),
        message: format!("message {number}"),
        attributes: match number {
            0 => Vec::new(),
            _ => vec![
                ("n".into(), Value::Int(number.into())),
                ("ok".into(), Value::Bool(true)),
                ("took".into(), Value::Float(1.5)),
                ("user".into(), Value::Text("ann".into())),
            ],
        },
        trace_id: number.is_multiple_of(3).then_some([number as u8; 16]),
        span_id: number.is_multiple_of(3).then_some([number as u8; 8]),
    };
    Batch {
        id: BatchId([1; 16]),
        client_id: true,
        producer: "fuzz".into(),
        observed_time: 5,
        records: (0..records).map(record).collect(),
    }
}
