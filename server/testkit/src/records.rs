//! Deterministic records: the same seed, the same bytes.

use model::{Record, RecordId, Severity};
use pipeline::{Batch, BatchId};

/// The observed time of every batch made here: 2026-01-02T03:04:05Z.
pub const OBSERVED: i64 = 1_767_323_045_000_000_000;

/// A batch of plain records with unique messages.
pub fn batch(number: u64, count: usize) -> Batch {
    let first = RecordId::base((OBSERVED / 1_000_000) as u64, u128::from(number) << 16);
    let records = (0..count)
        .map(|place| Record {
            id: first.nth(place),
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
    Batch { id: BatchId(first.to_bytes()), client_id: false, producer: "test".into(), observed_time: OBSERVED, records }
}
