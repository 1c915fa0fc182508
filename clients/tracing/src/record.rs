//! Converts an entry to a wire record, within the server's limits.

use wire::v1::{Attribute, Record, attribute::Value};

use crate::{entry::Entry, limits, text};

/// The attribute that counts dropped attributes.
const DROPPED: &str = "logboom.attributes_dropped";

/// Builds the record. For equal keys, the event's own fields take precedence over its location, and that over span
/// fields, from the innermost to the root.
pub(crate) fn record(entry: Entry) -> Record {
    let Entry { time, level, place, message, fields, spans } = entry;
    let mut attributes = Attributes::default();
    fields.into_iter().for_each(|(name, value)| attributes.add(name, value));
    attributes.add("target", Value::Text(place.target.into_owned()));
    if let Some(file) = place.file {
        attributes.add("code.file.path", Value::Text(file.into_owned()));
    }
    if let Some(line) = place.line {
        attributes.add("code.line.number", Value::Integer(line.into()));
    }
    if !spans.is_empty() {
        let names: Vec<_> = spans.iter().rev().map(|span| span.name).collect();
        attributes.add("span", Value::Text(names.join(":")));
    }
    for span in &spans {
        span.fields.iter().for_each(|(name, value)| attributes.add(name, value.clone()));
    }
    let (severity, word) = severity(level);
    Record {
        time_unix_nano: time,
        severity,
        level: word.to_owned(),
        message,
        trace_id: attributes.take_id("trace_id", 16),
        span_id: attributes.take_id("span_id", 8),
        attributes: attributes.finish(),
        // Set once per batch.
        service: String::new(),
        node: String::new(),
    }
}

/// The OpenTelemetry severity number, and the level.
fn severity(level: tracing::Level) -> (u32, &'static str) {
    match level {
        tracing::Level::TRACE => (1, "trace"),
        tracing::Level::DEBUG => (5, "debug"),
        tracing::Level::INFO => (9, "info"),
        tracing::Level::WARN => (13, "warn"),
        tracing::Level::ERROR => (17, "error"),
    }
}

/// Attributes without duplicate keys; the first one counts.
#[derive(Default)]
struct Attributes {
    list: Vec<Attribute>,
    bytes: usize,
}

impl Attributes {
    fn add(&mut self, key: &str, mut value: Value) {
        let key = text::cut(key, limits::KEY_BYTES);
        // A linear search is cheaper than a set, because there are few attributes.
        if self.list.iter().any(|known| known.key == key) {
            return;
        }
        if let Value::Text(text) = &mut value {
            let room = limits::ATTRIBUTES_BYTES.saturating_sub(self.bytes).max(text::CUT.len());
            if let Some(cut) = shortened(text, room.min(limits::VALUE_BYTES)) {
                *text = cut;
            }
            self.bytes += text.len();
        }
        self.bytes += key.len();
        self.list.push(Attribute { key: key.into_owned(), value: Some(value) });
    }

    /// Removes and returns the attribute if it is an id of `bytes` bytes in hexadecimal. Otherwise keeps it and
    /// returns an empty id.
    fn take_id(&mut self, key: &str, bytes: usize) -> Vec<u8> {
        let Some(place) = self.list.iter().position(|attribute| attribute.key == key) else { return Vec::new() };
        let id = match &self.list[place].value {
            Some(Value::Text(text)) => hex::decode(text).ok().filter(|id| id.len() == bytes),
            _ => None,
        };
        if id.is_some() {
            self.list.remove(place);
        }
        id.unwrap_or_default()
    }

    fn finish(mut self) -> Vec<Attribute> {
        if self.list.len() > limits::ATTRIBUTES {
            let kept = limits::ATTRIBUTES - 1;
            let dropped = (self.list.len() - kept) as i64;
            self.list.truncate(kept);
            self.list.push(Attribute { key: DROPPED.to_owned(), value: Some(Value::Integer(dropped)) });
        }
        self.list
    }
}

