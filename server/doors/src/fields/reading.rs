//! The state of a record while its fields are read: decides which field is its message, level and time.

use compact_str::{CompactString, format_compact};
use model::{LevelNumbers, Severity, Text, Value};
use pipeline::normalise::{RawId, RawRecord, RawTime};

use crate::{
    mapping::{Mapping, Role},
    template,
};

/// From here on, with more than 15 digits before the point, a float may change the digits.
pub(super) const EXACT: f64 = 1e15;

pub(super) struct Reading<'a> {
    pub(super) mapping: &'a Mapping,
    record: RawRecord,
    /// The field that provided the message, until a field of higher rank occurs.
    message_from: Option<CompactString>,
    /// The attribute that becomes the message if there is no other.
    hint: Option<usize>,
    /// A message field contains an object.
    is_structured: bool,
    /// A message field is `null`.
    is_null: bool,
    /// The level was a number.
    is_numbered: bool,
    /// The severity of a number outside the level field, and whether it is an exact severity.
    beside: Option<(Severity, &'static str, bool)>,
    /// A number may have lost digits as a float.
    pub(super) is_inexact: bool,
}

impl<'a> Reading<'a> {
    pub(super) fn new(mapping: &'a Mapping) -> Self {
        Self {
            mapping,
            record: RawRecord::default(),
            message_from: None,
            hint: None,
            is_structured: false,
            is_null: false,
            is_numbered: false,
            beside: None,
            is_inexact: false,
        }
    }

    fn attribute(&mut self, path: CompactString, value: Value) {
        self.record.attributes.push((path, value));
    }

    /// Assigns a value that has a text form: most loggers send most fields as texts.
    pub(super) fn text(&mut self, role: Role, path: CompactString, text: &str) {
        let record = &mut self.record;
        match role {
            // The first of several names wins; the others become attributes.
            Role::Message if record.message.is_empty() => text.clone_into(&mut record.message),
            Role::Message if self.message_from.is_some() && !text.is_empty() => {
                self.demote();
                text.clone_into(&mut self.record.message);
            }
            Role::SecondMessage if record.message.is_empty() && !text.is_empty() => {
                text.clone_into(&mut record.message);
                self.message_from = Some(path);
            }
            Role::Hint => {
                self.hint = self.hint.or(Some(record.attributes.len()));
                self.attribute(path, Value::Text(Text::new(text)));
            }
            Role::Time if matches!(record.time, RawTime::Missing) => record.time = RawTime::Text(text.to_owned()),
            Role::Level => self.level(path, Value::Text(Text::new(text))),
            Role::Service if record.service.is_empty() => record.service = Text::new(text),
            Role::Node if record.node.is_empty() => record.node = Text::new(text),
            Role::TraceId if matches!(record.trace_id, RawId::Missing) => {
                record.trace_id = RawId::Text(text.to_owned())
            }
            Role::SpanId if matches!(record.span_id, RawId::Missing) => record.span_id = RawId::Text(text.to_owned()),
            _ => self.attribute(path, Value::Text(Text::new(text))),
        }
    }

    pub(super) fn number(&mut self, role: Role, path: CompactString, value: Value) {
        // The normalise stage handles NaN and infinities.
        self.is_inexact |= matches!(value, Value::Float(number) if number.abs() >= EXACT);
        match (role, &value) {
            // Epochs; the size determines the unit, as for texts.
            (Role::Time, Value::Int(number)) if matches!(self.record.time, RawTime::Missing) => {
                self.record.time = RawTime::Number(*number);
            }
            (Role::Nanos, Value::Int(nanos @ 0..1_000_000_000)) => match self.record.time {
                RawTime::Number(seconds) => self.record.time = RawTime::from_parts(seconds, *nanos),
                _ => self.attribute(path, value),
            },
            (Role::Level, _) => self.level(path, value),
            (Role::Message | Role::SecondMessage | Role::Time | Role::Service | Role::Node, _) => {
                self.text(role, path, &format_compact!("{value}"));
            }
            _ => self.attribute(path, value),
        }
    }

