//! Examples and property tests of converting one object of fields to a record.

use model::{Text, Value};
use pipeline::normalise::RawTime;
use proptest::prelude::*;

use super::*;

fn record(json: &str) -> RawRecord {
    read_json(json.as_bytes(), &Mapping::usual()).unwrap()
}

#[test]
fn the_usual_names_are_found() {
    let pino = record(r#"{"level":40,"time":1700000000123,"pid":7,"hostname":"a1","msg":"slow"}"#);
    assert_eq!((pino.message.as_str(), pino.level.as_str(), pino.node.as_str()), ("slow", "warn", "a1"));
    assert_eq!(pino.attributes, [(Text::from("pid"), Value::Int(7))]);
    let ecs = record(
        r#"{"@timestamp":"2026-01-02T03:04:05Z","log":{"level":"INFO"},"service":{"name":"api"},"message":"m"}"#,
    );
    assert_eq!((ecs.service.as_str(), ecs.level.as_str()), ("api", "INFO"));
}

#[test]
fn what_has_no_role_becomes_a_flat_attribute() {
    let nested = record(
        r#"{"message":"m","http":{"status":500,"ok":false},"tags":["a",1],"gone":null,"big":18446744073709551615}"#,
    );
    let text = |text: &str| Value::Text(text.into());
    assert_eq!(
        nested.attributes,
        [
            (Text::from("http.status"), Value::Int(500)),
            (Text::from("http.ok"), Value::Bool(false)),
            (Text::from("tags"), text(r#"["a",1]"#)),
            (Text::from("big"), text("18446744073709551615")),
        ]
    );
}

#[test]
fn what_is_no_record_is_explained() {
    for (json, word) in [
        (&b"7"[..], "object"),
        (b"\"text\"", "object"),
        (b"{\"message\":\"a\"", "EOF"),
        (b"{\"message\":\"\xff\"}", "UTF-8"),
        (b"{} {}", "trailing"),
    ] {
        let error = read_json(json, &Mapping::usual()).unwrap_err();
        assert!(error.contains(word), "{json:?}: {error}");
    }
    let deep = format!("{}1{}", r#"{"a":"#.repeat(40), "}".repeat(40));
    assert!(read_json(deep.as_bytes(), &Mapping::usual()).unwrap_err().contains("deeper"));
    let deepest = format!("{}1{}", r#"{"a":"#.repeat(4000), "}".repeat(4000));
    assert!(read_json(deepest.as_bytes(), &Mapping::usual()).is_err());
    let arrays = format!("{{\"a\":{}1{}}}", "[".repeat(4000), "]".repeat(4000));
    assert!(read_json(arrays.as_bytes(), &Mapping::usual()).is_err());
}

/// The prefix of a number that is to lose its quotes.
const PLAIN: &str = "plain:";

/// JSON as a text, with numbers of any length.
fn written(json: &serde_json::Value, pretty: bool) -> String {
    let text = if pretty { format!("{json:#}") } else { json.to_string() };
    let quoted = format!("\"{PLAIN}");
    let mut parts = text.split(&quoted);
    let mut written = parts.next().unwrap_or_default().to_owned();
    parts.for_each(|part| written.push_str(&part.replacen('"', "", 1)));
    written
}

#[test]
fn the_message_is_found_under_every_usual_name_and_nothing_else_is_lost() {
    for (json, message, attributes) in [
        // The first of several, and a primary name before a secondary one.
        (r#"{"msg":"a","message":"b"}"#, "a", &[("message", "b")][..]),
        (r#"{"body":"a","msg":"b"}"#, "b", &[("body", "a")]),
        (r#"{"msg":"b","log":"a"}"#, "b", &[("log", "a")]),
        (r#"{"event":{"original":"raw"},"message":"m"}"#, "m", &[("event.original", "raw")]),
        (r#"{"event":{"original":"raw"}}"#, "raw", &[]),
        (r#"{"msg":"","message":"b"}"#, "b", &[]),
        (r#"{"log":"a"}"#, "a", &[]),
        // Google Cloud and the journal.
        (r#"{"textPayload":"t","insertId":"x"}"#, "t", &[("insertId", "x")]),
        (r#"{"jsonPayload":{"message":"m","n":1}}"#, "m", &[("jsonPayload.n", "1")]),
        (r#"{"jsonPayload":{"n":1}}"#, r#"{"n":1}"#, &[("jsonPayload.n", "1")]),
        (r#"{"MESSAGE":"m","_PID":"7"}"#, "m", &[("_PID", "7")]),
        // Descriptions remain fields.
        (r#"{"event":"login","user":"ann"}"#, "login", &[("event", "login"), ("user", "ann")]),
        (r#"{"err":{"message":"boom"}}"#, "boom", &[("err.message", "boom")]),
        (r#"{"err":{"message":"boom"},"msg":"m"}"#, "m", &[("err.message", "boom")]),
        // Templates.
        (r#"{"@mt":"of {User}","User":"ann","body":"b"}"#, "of ann", &[("body", "b"), ("User", "ann")]),
        // Objects and lists.
        (
            r#"{"message":{"event":"login","user":{"id":7}}}"#,
            r#"{"event":"login","user":{"id":7}}"#,
            &[("message.event", "login"), ("message.user.id", "7")],
        ),
        (
            r#"{"message": [ "payment" , {"code":402, "a":1} ],"n":1}"#,
            r#"["payment",{"code":402,"a":1}]"#,
            &[("n", "1")],
        ),
        (r#"{"body":{"a":1},"msg":"m"}"#, "m", &[("body.a", "1")]),
        (r#"{"body":[1],"msg":"m"}"#, "m", &[("body", "[1]")]),
        (r#"{"msg":"m","body":[1]}"#, "m", &[("body", "[1]")]),
        (r#"{"log":{"level":"info","logger":"x"},"n":1}"#, "", &[("log.logger", "x")]),
        (r#"{"log":{"event":"x"}}"#, r#"{"event":"x"}"#, &[("log.event", "x")]),
        (r#"{"message":{}}"#, "{}", &[]),
        (r#"{"message":[]}"#, "[]", &[]),
        // Values that are not texts.
        (r#"{"message":7}"#, "7", &[]),
        (r#"{"message":1.5,"msg":"b"}"#, "1.5", &[("msg", "b")]),
        (r#"{"message":true}"#, "true", &[]),
        (r#"{"message":null,"n":1}"#, "null", &[("n", "1")]),
        (r#"{"message":null,"log":"a"}"#, "a", &[]),
        (r#"{"log":true,"n":1}"#, "", &[("log", "true")]),
    ] {
        let record = record(json);
        assert_eq!(record.message, message, "{json}");
        for (name, value) in attributes {
            let found = record.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.to_string());
            assert_eq!(found.as_deref(), Some(*value), "{name} of {json}");
        }
    }
}

#[test]
fn levels_are_read_by_the_family_of_their_field() {
    for (fields, level, severity) in [
        (r#""level":"WARN2""#, "WARN2", None),
        (r#""level":50"#, "error", Some(17)),
        (r#""level":"50""#, "error", Some(17)),
        (r#""level":40.0"#, "warn", Some(13)),
        (r#""level":35"#, "info", Some(11)),
        (r#""level":3"#, "err", Some(17)),
        (r#""level":400,"level_name":"ERROR""#, "error", Some(17)),
        (r#""levelname":"WARNING","levelno":30"#, "WARNING", None),
        (r#""levelno":40"#, "error", Some(17)),
        (r#""levelno":45,"levelname":"AUDIT""#, "AUDIT", Some(19)),
        (r#""level":"ERROR","level_value":40000"#, "ERROR", None),
        (r#""level_value":30000"#, "warn", Some(13)),
        (r#""severityNumber":14"#, "warn", Some(14)),
        (r#""severityNumber":"17","severityText":"200""#, "error", Some(17)),
        (r#""severityText":"Error","severity_number":18"#, "Error", Some(18)),
        (r#""PRIORITY":"3""#, "err", Some(17)),
        (r#""PRIORITY":6"#, "info", Some(9)),
        (r#""severity":"CRITICAL""#, "CRITICAL", None),
        (r#""severity":500"#, "error", Some(17)),
        (r#""severity":"300""#, "info", Some(10)),
        (r#""level":"severe","severity":18"#, "severe", Some(18)),
        (r#""LogLevel":"Warning""#, "Warning", None),
        (r#""LogLevel":4"#, "error", Some(17)),
        (r#""@l":"Fatal""#, "Fatal", None),
        (r#""log":{"level":"error"}"#, "error", None),
        (r#""log.level":"error""#, "error", None),
        (r#""log":{"syslog":{"severity":{"code":2}}}"#, "crit", Some(18)),
        (r#""lvl":"dbug""#, "dbug", None),
    ] {
        let record = record(&format!("{{\"msg\":\"m\",{fields}}}"));
        assert_eq!((record.level.as_str(), record.severity), (level, severity), "{fields}");
    }
    let kept = record(r#"{"msg":"m","level":"info","levelno":20,"severity":"ERROR"}"#);
    let text = |text: &str| Value::Text(text.into());
    assert_eq!(kept.attributes, [(Text::from("levelno"), Value::Int(20)), (Text::from("severity"), text("ERROR"))]);
}

#[test]
fn times_are_read_by_their_size_and_in_every_shape() {
    for (fields, time) in [
        (r#""time":1700000000123"#, RawTime::Number(1_700_000_000_123)),
        (r#""time":1700000000.5"#, RawTime::Text("1700000000.5".into())),
        (r#""time":"1700000000""#, RawTime::Text("1700000000".into())),
        (r#""time":17000000001234567890123"#, RawTime::Text("17000000001234567890123".into())),
        (r#""time":18446744073709551615"#, RawTime::Text("18446744073709551615".into())),
        (r#""ts":{"$date":"2026-11-28T04:32:39Z"}"#, RawTime::Text("2026-11-28T04:32:39Z".into())),
        (r#""ts":{"$date":{"$numberLong":"1700000000123"}}"#, RawTime::Text("1700000000123".into())),
        (r#""ts":{"$date":1700000000123}"#, RawTime::Number(1_700_000_000_123)),
        (r#""timestamp":{"seconds":1700000000,"nanos":5}"#, RawTime::Nanos(1_700_000_000_000_000_005)),
        (r#""instant":{"epochSecond":1700000000,"nanoOfSecond":5}"#, RawTime::Nanos(1_700_000_000_000_000_005)),
        (r#""__REALTIME_TIMESTAMP":"1700000000123456""#, RawTime::Text("1700000000123456".into())),
        (r#""time":null"#, RawTime::Missing),
    ] {
        assert_eq!(record(&format!("{{\"msg\":\"m\",{fields}}}")).time, time, "{fields}");
    }
}

#[test]
fn numbers_keep_their_digits() {
    for (number, value) in [
        ("9223372036854775807", Value::Int(i64::MAX)),
        ("9223372036854775808", Value::Text("9223372036854775808".into())),
        ("18446744073709551616", Value::Text("18446744073709551616".into())),
        ("-9223372036854775809", Value::Text("-9223372036854775809".into())),
        ("123456789012345678901234567890", Value::Text("123456789012345678901234567890".into())),
        ("9007199254740993.0", Value::Text("9007199254740993.0".into())),
        ("1e400", Value::Text("1e400".into())),
        ("9007199254740992.0", Value::Float(9_007_199_254_740_992.0)),
        ("1e300", Value::Float(1e300)),
        ("[18446744073709551616,1.0,7]", Value::Text("[18446744073709551616,1.0,7]".into())),
    ] {
        let read = record(&format!("{{\"msg\":\"m\",\"n\":{number}}}"));
        assert_eq!(read.attributes, [(Text::from("n"), value)], "{number}");
    }
    assert_eq!(record(r#"{"message":{"n":18446744073709551616}}"#).message, r#"{"n":18446744073709551616}"#);
    assert_eq!(record(r#"{"message":18446744073709551616}"#).message, "18446744073709551616");
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        // The fast parser drops the sign of a zero.
        any::<f64>().prop_map(|number| if number == 0.0 { 0.0 } else { number }.into()),
        ".{0,12}".prop_map(Into::into),
        "1[0-9]{15,40}".prop_map(|digits| serde_json::Value::String(format!("{PLAIN}{digits}"))),
        "-[1-9][0-9]{14,40}[.][0-9]{1,3}".prop_map(|digits| serde_json::Value::String(format!("{PLAIN}{digits}"))),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::hash_map("message|level|time|[a-z.\\\\\"\u{0}-\u{ff}]{0,6}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    /// Both parsers agree on any input, valid or not.
    #[test]
    fn the_fast_reader_reads_as_the_careful_one(
        json in any_json(),
        pretty in any::<bool>(),
        damage in prop::option::weighted(0.5, (any::<prop::sample::Index>(), any::<char>())),
    ) {
        let mut text = written(&json, pretty);
        if let Some((place, byte)) = damage {
            let mut letters: Vec<char> = text.chars().collect();
            let place = place.index(letters.len());
            letters[place] = byte;
            text = letters.into_iter().collect();
        }
        let mapping = Mapping::usual();
        let mut reading = Reading::new(&mapping);
        let exact = read_exact(&text, &mut reading).map(|()| reading.finish(|| structure(&text, &mapping)));
        prop_assert_eq!(format!("{:?}", read_json(text.as_bytes(), &mapping)), format!("{:?}", exact), "{}", text);
    }

    #[test]
    fn any_bytes_are_a_record_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_json(&bytes, &Mapping::usual());
    }
}
