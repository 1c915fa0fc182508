//! What doors hand in.

use model::{Text, Value};

/// A record as a door has read it; the default is an empty one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RawRecord {
    pub time: RawTime,
    /// OpenTelemetry severity number; where it is not one of 1 to 24, `level` decides.
    pub severity: Option<u32>,
    /// The client's own word.
    pub level: Text,
    pub service: Text,
    pub node: Text,
    pub message: String,
    /// In any order; of several with one key the last counts.
    pub attributes: Vec<(Text, Value)>,
    /// 16 bytes; 8 are an older form of it and are filled up with zeros in front.
    pub trace_id: RawId,
    /// 8 bytes.
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
    /// Hexadecimal, in any case, with or without hyphens.
    Text(String),
}
