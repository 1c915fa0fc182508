//! The normalise stage: from what a door has read to a [`Record`].
//!
//! Doors decode and nothing more; every rule about what a record is stands here, so
//! that all doors agree. Keeps the invariants of [`Record`]. A field that is merely odd
//! (an unreadable time, a malformed trace id) is replaced, and what the client sent is
//! kept in an attribute `….original`; a field past a limit refuses the record, with a
//! reason that names the field, the limit and the way out.

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

/// The rules that depend on configuration.
#[derive(Debug, Clone, Copy)]
pub struct Normaliser {
    /// Holds for times without a zone.
    pub assume_timezone: FixedOffset,
    /// The retention: an older record is stored at its time of receipt, so that one
    /// wrong clock cannot make thousands of partitions. `None`: however old.
    pub oldest: Option<Duration>,
}

impl Default for Normaliser {
    /// UTC, and no retention.
    fn default() -> Self {
        Self { assume_timezone: chrono::Offset::fix(&chrono::Utc), oldest: None }
    }
}

/// One record that was refused; the others of its submission are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Its place in the submission, from 0.
    pub index: usize,
    /// Names the field, the limit and the way out.
    pub reason: String,
}

impl Normaliser {
    /// Makes the record; its id is given later, with its batch.
    ///
    /// # Errors
    /// The reason for the client.
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

/// Values that stand for themselves; those that JSON and SQL cannot hold become text.
fn finite(value: Value) -> Value {
    match value {
        Value::Float(number) if !number.is_finite() => Value::Text(number.to_string().into()),
        value => value,
    }
}
