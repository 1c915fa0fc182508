//! What doors hand in.

use model::{LevelNumbers, Text, Value, time::from_epoch};

/// A record as a door has read it; the default is an empty one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RawRecord {
    pub time: RawTime,
    /// OpenTelemetry severity number; where it is not one of 1 to 24, `level` decides.
    pub severity: Option<u32>,
    /// The client's own word, or a number as text.
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

impl RawRecord {
    /// Takes the value of a level field whose numbers count so: a word as it is, a number as the
    /// severity and its word. False for a number that is no level, which changes nothing.
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

/// When it happened, as far as the client said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RawTime {
    #[default]
    Missing,
    /// Nanoseconds since the Unix epoch, where the door knows that they are.
    Nanos(i64),
    /// Seconds, milliseconds, microseconds or nanoseconds since the Unix epoch; its size says
    /// which ([`model::time::from_epoch`]). For every door whose clients send a number, whatever
    /// the protocol asks for.
    Number(i64),
    /// In any form that [`model::time::parse_timestamp`] reads.
    Text(String),
}

impl RawTime {
    /// A protocol's seconds and nanoseconds; some clients count in other units there.
    pub fn from_parts(seconds: i64, nanos: i64) -> Self {
        match from_epoch(seconds) {
            Some(time) if time.checked_div(1_000_000_000) == Some(seconds) => Self::Nanos(time.saturating_add(nanos)),
            _ => Self::Number(seconds),
        }
    }
}

/// A trace or span id, as far as the client said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RawId {
    #[default]
    Missing,
    /// As they are, or the letters of its text form.
    Bytes(Vec<u8>),
    /// In any form that [`model::trace::parse_id`] reads.
    Text(String),
}
