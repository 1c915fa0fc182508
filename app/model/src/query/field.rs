//! Field names, and a record's values for them.

use std::{borrow::Cow, fmt};

use compact_str::ToCompactString;

use super::Field;
use crate::{Record, Value, hex};

/// The prefix of an attribute key that equals the name of a built-in field.
const ATTRIBUTE: &str = "attr.";

impl Field {
    /// The built-in fields, in display order.
    pub const BUILT_IN: [Self; 7] =
        [Self::Level, Self::Service, Self::Node, Self::Message, Self::TraceId, Self::SpanId, Self::Id];

    /// Parses a field name: a built-in field, or else an attribute key, optionally with the prefix `attr.`. `None`
    /// for an empty name or key.
    pub fn parse_name(name: &str) -> Option<Self> {
        if let Some(field) = Self::built_in(name) {
            return Some(field);
        }
        let key = name.strip_prefix(ATTRIBUTE).unwrap_or(name);
        (!key.is_empty()).then(|| Self::Attribute(key.to_owned()))
    }

    /// The unquoted name that [`Field::parse_name`] parses as this field.
    pub fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Self::Level => "level",
            Self::Service => "service",
            Self::Node => "node",
            Self::Message => "message",
            Self::TraceId => "trace_id",
            Self::SpanId => "span_id",
            Self::Id => "id",
            Self::Attribute(key) if key.starts_with(ATTRIBUTE) || Self::built_in(key).is_some() => {
                return Cow::Owned(format!("{ATTRIBUTE}{key}"));
            }
            Self::Attribute(key) => key,
        })
    }

    /// Whether `name` is a built-in field.
    pub(super) fn is_built_in(name: &str) -> bool {
        Self::built_in(name).is_some()
    }

    fn built_in(name: &str) -> Option<Self> {
        Some(match name {
            "level" => Self::Level,
            "service" => Self::Service,
            "node" => Self::Node,
            "message" => Self::Message,
            "trace_id" => Self::TraceId,
            "span_id" => Self::SpanId,
            "id" => Self::Id,
            _ => return None,
        })
    }

    /// The text form of the field's value, or `None` if the record lacks the field. An empty service or node counts
    /// as absent.
    pub fn text<'a>(&self, record: &'a Record) -> Option<Cow<'a, str>> {
        match self {
            Self::Level => Some(Cow::Borrowed(&record.level)),
            Self::Service => present(&record.service).map(Cow::Borrowed),
            Self::Node => present(&record.node).map(Cow::Borrowed),
            Self::Message => Some(Cow::Borrowed(&record.message)),
            Self::TraceId => record.trace_id.map(|id| Cow::Owned(hex::encode(&id))),
            Self::SpanId => record.span_id.map(|id| Cow::Owned(hex::encode(&id))),
            Self::Id => Some(Cow::Owned(record.id.to_string())),
            Self::Attribute(key) => Some(match record.attribute(key)? {
                Value::Text(text) => Cow::Borrowed(text),
                value => Cow::Owned(value.to_string()),
            }),
        }
    }

    /// Whether the text form satisfies `test`. Avoids the allocations of [`Field::text`].
    pub(super) fn is_text(&self, record: &Record, test: impl FnOnce(&str) -> bool) -> bool {
        match self {
            Self::TraceId => record.trace_id.is_some_and(|id| test(&hex::Digits::<32>::of(&id))),
            Self::SpanId => record.span_id.is_some_and(|id| test(&hex::Digits::<16>::of(&id))),
            Self::Id => test(&record.id.digits()),
            Self::Attribute(key) => match record.attribute(key) {
                Some(Value::Text(text)) => test(text),
                // Every integer and nearly every float fits a short inline text.
                Some(value) => test(&value.to_compact_string()),
                None => false,
            },
            _ => self.text(record).is_some_and(|text| test(&text)),
        }
    }

    /// Whether the record has the field.
    pub(super) fn is_present(&self, record: &Record) -> bool {
        match self {
            Self::Level | Self::Message | Self::Id => true,
            Self::Service => !record.service.is_empty(),
            Self::Node => !record.node.is_empty(),
            Self::TraceId => record.trace_id.is_some(),
            Self::SpanId => record.span_id.is_some(),
            Self::Attribute(key) => record.attribute(key).is_some(),
        }
    }
}

impl fmt::Display for Field {
    /// Writes [`Field::name`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

fn present(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_fields_answer_each_other() {
        for field in Field::BUILT_IN {
            assert_eq!(Field::parse_name(&field.name()), Some(field));
        }
        for (key, name) in
            [("user_id", "user_id"), ("level", "attr.level"), ("attr.x", "attr.attr.x"), ("attr.", "attr.attr.")]
        {
            let field = Field::Attribute(key.to_owned());
            assert_eq!(field.name(), name);
            assert_eq!(Field::parse_name(name), Some(field));
        }
        assert_eq!(Field::parse_name("attr.user_id"), Field::parse_name("user_id"));
        assert_eq!(Field::parse_name(""), None);
        assert_eq!(Field::parse_name("attr."), None);
    }
}
