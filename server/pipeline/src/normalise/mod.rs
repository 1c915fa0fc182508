//! The normalise stage: from decoded input to a [`Record`].
//!
//! Doors only decode; all rules about records are here, so that all doors agree. The stage establishes the invariants
//! of [`Record`]. An unusable field (an unreadable time, a malformed trace id) is replaced, and the original is kept in
//! an attribute `….original`. A field beyond a limit rejects the record; the reason contains the field, the limit and
//! the remedy.

mod attributes;
mod ids;
mod level;
mod raw;
#[cfg(test)]
mod tests;
mod text;
mod time;

use std::time::Duration;

use chrono::FixedOffset;
use model::{Nanos, Record, RecordId, Severity, Value, limits};

pub use raw::{RawId, RawRecord, RawTime};
use text::{bounded, bounded_string};

/// The configurable rules.
#[derive(Debug, Clone, Copy)]
pub struct Normaliser {
    /// The zone of times without one.
    pub assume_timezone: FixedOffset,
    /// The retention: older records are stored at their time of receipt, so that one wrong clock cannot create
    /// thousands of partitions. `None`: no limit.
    pub oldest: Option<Duration>,
}

impl Default for Normaliser {
    /// UTC, and no retention.
    fn default() -> Self {
        Self { assume_timezone: chrono::Offset::fix(&chrono::Utc), oldest: None }
    }
}

/// A rejected record; the others of its submission are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Its index in the submission, from 0.
    pub index: usize,
    /// The field, the limit and the remedy.
    pub reason: String,
}

impl Normaliser {
    /// Makes the record without an id; the id comes with its batch.
    pub fn record(&self, raw: RawRecord, observed_time: Nanos) -> Result<Record, String> {
        if raw.message.is_empty() && raw.attributes.is_empty() {
            return Err("message: empty, and there are no attributes; send at least one of them".into());
        }
        let mut attributes = attributes::normalise(raw.attributes)?;
        let (time, time_original) = time::normalise(self, raw.time, observed_time);
        let (trace_id, trace_original) = ids::normalise(raw.trace_id);
        let (span_id, span_original) = ids::normalise(raw.span_id);
        let originals = [
            ("time.original", time_original),
            ("trace_id.original", trace_original),
            ("span_id.original", span_original),
        ];
        for (key, original) in originals {
            if let Some(original) = original {
                attributes::keep_original(&mut attributes, key, &original);
            }
        }

        let stated = raw.severity.and_then(|number| u8::try_from(number).ok()).and_then(Severity::new);
        let (level, severity) = level::normalise(raw.level, stated)?;

        let node = bounded(raw.node, "node", limits::NAME_BYTES)?;
        let mut service = bounded(raw.service, "service", limits::NAME_BYTES)?;
        if service.is_empty() {
            service = node.clone();
        }
        Ok(Record {
            id: RecordId::default(),
            time,
            observed_time,
            severity,
            level,
            service,
            node,
            message: bounded_string(raw.message, "message", limits::MESSAGE_BYTES)?,
            attributes,
            trace_id,
            span_id,
        })
    }
}

/// Replaces values that JSON and SQL cannot represent by text.
fn finite_or_text(value: Value) -> Value {
    match value {
        Value::Float(number) if !number.is_finite() => Value::Text(number.to_string().into()),
        value => value,
    }
}