/// The text cut to `limit` bytes; `None` if it is not longer.
fn shortened(text: &str, limit: usize) -> Option<String> {
    (text.len() > limit).then(|| text::cut(text, limit).into_owned())
}

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, sync::Arc};

    use prost::Message as _;
    use tracing::Level;

    use super::*;
    use crate::{
        entry::{Origin, SpanFields},
        fields::Fields,
    };

    fn text(value: impl Into<String>) -> Value {
        Value::Text(value.into())
    }

    fn fields(list: impl IntoIterator<Item = (&'static str, Value)>) -> Fields {
        let mut fields = Fields::default();
        list.into_iter().for_each(|(name, value)| fields.set(name, value));
        fields
    }

    fn span(name: &'static str, list: impl IntoIterator<Item = (&'static str, Value)>) -> Arc<SpanFields> {
        Arc::new(SpanFields { name, fields: fields(list) })
    }

    fn entry(list: impl IntoIterator<Item = (&'static str, Value)>, spans: Vec<Arc<SpanFields>>) -> Entry {
        let place = Origin { target: Cow::Borrowed("shop::cart"), file: Some("src/cart.rs".into()), line: Some(7) };
        Entry { time: 1, level: Level::INFO, place, message: "sold".into(), fields: fields(list), spans }
    }

    /// The value of an attribute that must occur exactly once.
    fn value<'a>(record: &'a Record, key: &str) -> Option<&'a Value> {
        let mut found = record.attributes.iter().filter(|attribute| attribute.key == key);
        let first = found.next();
        assert!(found.next().is_none(), "{key} is there twice");
        first.and_then(|attribute| attribute.value.as_ref())
    }

    #[test]
    fn the_event_goes_before_its_place_and_the_inner_span_before_the_outer_one() {
        let inner = span("pay", [("user", text("inner")), ("step", text("inner")), ("target", text("inner"))]);
        let outer = span("request", [("user", text("outer")), ("id", text("outer")), ("step", text("outer"))]);
        let record = record(entry([("user", text("event"))], vec![inner, outer]));
        let expected = [
            ("user", text("event")),
            ("step", text("inner")),
            ("id", text("outer")),
            ("span", text("request:pay")),
            ("target", text("shop::cart")),
            ("code.file.path", text("src/cart.rs")),
            ("code.line.number", Value::Integer(7)),
        ];
        for (key, expected) in &expected {
            assert_eq!(value(&record, key), Some(expected), "{key}");
        }
        assert_eq!(record.attributes.len(), expected.len());
    }

    #[test]
    fn ids_in_hexadecimal_digits_are_the_records_own_and_others_stay_attributes() {
        let trace = "0af7651916cd43dd8448eb211c80319C";
        let ids = |trace: Value, span: Value| {
            let record = record(entry([("span_id", span)], vec![self::span("s", [("trace_id", trace)])]));
            (record.trace_id.clone(), record.span_id.clone(), record.attributes.len())
        };
        let (trace_id, span_id, attributes) = ids(text(trace), text("b7ad6b7169203331"));
        assert_eq!((hex::encode(trace_id), hex::encode(span_id)), (trace.to_lowercase(), "b7ad6b7169203331".into()));
        assert_eq!(attributes, 4);
        for (trace, span) in [
            (text("order-7"), text("")),
            (text(&trace[1..]), text("b7ad6b716920333")),
            (text(&trace[2..]), text("b7ad6b7169203331b7ad6b7169203331")),
            (text("0af7651916cd43dd8448eb211c80319ü"), text("b7ad6b716920333ü")),
            (Value::Integer(7), Value::Boolean(true)),
        ] {
            assert_eq!(ids(trace.clone(), span.clone()), (Vec::new(), Vec::new(), 6), "{trace:?} {span:?}");
        }
    }

    #[test]
    fn a_record_keeps_within_the_bounds_of_the_server_and_says_what_it_lost() {
        let name = |prefix: &str, number: usize| -> &'static str { format!("{prefix}{number}").leak() };
        let long = |number| (name(&"k".repeat(300), number), text("ü".repeat(limits::VALUE_BYTES)));
        // The keys are equal after cutting.
        let one = record(entry((0..3).map(long), vec![]));
        let cut: Vec<_> = one.attributes.iter().filter(|attribute| attribute.key.ends_with(text::CUT)).collect();
        assert_eq!(cut.len(), 1);
        assert_eq!(cut[0].key.len(), limits::KEY_BYTES);
        let Some(Value::Text(shortened)) = &cut[0].value else { panic!("no text") };
        assert!(shortened.ends_with(text::CUT) && shortened.len() > limits::VALUE_BYTES - 4, "{}", shortened.len());

        let wide = |number| (name("wide", number), text("x".repeat(limits::VALUE_BYTES)));
        let mut many = entry([], (0..10).map(|n| span("s", (n * 30..n * 30 + 30).map(wide))).collect());
        many.message = "m".repeat(limits::MESSAGE_BYTES);
        let many = record(many);
        assert_eq!(many.attributes.len(), limits::ATTRIBUTES);
        // 300 of the spans, 3 of the location and their names; 255 of them were kept.
        assert_eq!(value(&many, DROPPED), Some(&Value::Integer(49)));
        assert!(many.encoded_len() < 6 << 20, "{}", many.encoded_len());
    }
}