    pub(super) fn boolean(&mut self, role: Role, path: CompactString, value: bool) {
        match role {
            Role::Message => self.text(role, path, if value { "true" } else { "false" }),
            _ => self.attribute(path, Value::Bool(value)),
        }
    }

    pub(super) fn null(&mut self, role: Role) {
        self.is_null |= role == Role::Message;
    }

    /// Assigns a list as its JSON text.
    pub(super) fn list(&mut self, role: Role, path: CompactString, text: String) {
        if matches!(role, Role::Message | Role::SecondMessage) && self.record.message.is_empty() {
            self.record.message = text;
            self.message_from = Some(path);
        } else {
            self.attribute(path, Value::Text(text.into()));
        }
    }

    /// Records that a message field contains an object.
    pub(super) fn structured(&mut self, role: Role) {
        self.is_structured |= matches!(role, Role::Message | Role::SecondMessage | Role::Payload);
    }

    fn level(&mut self, path: CompactString, value: Value) {
        let numbers = LevelNumbers::of_field(&path);
        let is_own = matches!(numbers, LevelNumbers::Level | LevelNumbers::Google | LevelNumbers::Dotnet);
        let is_missing = self.record.level.is_empty();
        if is_own && is_missing && self.record.set_level(&value, numbers) {
            self.is_numbered = self.record.severity.is_some();
            return;
        }
        let is_exact = match numbers {
            LevelNumbers::OpenTelemetry => true,
            LevelNumbers::Google => matches!(value, Value::Int(8..=24)),
            _ => false,
        };
        let read = match &value {
            _ if is_own && !is_exact => None,
            Value::Int(number) => numbers.read(*number),
            Value::Text(text) => numbers.read_text(text),
            Value::Bool(_) | Value::Float(_) => None,
        };
        match (read, value) {
            (Some((severity, word)), value) => {
                if is_exact || self.beside.is_none() {
                    self.beside = Some((severity, word, is_exact));
                }
                // Keeps the number, because the severity does not represent it exactly.
                if matches!(numbers, LevelNumbers::Python | LevelNumbers::Java) {
                    self.attribute(path, value);
                }
            }
            (None, Value::Text(word)) if is_missing && !is_own => self.record.level = word,
            (None, value) => self.attribute(path, value),
        }
    }

    /// Turns a message into an attribute, because a field of higher rank replaces it.
    fn demote(&mut self) {
        if let Some(name) = self.message_from.take() {
            let text = std::mem::take(&mut self.record.message);
            self.attribute(name, Value::Text(text.into()));
        }
    }

    /// Completes the record. `structure` returns the JSON text of the object that is the message.
    pub(super) fn finish(&mut self, structure: impl FnOnce() -> Option<String>) -> RawRecord {
        let is_null = self.is_null;
        let mut record = self.finish_with_message(structure);
        if is_null && record.message.is_empty() {
            record.message.push_str("null");
        }
        record
    }

    /// [`Reading::finish`], except for a `null` message.
    pub(super) fn finish_with_message(&mut self, structure: impl FnOnce() -> Option<String>) -> RawRecord {
        if self.record.message.is_empty() || self.message_from.is_some() {
            let second = std::mem::take(&mut self.record.message);
            template::render(&mut self.record);
            let rendered = std::mem::replace(&mut self.record.message, second);
            if !rendered.is_empty() {
                self.demote();
                self.record.message = rendered;
            }
        }
        if self.record.message.is_empty() && self.is_structured {
            self.record.message = structure().unwrap_or_default();
        }
        let record = &mut self.record;
        if let Some((_, Value::Text(text))) = self.hint.and_then(|place| record.attributes.get(place))
            && record.message.is_empty()
        {
            record.message = text.to_string();
        }
        if let Some((severity, word, is_exact)) = self.beside {
            // If the word is not a level, the number decides.
            if is_exact || record.severity.is_none() && Severity::from_word(&record.level).is_none() {
                record.severity = Some(severity.number().into());
            }
            if record.level.is_empty() || is_exact && self.is_numbered {
                record.level = Text::const_new(word);
            }
        }
        self.mapping.complete(record);
        std::mem::take(record)
    }
}
