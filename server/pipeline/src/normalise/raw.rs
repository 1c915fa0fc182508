//! The input of the normalise stage, filled by doors.

use model::{LevelNumbers, Text, Value, time::from_epoch};

/// A decoded record; the default is empty.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RawRecord {
    pub time: RawTime,
    /// OpenTelemetry severity number; outside 1 to 24, `level` decides.
    pub severity: Option<u32>,
    /// The client's word, or a number as text.
    pub level: Text,
    pub service: Text,
    pub node: Text,
    pub message: String,
    /// In any order; the last of equal keys wins.
    pub attributes: Vec<(Text, Value)>,
    /// 16 bytes; an older form has 8 bytes and is padded with leading zeros.
    pub trace_id: RawId,
    /// 8 bytes.
    pub span_id: RawId,
}

impl RawRecord {
    /// Sets level and severity from a level field; `numbers` defines the meaning of numbers. Returns false, and changes
    /// nothing, if a number is not a level.
    pub fn set_level(&mut self, value: &Value, numbers: LevelNumbers) -> bool {
        let read = match value {
            Value::Int(number) => numbers.read(*number),
            Value::Bool(_) => None,
            Value::Float(number) => numbers.read_text(&number.to_string()),
            Value::Text(text) => match numbers.read_text(text) {
                None => {
                    self.severity = None;
                    self.level = text.clone();
                    return true;
                }
                read => read,
            },
        };
        let Some((severity, word)) = read else { return false };
        self.severity = Some(severity.number().into());
        self.level = Text::const_new(word);
        true
    }
}

/// The time of the event as sent by the client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RawTime {
    #[default]
    Missing,
    /// Nanoseconds since the Unix epoch, if the door knows the unit.
    Nanos(i64),
    /// Seconds, milliseconds, microseconds or nanoseconds since the Unix epoch; the magnitude decides
    /// ([`model::time::from_epoch`]). Used by every door whose clients send a number, whatever unit the protocol
    /// specifies.
    Number(i64),
    /// In any form that [`model::time::parse_timestamp`] reads.
    Text(String),
}

impl RawTime {
    /// From a protocol's seconds and nanoseconds; some clients send other units in the seconds.
    pub fn from_parts(seconds: i64, nanos: i64) -> Self {
        match from_epoch(seconds) {
            Some(time) if time.checked_div(1_000_000_000) == Some(seconds) => Self::Nanos(time.saturating_add(nanos)),
            _ => Self::Number(seconds),
        }
    }
}

/// A trace or span id as sent by the client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RawId {
    #[default]
    Missing,
    /// The binary id, or the characters of its text form.
    Bytes(Vec<u8>),
    /// In any form that [`model::trace::parse_id`] reads.
    Text(String),
}
