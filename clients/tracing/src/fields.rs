//! The fields of an event or a span, by their types.

use std::{
    error::Error,
    fmt::{Debug, Display, Write as _},
};

use tracing::field::{Field, Visit};
use wire::v1::attribute::Value;

use crate::{
    limits,
    text::{self, Bounded},
};

/// Fields by name, each name once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields {
    list: Vec<(&'static str, Value)>,
}

impl Fields {
    /// Adds a field, or gives it another value.
    pub(crate) fn set(&mut self, name: &'static str, value: Value) {
        match self.list.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.list.push((name, value)),
        }
    }

    /// What they take in memory and, at most, on the wire; bytes.
    pub(crate) fn weight(&self) -> usize {
        self.list.iter().map(|(name, value)| size_of::<(&str, Value)>() + name.len() + outside(value)).sum()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.list.iter().map(|(name, value)| (*name, value))
    }
}

impl IntoIterator for Fields {
    type Item = (&'static str, Value);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

/// The bytes a value keeps on the heap.
fn outside(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        _ => 0,
    }
}

/// Reads fields into [`Fields`], and the message into its own place.
pub(crate) struct Reader<'a> {
    fields: &'a mut Fields,
    /// Where an event's `message` goes; to a span the name means nothing.
    message: Option<&'a mut String>,
    /// Whether `log.…` are the fields by which tracing-log tells where a record is from.
    bridged: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn of_span(fields: &'a mut Fields) -> Self {
        Self { fields, message: None, bridged: false }
    }

    pub(crate) fn of_event(fields: &'a mut Fields, message: &'a mut String, bridged: bool) -> Self {
        Self { fields, message: Some(message), bridged }
    }

    /// Keeps a value that is more than its text, except as a message.
    fn put(&mut self, field: &Field, value: Value, shown: &dyn Display) {
        if self.message.is_some() && field.name() == MESSAGE {
            self.text(field, |text| _ = write!(text, "{shown}"));
        } else {
            self.fields.set(name(field), value);
        }
    }

    fn text(&mut self, field: &Field, write: impl FnOnce(&mut Bounded)) {
        let written = |limit: usize| {
            let mut text = Bounded::new(limit);
            write(&mut text);
            text.finish()
        };
        match &mut self.message {
            Some(message) if field.name() == MESSAGE => **message = written(limits::MESSAGE_BYTES),
            _ if self.bridged && field.name().starts_with("log.") => {}
            _ => self.fields.set(name(field), Value::Text(written(limits::VALUE_BYTES))),
        }
    }
}

const MESSAGE: &str = "message";

/// The name as it was meant: a field `r#type` is called `type`.
fn name(field: &Field) -> &'static str {
    field.name().strip_prefix("r#").unwrap_or(field.name())
}

impl Visit for Reader<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::Integer(value), &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            // `log.line` is the one number among the fields of tracing-log.
            Ok(_) if self.bridged && field.name().starts_with("log.") => {}
            Ok(value) => self.put(field, Value::Integer(value), &value),
            // The wire has 63 bits; the text keeps every digit.
            Err(_) => self.text(field, |text| _ = write!(text, "{value}")),
        }
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.text(field, |text| _ = write!(text, "{value}"));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.text(field, |text| _ = write!(text, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::Number(value), &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::Boolean(value), &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, |text| _ = text.write_str(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.text(field, |text| _ = text::write_chain(text, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, |text| _ = write!(text, "{value:?}"));
    }
}
