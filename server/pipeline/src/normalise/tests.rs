use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::FixedOffset;
use model::{Query, Text, Value, limits, query::Field};
use proptest::prelude::*;

use super::*;

const NOW: Nanos = 1_767_323_045_000_000_000; // 2026-01-02T03:04:05Z

fn raw() -> RawRecord {
    RawRecord { message: "started".into(), ..RawRecord::default() }
}

fn normalised(raw: RawRecord) -> Record {
    Normaliser::default().record(raw, NOW).unwrap()
}

fn refused(raw: RawRecord) -> String {
    Normaliser::default().record(raw, NOW).unwrap_err()
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

#[test]
fn a_level_is_the_clients_word_in_lower_case_without_colours() {
    let cases = [
        ("info", "info"),
        ("  WARNING ", "warning"),
        ("\u{1b}[32minfo\u{1b}[39m", "info"),
        ("\u{1b}[1;31mERROR\u{1b}[0m", "error"),
        ("\u{1b}]8;;http://x\u{7}Notice\u{1b}]8;;\u{7}", "notice"),
        ("\u{9b}31mfatal", "fatal"),
        ("\u{1b}", "info"),
        ("\u{1b}[", "info"),
        ("ÉTAGE", "étage"),
        ("", "info"),
        ("a\0b", "a\u{fffd}b"),
        ("[ERROR]", "error"),
        ("error:", "error"),
        ("<Warn>", "warn"),
        ("\u{1b}[31m[ERROR]\u{1b}[0m", "error"),
        ("WARN2", "warn2"),
        ("ERROR+2", "error+2"),
        ("Level(-4)", "level(-4)"),
        ("50", "error"),
        ("3", "err"),
        ("[]", "[]"),
    ];
    for (sent, kept) in cases {
        assert_eq!(normalised(RawRecord { level: sent.into(), ..raw() }).level, kept, "{sent:?}");
    }
}

#[test]
fn a_severity_is_the_number_or_else_the_word_or_else_info() {
    let cases = [
        (Some(17), "", 17, "error"),
        (Some(18), "severe", 18, "severe"),
        (Some(0), "warn", 13, "warn"),
        (Some(25), "warn", 13, "warn"),
        (Some(u32::MAX), "", 9, "info"),
        (None, "FATAL", 21, "fatal"),
        (None, "http", 9, "http"),
        (None, "what is this", 9, "what is this"),
        (Some(17), "200", 17, "200"),
        (None, "WARN2", 14, "warn2"),
        (None, "error+2", 19, "error+2"),
        (None, "50", 17, "error"),
        (None, "35", 11, "info"),
        (None, "0", 21, "emerg"),
        (None, "[Critical]", 18, "critical"),
    ];
    for (severity, level, number, word) in cases {
        let record = normalised(RawRecord { severity, level: level.into(), ..raw() });
        assert_eq!((record.severity.number(), record.level.as_str()), (number, word), "{severity:?} {level}");
    }
}

#[test]
fn a_time_that_cannot_be_believed_is_the_time_of_receipt_and_the_original_is_kept() {
    let rules = Normaliser {
        assume_timezone: FixedOffset::east_opt(9 * 3600).unwrap(),
        oldest: Some(Duration::from_secs(86_400)),
    };
    let second = 1_000_000_000;
    let sized = |unit: i64| RawTime::Number(NOW / unit);
    let cases: [(RawTime, Nanos, Option<&str>); 22] = [
        (RawTime::Missing, NOW, None),
        (RawTime::Text("  ".into()), NOW, None),
        (RawTime::Text("2026-01-02T03:04:05.000000001Z".into()), NOW + 1, None),
        (RawTime::Text("2026-01-02 12:04:05.5".into()), NOW + second / 2, None),
        (RawTime::Text("yesterday".into()), NOW, Some("yesterday")),
        (RawTime::Text("1999-12-31T23:59:59Z".into()), NOW, Some("1999-12-31T23:59:59Z")),
        (RawTime::Nanos(NOW - 86_400 * second), NOW - 86_400 * second, None),
        (RawTime::Nanos(NOW - 86_401 * second), NOW, Some("2026-01-01T03:04:04.000000000Z")),
        (RawTime::Nanos(NOW + 600 * second), NOW + 600 * second, None),
        (RawTime::Nanos(NOW + 601 * second), NOW, Some("2026-01-02T03:14:06.000000000Z")),
        // The magnitude decides the unit.
        (sized(1), NOW, None),
        (sized(1_000), NOW, None),
        (sized(1_000_000), NOW, None),
        (sized(second), NOW, None),
        (RawTime::Text("1767323045.5".into()), NOW + second / 2, None),
        (RawTime::Text("1767323045000".into()), NOW, None),
        // Implausible times.
        (RawTime::Number(17), NOW, Some("17")),
        (RawTime::Number(i64::MAX), NOW, Some("9223372036854775807")),
        (RawTime::Number(99_999_999_999), NOW, Some("99999999999")),
        (RawTime::Text("0".into()), NOW, Some("0")),
        (RawTime::Text("1970-01-01T00:00:17Z".into()), NOW, Some("1970-01-01T00:00:17Z")),
        (RawTime::Nanos(17 * second), NOW, Some("1970-01-01T00:00:17.000000000Z")),
    ];
    for (sent, time, original) in cases {
        let record = rules.record(RawRecord { time: sent.clone(), ..raw() }, NOW).unwrap();
        assert_eq!(record.time, time, "{sent:?}");
        assert_eq!(record.attribute("time.original"), original.map(text).as_ref(), "{sent:?}");
    }
}

#[test]
fn without_a_retention_old_times_are_kept_but_those_before_logs_were() {
    for (sent, kept) in [
        (RawTime::Nanos(model::time::EARLIEST), Some(model::time::EARLIEST)),
        (RawTime::Number(100_000_000), Some(model::time::EARLIEST)),
        (RawTime::Text("1985-10-26T01:21:00Z".into()), Some(499_137_660_000_000_000)),
        (RawTime::Nanos(model::time::EARLIEST - 1), None),
        (RawTime::Number(99_999_999), None),
        (RawTime::Number(-1), None),
        (RawTime::Text("1970-01-01".into()), None),
    ] {
        let record = normalised(RawRecord { time: sent.clone(), ..raw() });
        assert_eq!(record.time, kept.unwrap_or(NOW), "{sent:?}");
        assert_eq!(record.attribute("time.original").is_some(), kept.is_none(), "{sent:?}");
    }
}

#[test]
fn seconds_and_nanoseconds_of_a_protocol_may_be_something_else() {
    for (seconds, nanos, time) in [
        (1_700_000_000, 5, RawTime::Nanos(1_700_000_000_000_000_005)),
        (0, 0, RawTime::Nanos(0)),
        (1_700_000_000_123, 0, RawTime::Number(1_700_000_000_123)),
        (i64::MAX, 0, RawTime::Number(i64::MAX)),
    ] {
        assert_eq!(RawTime::from_parts(seconds, nanos), time);
    }
}

#[test]
fn a_service_is_the_node_when_nothing_else_says() {
    let record = normalised(RawRecord { node: "web-1".into(), ..raw() });
    assert_eq!((record.service.as_str(), record.node.as_str()), ("web-1", "web-1"));
    let record = normalised(RawRecord { node: "web-1".into(), service: "web".into(), ..raw() });
    assert_eq!((record.service.as_str(), record.node.as_str()), ("web", "web-1"));
}

#[test]
fn attributes_are_sorted_and_of_two_with_one_key_the_last_counts() {
    let attributes = vec![
        ("b".into(), Value::Int(1)),
        ("a".into(), Value::Float(f64::NAN)),
        ("b".into(), Value::Int(2)),
        ("c".into(), Value::Float(f64::NEG_INFINITY)),
        ("b".into(), text("three\0")),
    ];
    let record = normalised(RawRecord { attributes, ..RawRecord::default() });
    let expected = [("a", text("NaN")), ("b", text("three\u{fffd}")), ("c", text("-inf"))];
    assert_eq!(record.attributes, expected.map(|(key, value)| (Text::from(key), value)));
    assert_eq!(record.message, "");
}

#[test]
fn trace_ids_are_read_in_every_usual_form_and_kept_as_text_in_others() {
    let id = |sent: RawId| {
        let record = normalised(RawRecord { trace_id: sent, ..raw() });
        (record.trace_id.map(|id| model::hex::encode(&id)), record.attribute("trace_id.original").cloned())
    };
    let full = "0af7651916cd43dd8448eb211c80319c";
    let some = |hex: &str| (Some(hex.to_owned()), None);
    assert_eq!(id(RawId::Missing), (None, None));
    assert_eq!(id(RawId::Bytes(vec![])), (None, None));
    assert_eq!(id(RawId::Bytes(vec![0; 16])), (None, None));
    assert_eq!(id(RawId::Text(full.to_uppercase())), some(full));
    assert_eq!(id(RawId::Text("0af76519-16cd-43dd-8448-eb211c80319c".into())), some(full));
    assert_eq!(id(RawId::Text("8448eb211c80319c".into())), some("00000000000000008448eb211c80319c"));
    assert_eq!(id(RawId::Text("CvdlGRbNQ92ESOshHIAxnA==".into())), some(full));
    // The text form as bytes, and hexadecimal digits decoded as Base64.
    assert_eq!(id(RawId::Bytes(full.into())), some(full));
    assert_eq!(id(RawId::Bytes("0AF76519-16CD-43DD-8448-EB211C80319C".into())), some(full));
    assert_eq!(id(RawId::Bytes("CvdlGRbNQ92ESOshHIAxnA==".into())), some(full));
    assert_eq!(id(RawId::Bytes(BASE64_STANDARD.decode(full).unwrap())), some(full));
    assert_eq!(id(RawId::Bytes(b"0123456789abcdef".into())), some("30313233343536373839616263646566"));
    for none in ["", " ", "-", "0", "00000000-0000-0000-0000-000000000000", "AAAAAAAAAAAAAAAAAAAAAA=="] {
        assert_eq!(id(RawId::Text(none.into())), (None, None), "{none}");
    }
    // An invalid id stays readable.
    assert_eq!(id(RawId::Bytes(vec![1, 2])), (None, Some(text("0102"))));
    assert_eq!(id(RawId::Bytes(b"short".into())), (None, Some(text("short"))));
    for other in ["req-17", "CvdlGRbNQ92ESOshHIAxnA", "0af7651916cd43dd8448eb211c80319c0"] {
        assert_eq!(id(RawId::Text(other.into())), (None, Some(text(other))), "{other}");
    }
}

#[test]
fn span_ids_are_read_in_every_usual_form() {
    let id = |sent: RawId| normalised(RawRecord { span_id: sent, ..raw() }).span_id.map(|id| model::hex::encode(&id));
    let full = "eee19b7ec3c1b174";
    for sent in ["EEE19B7EC3C1B174", "0xeee19b7ec3c1b174", "7uGbfsPBsXQ="] {
        assert_eq!(id(RawId::Text(sent.into())).as_deref(), Some(full), "{sent}");
        assert_eq!(id(RawId::Bytes(sent.into())).as_deref(), Some(full), "{sent}");
    }
    assert_eq!(id(RawId::Bytes(BASE64_STANDARD.decode(full).unwrap())).as_deref(), Some(full));
}

#[test]
fn what_is_past_a_limit_is_refused_and_the_reason_names_field_limit_and_way_out() {
    let long = |bytes: usize| "x".repeat(bytes);
    let attribute = |key: String, value: Value| RawRecord { attributes: vec![(key.into(), value)], ..raw() };
    let many = |count: usize| RawRecord {
        attributes: (0..count).map(|n| (format!("k{n}").into(), Value::Int(1))).collect(),
        ..raw()
    };
    let cases = [
        (RawRecord::default(), "message: empty, and there are no attributes; send at least one of them"),
        (
            RawRecord { message: long(limits::MESSAGE_BYTES + 1), ..raw() },
            "message: 1048577 bytes; the limit is 1048576; shorten it",
        ),
        (RawRecord { level: long(257).into(), ..raw() }, "level: 257 bytes; the limit is 256; shorten it"),
        (RawRecord { service: long(257).into(), ..raw() }, "service: 257 bytes; the limit is 256; shorten it"),
        (RawRecord { node: long(257).into(), ..raw() }, "node: 257 bytes; the limit is 256; shorten it"),
        (attribute(String::new(), Value::Int(1)), "attributes: a key is empty; give every attribute a name"),
        (attribute(long(257), Value::Int(1)), "attributes: a key: 257 bytes; the limit is 256; shorten it"),
        (
            attribute("body".into(), text(&long(limits::VALUE_BYTES + 1))),
            "attributes.body: 65537 bytes; the limit is 65536; shorten it",
        ),
        (many(257), "attributes: 257 attributes; the limit is 256; send fewer"),
    ];
    for (raw, reason) in cases {
        assert_eq!(refused(raw), reason);
    }
    // Values at the limits are accepted, and an original without room is dropped.
    let full = normalised(RawRecord { time: RawTime::Text("soon".into()), ..many(limits::ATTRIBUTES) });
    assert_eq!(full.attributes.len(), limits::ATTRIBUTES);
    // A full record that another Logboom sent on is accepted with the one attribute that was added to it.
    let passed_on = |count| {
        let mut raw = many(count);
        raw.attributes.push((crate::follow::VIA.into(), text("0123abcd")));
        raw
    };
    assert_eq!(normalised(passed_on(limits::ATTRIBUTES)).attributes.len(), limits::ATTRIBUTES + 1);
    let too_many = refused(passed_on(limits::ATTRIBUTES + 1));
    assert_eq!(too_many, "attributes: 258 attributes; the limit is 256; send fewer");
    normalised(RawRecord { message: long(limits::MESSAGE_BYTES), ..raw() });
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[\u{0}\u{1b}\\[mA-Za-z0-9 ]{0,300}", "[a-c]"]
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        prop_oneof![any::<f64>(), Just(f64::NAN)].prop_map(Value::Float),
        any_text().prop_map(|text| Value::Text(text.into())),
    ]
}

proptest! {
    #[test]
    fn an_id_is_found_in_the_form_in_which_it_was_sent(
        id in prop_oneof![
            any::<[u8; 16]>().prop_map(|id| model::hex::encode(&id)),
            any::<[u8; 16]>().prop_map(|id| model::hex::encode(&id).to_uppercase()),
            any::<[u8; 16]>().prop_map(|id| BASE64_STANDARD.encode(id)),
            any::<[u8; 8]>().prop_map(|id| BASE64_STANDARD.encode(id)),
            any::<u64>().prop_map(|id| id.to_string()),
            "[a-zA-Z0-9=_+/-]{1,40}",
            "\\PC{1,20}",
        ],
        as_bytes in any::<bool>(),
    ) {
        let sent = || if as_bytes { RawId::Bytes(id.clone().into()) } else { RawId::Text(id.clone()) };
        let record = normalised(RawRecord { trace_id: sent(), span_id: sent(), ..raw() });
        for (field, is_read) in [(Field::TraceId, record.trace_id.is_some()), (Field::SpanId, record.span_id.is_some())] {
            let original = record.attribute(&format!("{}.original", field.name()));
            // 16 letters may also be the 16 bytes of an id, and zeros mean no id.
            let is_none = original.is_none() && (!is_read || matches!(id.len(), 8 | 16));
            prop_assert!(is_none || Query::field_equals(field, &id).matches(&record), "{:?}", record);
        }
    }

    /// The invariants of `Record` hold for any input.
    #[test]
    fn whatever_is_not_refused_keeps_every_invariant(
        time in prop_oneof![any::<i64>().prop_map(RawTime::Nanos), any::<i64>().prop_map(RawTime::Number), any_text().prop_map(RawTime::Text)],
        severity in any::<Option<u32>>(),
        names in (any_text(), any_text(), any_text(), any_text()),
        attributes in prop::collection::vec((any_text(), any_value()), 0..20),
        ids in (any_text(), prop::collection::vec(any::<u8>(), 0..20)),
        oldest in any::<Option<u32>>(),
    ) {
        let (level, service, node, message) = names;
        let raw = RawRecord {
            time,
            severity,
            level: level.into(),
            service: service.into(),
            node: node.into(),
            message,
            attributes: attributes.into_iter().map(|(key, value)| (key.into(), value)).collect(),
            trace_id: RawId::Text(ids.0),
            span_id: RawId::Bytes(ids.1),
        };
        let rules = Normaliser { oldest: oldest.map(|seconds| Duration::from_secs(seconds.into())), ..Normaliser::default() };
        if let Ok(record) = rules.record(raw, NOW) {
            let texts = [record.level.as_str(), &record.service, &record.node];
            prop_assert!(texts.iter().all(|text| text.len() <= limits::NAME_BYTES && !text.contains('\0')));
            prop_assert!(!record.message.contains('\0') && record.message.len() <= limits::MESSAGE_BYTES);
            let escape = char::from(27);
            prop_assert!(!record.level.is_empty() && !record.level.contains(escape));
            prop_assert_eq!(record.level.to_lowercase(), record.level.as_str());
            prop_assert!(record.attributes.len() <= limits::ATTRIBUTES);
            prop_assert!(record.attributes.is_sorted_by(|left, right| left.0 < right.0));
            for (key, value) in &record.attributes {
                prop_assert!(!key.is_empty() && key.len() <= limits::KEY_BYTES && !key.contains('\0'));
                match value {
                    Value::Float(number) => prop_assert!(number.is_finite()),
                    Value::Text(text) => prop_assert!(!text.contains('\0') && text.len() <= limits::VALUE_BYTES),
                    _ => {}
                }
            }
            prop_assert!((model::time::EARLIEST..=NOW + 600_000_000_000).contains(&record.time));
        }
    }
}
