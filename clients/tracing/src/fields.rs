//! The typed fields of an event or span.

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

/// Fields by name, without duplicates.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields {
    list: Vec<(&'static str, Value)>,
}

impl Fields {
    /// Adds or replaces a field.
    pub(crate) fn set(&mut self, name: &'static str, value: Value) {
        match self.list.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.list.push((name, value)),
        }
    }

    /// The size in memory and the maximum size on the wire, in bytes.
    pub(crate) fn weight(&self) -> usize {
        self.list.iter().map(|(name, value)| size_of::<(&str, Value)>() + name.len() + heap_bytes(value)).sum()
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

/// The heap bytes of a value.
fn heap_bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        _ => 0,
    }
}

/// Visits fields and stores them in [`Fields`]; stores the message separately.
pub(crate) struct Reader<'a> {
    fields: &'a mut Fields,
    /// The destination of an event's `message`; `None` for a span, where the name has no meaning.
    message: Option<&'a mut String>,
    /// Whether `log.…` are the location fields of tracing-log.
    bridged: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn of_span(fields: &'a mut Fields) -> Self {
        Self { fields, message: None, bridged: false }
    }

    pub(crate) fn of_event(fields: &'a mut Fields, message: &'a mut String, bridged: bool) -> Self {
        Self { fields, message: Some(message), bridged }
    }

    /// Stores a value that is not a text, unless it is the message.
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

/// The intended name: a field `r#type` is named `type`.
fn name(field: &Field) -> &'static str {
    field.name().strip_prefix("r#").unwrap_or(field.name())
}

impl Visit for Reader<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::Integer(value), &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            // `log.line` is the only numeric field of tracing-log.
            Ok(_) if self.bridged && field.name().starts_with("log.") => {}
            Ok(value) => self.put(field, Value::Integer(value), &value),
            // The wire format has 63 bits; a text keeps every digit.
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
