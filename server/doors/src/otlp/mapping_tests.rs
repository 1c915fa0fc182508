//! The JSON mapping, field by field: every field of a request down to `AnyValue`, in every form that a ProtoJSON
//! parser accepts, and invalid forms.

use model::{Text, Value, limits};
use pipeline::normalise::{RawId, RawRecord, RawTime};

use super::decode_json;
use crate::Decoded;

fn decoded(body: &str) -> Decoded {
    decode_json(body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}"))
}

/// A request of one record with these fields, and another one after it, which is always valid.
fn read(fields: &str) -> Result<RawRecord, String> {
    let other = r#"{"body":{"stringValue":"other"}}"#;
    let body = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{{fields}}},{other}]}}]}}]}}"#);
    let Decoded { mut records, places, mut rejections } = decoded(&body);
    assert_eq!((records.last().unwrap().message.as_str(), places.last()), ("other", Some(&1)), "{fields}");
    match rejections.pop() {
        None => Ok(records.remove(0)),
        Some(rejection) => {
            assert_eq!((rejection.index, rejections.len(), records.len()), (0, 0, 1), "{fields}");
            Err(rejection.reason)
        }
    }
}

fn attribute(value: &str) -> Result<Option<Value>, String> {
    let record = read(&format!(r#""attributes":[{{"key":"k","value":{value}}}]"#))?;
    Ok(record.attributes.into_iter().find(|(key, _)| key == "k").map(|(_, value)| value))
}

#[test]
fn any_value_is_read_in_every_form() {
    let text = |text: &str| Some(Value::Text(text.into()));
    for (value, expected) in [
        // Empty values.
        ("null", None),
        ("{}", None),
        (r#"{"stringValue":null}"#, None),
        (r#"{"boolValue":null}"#, None),
        (r#"{"intValue":null}"#, None),
        (r#"{"doubleValue":null}"#, None),
        (r#"{"bytesValue":null}"#, None),
        (r#"{"arrayValue":null}"#, None),
        (r#"{"kvlistValue":null}"#, None),
        // One value, and absent others.
        (r#"{"stringValue":"a"}"#, text("a")),
        (r#"{"string_value":"a"}"#, text("a")),
        (r#"{"stringValue":""}"#, text("")),
        (r#"{"intValue":null,"stringValue":"a","boolValue":null}"#, text("a")),
        (r#"{"boolValue":true}"#, Some(Value::Bool(true))),
        (r#"{"bool_value":false}"#, Some(Value::Bool(false))),
        // Whole numbers.
        (r#"{"intValue":17}"#, Some(Value::Int(17))),
        (r#"{"intValue":"17"}"#, Some(Value::Int(17))),
        (r#"{"intValue":17.0}"#, Some(Value::Int(17))),
        (r#"{"intValue":1.7e1}"#, Some(Value::Int(17))),
        (r#"{"intValue":"1.7E+1"}"#, Some(Value::Int(17))),
        (r#"{"intValue":170e-1}"#, Some(Value::Int(17))),
        (r#"{"int_value":"-9223372036854775808"}"#, Some(Value::Int(i64::MIN))),
        (r#"{"intValue":9223372036854775807}"#, Some(Value::Int(i64::MAX))),
        (r#"{"intValue":9007199254740993.0}"#, Some(Value::Int(9_007_199_254_740_993))),
        (r#"{"intValue":-0}"#, Some(Value::Int(0))),
        // Beyond 64 bits the digits are kept.
        (r#"{"intValue":9223372036854775808}"#, text("9223372036854775808")),
        (r#"{"intValue":"-123456789012345678901234567890"}"#, text("-123456789012345678901234567890")),
        (
            r#"{"intValue":1234567890123456789012345678901234567890123}"#,
            text("1234567890123456789012345678901234567890123"),
        ),
        // Other numbers.
        (r#"{"doubleValue":1.5}"#, Some(Value::Float(1.5))),
        (r#"{"doubleValue":"1.5"}"#, Some(Value::Float(1.5))),
        (r#"{"double_value":-2}"#, Some(Value::Float(-2.0))),
        (r#"{"doubleValue":"1e3"}"#, Some(Value::Float(1000.0))),
        (r#"{"doubleValue":"NaN"}"#, text("NaN")),
        (r#"{"doubleValue":"Infinity"}"#, text("Infinity")),
        (r#"{"doubleValue":"-Infinity"}"#, text("-Infinity")),
        (r#"{"doubleValue":NaN}"#, text("NaN")),
        (r#"{"doubleValue":1e999}"#, text("1e999")),
        // Bytes, in both alphabets, with and without padding.
        (r#"{"bytesValue":"+/8="}"#, text("+/8=")),
        (r#"{"bytesValue":"-_8="}"#, text("+/8=")),
        (r#"{"bytesValue":"-_8"}"#, text("+/8=")),
        (r#"{"bytes_value":"aGk"}"#, text("aGk=")),
        (r#"{"bytesValue":""}"#, text("")),
        // Lists and maps, empty and nested.
        (r#"{"arrayValue":{}}"#, text("[]")),
        (r#"{"array_value":{"values":[]}}"#, text("[]")),
        (r#"{"arrayValue":{"values":null}}"#, text("[]")),
        (
            r#"{"arrayValue":{"values":[{"intValue":"1"},null,{},{"doubleValue":"NaN"},{"arrayValue":{}},{"kvlistValue":{}}]}}"#,
            text(r#"[1,null,null,"NaN",[],{}]"#),
        ),
        (r#"{"kvlistValue":{}}"#, None),
        (r#"{"kvlist_value":{"values":[{"key":"a","value":{"intValue":1}},null]}}"#, None),
        // Unknown fields are skipped, and kept as JSON if there is nothing else.
        (r#"{"futureValue":{"a":[1]},"stringValue":"a"}"#, text("a")),
        (r#"{"futureValue": {"a":[1]}}"#, text(r#"{"futureValue": {"a":[1]}}"#)),
        (r#"{"arrayValue":{"value":[{"intValue":1}]}}"#, text(r#"{"arrayValue":{"value":[{"intValue":1}]}}"#)),
        (r#"{"arrayValue":{"values":[{"intValue":1}],"other":2}}"#, text("[1]")),
    ] {
        assert_eq!(attribute(value), Ok(expected), "{value}");
    }
    let nested = read(
        r#""attributes":[{"key":"k","value":{"kvlistValue":{"values":[{"key":"a","value":{"intValue":1}},{"key":"b","value":{"kvlistValue":{"values":[{"key":"c","value":{"boolValue":true}}]}}}]}}}]"#,
    );
    assert_eq!(
        nested.unwrap().attributes,
        [(Text::from("k.a"), Value::Int(1)), (Text::from("k.b.c"), Value::Bool(true))]
    );
}

#[test]
fn a_value_of_a_wrong_kind_refuses_its_record_and_names_the_place() {
    let place = "resourceLogs[0].scopeLogs[0].logRecords[0].";
    for (value, reason) in [
        ("\"text\"", ": a text where an object such as {\"stringValue\":\"…\"} is expected"),
        ("7", ": a number where an object such as {\"stringValue\":\"…\"} is expected"),
        ("[]", ": a list where an object such as {\"stringValue\":\"…\"} is expected"),
        (r#"{"stringValue":7}"#, ".stringValue: a number where a text is expected"),
        (r#"{"stringValue":{"a":["}"]}}"#, ".stringValue: an object where a text is expected"),
        (r#"{"boolValue":"true"}"#, ".boolValue: a text where a boolean is expected"),
        (r#"{"boolValue":1}"#, ".boolValue: a number where a boolean is expected"),
        (r#"{"intValue":1.5}"#, ".intValue: \"1.5\" is not a whole number"),
        (r#"{"intValue":"abc"}"#, ".intValue: \"abc\" is not a whole number"),
        (r#"{"intValue":""}"#, ".intValue: \"\" is not a whole number"),
        (r#"{"intValue":true}"#, ".intValue: a boolean where a whole number is expected"),
        (r#"{"intValue":1e400}"#, ".intValue: \"1e400\" is not a whole number"),
        (r#"{"doubleValue":"fast"}"#, ".doubleValue: \"fast\" is not a number"),
        (r#"{"doubleValue":"inf"}"#, ".doubleValue: \"inf\" is not a number"),
        (r#"{"doubleValue":[1]}"#, ".doubleValue: a list where a number is expected"),
        (r#"{"bytesValue":"%%%"}"#, ".bytesValue: the text is not Base64"),
        (r#"{"bytesValue":[1,2]}"#, ".bytesValue: a list where a text in Base64 is expected"),
        (r#"{"arrayValue":[1]}"#, ".arrayValue: a list where an object is expected"),
        (r#"{"arrayValue":{"values":7}}"#, ".arrayValue.values: a number where a list is expected"),
        (
            r#"{"arrayValue":{"values":[{},{"intValue":[]}]}}"#,
            ".arrayValue.values[1].intValue: a list where a whole number is expected",
        ),
        (r#"{"kvlistValue":{"values":{"a":1}}}"#, ".kvlistValue.values: an object where a list is expected"),
        (r#"{"kvlistValue":{"values":[{"key":7}]}}"#, ".kvlistValue.values[0].key: a number where a text is expected"),
        (r#"{"stringValue":"a","intValue":1}"#, ": it has another value besides intValue; remove one of them"),
    ] {
        assert_eq!(attribute(value), Err(format!("{place}attributes[0].value{reason}")), "{value}");
        assert_eq!(read(&format!(r#""body":{value}"#)).unwrap_err(), format!("{place}body{reason}"), "{value}");
    }
    let nest = |depth: usize| format!("{}1{}", r#"{"arrayValue":{"values":["#.repeat(depth), "]}}".repeat(depth));
    for depth in [limits::DEPTH + 2, 4000] {
        assert!(read(&format!(r#""body":{}"#, nest(depth))).unwrap_err().contains("nested deeper than 32"), "{depth}");
    }
}

#[test]
fn every_field_of_a_log_record_is_read_in_every_form() {
    let nanos = RawTime::Number(1_700_000_000_000_000_001);
    let text = |text: &str| RawTime::Text(text.into());
    for (fields, expected) in [
        (r#""timeUnixNano":"1700000000000000001""#, nanos.clone()),
        (r#""time_unix_nano":1700000000000000001"#, nanos.clone()),
        (r#""timeUnixNano":1.700000000000000001e18"#, nanos.clone()),
        (r#""timeUnixNano":null,"observedTimeUnixNano":"1700000000000000001""#, nanos.clone()),
        (r#""timeUnixNano":0,"observed_time_unix_nano":1700000000000000001"#, nanos.clone()),
        (r#""timeUnixNano":"1700000000000000001","observedTimeUnixNano":5"#, nanos),
        (r#""timeUnixNano":"0""#, RawTime::Missing),
        // An invalid time is passed to the pipeline as a text.
        (r#""timeUnixNano":"soon""#, text("soon")),
        (r#""timeUnixNano":-5"#, text("-5")),
        (r#""timeUnixNano":"18446744073709551615""#, text("18446744073709551615")),
        (r#""observedTimeUnixNano":"2026-01-02T03:04:05Z""#, text("2026-01-02T03:04:05Z")),
    ] {
        assert_eq!(read(&format!(r#"{fields},"body":{{"stringValue":"m"}}"#)).unwrap().time, expected, "{fields}");
    }
    for (fields, severity, level) in [
        (r#""severityNumber":17"#, Some(17), ""),
        (r#""severity_number":"17","severity_text":"Error""#, Some(17), "Error"),
        (r#""severityNumber":17.0,"severityText":null"#, Some(17), ""),
        (r#""severityNumber":"SEVERITY_NUMBER_WARN""#, Some(13), ""),
        (r#""severityNumber":"SEVERITY_NUMBER_FATAL4""#, Some(24), ""),
        (r#""severityNumber":"SEVERITY_NUMBER_UNSPECIFIED""#, None, ""),
        (r#""severityNumber":null"#, None, ""),
        (r#""severityNumber":"ALARM""#, None, "ALARM"),
        (r#""severityNumber":"ALARM","severityText":"Error""#, None, "Error"),
    ] {
        let record = read(&format!(r#"{fields},"body":{{"stringValue":"m"}}"#)).unwrap();
        assert_eq!((record.severity, record.level.as_str()), (severity, level), "{fields}");
    }
    for (fields, name, value) in [
        (r#""droppedAttributesCount":3"#, "otel.dropped_attributes_count", Value::Int(3)),
        (r#""dropped_attributes_count":"3""#, "otel.dropped_attributes_count", Value::Int(3)),
        (r#""eventName":"login""#, "event.name", Value::Text("login".into())),
        (r#""event_name":"login""#, "event.name", Value::Text("login".into())),
        // Fields without effect here, in any form.
        (r#""eventName":"login","flags":"1","future":[{"a":null}]"#, "event.name", Value::Text("login".into())),
        (r#""eventName":"login","flags":{},"traceId":null,"spanId":null"#, "event.name", Value::Text("login".into())),
        (r#""attributes":null,"eventName":"login","body":null"#, "event.name", Value::Text("login".into())),
        (r#""attributes":[],"eventName":"login","body":{}"#, "event.name", Value::Text("login".into())),
    ] {
        let record = read(fields).unwrap();
        assert_eq!(record.attributes, [(Text::from(name), value)], "{fields}");
    }
    assert_eq!(read(r#""body":{"doubleValue":"NaN"}"#).unwrap().message, "NaN");
    assert_eq!(read(r#""body":{"stringVal":"m"}"#).unwrap().message, r#"{"stringVal":"m"}"#);
    let place = "resourceLogs[0].scopeLogs[0].logRecords[0]";
    for (fields, reason) in [
        (r#""timeUnixNano":[]"#, ".timeUnixNano: a list where nanoseconds since 1970 is expected"),
        (r#""observedTimeUnixNano":true"#, ".observedTimeUnixNano: a boolean where nanoseconds since 1970 is expected"),
        (r#""severityNumber":{}"#, ".severityNumber: an object where a number from 1 to 24 is expected"),
        (r#""severityText":7"#, ".severityText: a number where a text is expected"),
        (r#""attributes":{"a":1}"#, ".attributes: an object where a list is expected"),
        (r#""attributes":[7]"#, ".attributes[0]: a number where an object is expected"),
        (
            r#""attributes":[{},{"key":null,"value":7}]"#,
            ".attributes[1].value: a number where an object such as {\"stringValue\":\"…\"} is expected",
        ),
        (r#""droppedAttributesCount":-1"#, ".droppedAttributesCount: \"-1\" is not a whole number"),
        (r#""eventName":[]"#, ".eventName: a list where a text is expected"),
        (
            r#""message":"m","timeUnixNano":"1""#,
            ": it has no body, attributes or eventName, and its field \"message\" is unknown",
        ),
    ] {
        assert_eq!(read(fields), Err(format!("{place}{reason}")), "{fields}");
    }
}

#[test]
fn ids_are_read_in_every_form_and_never_refuse_a_record() {
    let hex = "0af7651916cd43dd8448eb211c80319c";
    let bytes = RawId::Bytes(hex::decode(hex).unwrap());
    let text = |text: &str| RawId::Text(text.into());
    for (value, id) in [
        (r#""0AF7651916CD43DD8448EB211C80319C""#, text("0AF7651916CD43DD8448EB211C80319C")),
        (r#""0af76519-16cd-43dd-8448-eb211c80319c""#, text("0af76519-16cd-43dd-8448-eb211c80319c")),
        (r#""CvdlGRbNQ92ESOshHIAxnA==""#, text("CvdlGRbNQ92ESOshHIAxnA==")),
        (r#""CvdlGRbNQ92ESOshHIAxnA""#, bytes),
        // The digits in Base64.
        (r#""MGFmNzY1MTkxNmNkNDNkZDg0NDhlYjIxMWM4MDMxOWM=""#, RawId::Bytes(hex.into())),
        ("null", RawId::Missing),
        (r#""""#, text("")),
        (r#""req-17""#, text("req-17")),
        ("17", text("17")),
        ("[1, 2]", text("[1, 2]")),
        (r#"{"a":1}"#, text(r#"{"a":1}"#)),
    ] {
        let record = read(&format!(r#""body":{{"stringValue":"m"}},"traceId":{value}"#)).unwrap();
        assert_eq!((record.trace_id, record.span_id), (id.clone(), RawId::Missing), "{value}");
        let record = read(&format!(r#""trace_id":{value},"body":{{"stringValue":"m"}}"#)).unwrap();
        assert_eq!(record.trace_id, id, "{value}");
    }
    let span = |value: &str| read(&format!(r#""body":{{"stringValue":"m"}},"spanId":{value}"#)).unwrap().span_id;
    assert_eq!(span(r#""7uGbfsPBsXQ""#), RawId::Bytes(hex::decode("eee19b7ec3c1b174").unwrap()));
    assert_eq!(span(r#""EEE19B7EC3C1B174""#), text("EEE19B7EC3C1B174"));
}

/// The attributes of the only record of a request.
fn shared(resource: &str, scope: &str) -> Vec<(Text, Value)> {
    let body = format!(
        r#"{{"resourceLogs":[{{{resource}"scopeLogs":[{{{scope}"logRecords":[{{"body":{{"stringValue":"m"}}}}]}}]}}]}}"#
    );
    decoded(&body).records.remove(0).attributes
}

#[test]
fn every_field_around_log_records_is_read_in_every_form() {
    let pair = |key: &str, value: Value| (Text::from(key), value);
    let entry = r#"{"key":"k","value":{"stringValue":"v"}}"#;
    let text = |text: &str| Value::Text(text.into());
    for (resource, scope, expected) in [
        (String::new(), String::new(), vec![]),
        (r#""resource":null,"schemaUrl":null,"#.into(), r#""scope":null,"schema_url":"u","#.into(), vec![]),
        (r#""resource":{},"schemaUrl":"u","future":1,"#.into(), r#""scope":{},"future":{},"#.into(), vec![]),
        (
            format!(
                r#""resource":{{"attributes":[{entry}],"dropped_attributes_count":"2","entityRefs":[{{"type":"t"}}],"future":1}},"#
            ),
            String::new(),
            vec![pair("k", text("v")), pair("otel.resource.dropped_attributes_count", Value::Int(2))],
        ),
        (
            r#""resource":{"attributes":null,"droppedAttributesCount":null},"#.into(),
            format!(
                r#""scope":{{"name":"n","version":"1","attributes":[{entry}],"droppedAttributesCount":2,"future":1}},"#
            ),
            vec![
                pair("otel.scope.name", text("n")),
                pair("otel.scope.version", text("1")),
                pair("k", text("v")),
                pair("otel.scope.dropped_attributes_count", Value::Int(2)),
            ],
        ),
        (String::new(), r#""scope":{"name":null,"version":null,"attributes":null},"#.into(), vec![]),
    ] {
        assert_eq!(shared(&resource, &scope), expected, "{resource}{scope}");
    }
    // In any order, in both spellings, and in several lists.
    let body = r#"{"resource_logs":[null,{"scope_logs":[{"log_records":[{"body":{"stringValue":"a"}}],"scope":{"name":"n"}}],
        "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
        "scopeLogs":[{"logRecords":[null,{"body":{"stringValue":"b"}}]}]}]}"#;
    let records = decoded(body).records;
    let read: Vec<_> = records.iter().map(|record| (record.service.as_str(), record.message.as_str())).collect();
    assert_eq!(read.len(), 2);
    assert!(read.contains(&("shop", "a")) && read.contains(&("shop", "b")), "{read:?}");
    assert_eq!(records[1].attributes.len() + records[0].attributes.len(), 1);
}

#[test]
fn what_is_wrong_around_log_records_costs_only_what_is_in_it() {
    let good = r#"{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"good"}}]}]}"#;
    let two = r#"{"body":{"stringValue":"a"}},{"body":{"stringValue":"b"}}"#;
    for (bad, refused, reason) in [
        ("7".to_owned(), 1, "resourceLogs[0]: a number where an object is expected"),
        (r#"{"scopeLogs":7}"#.into(), 1, "resourceLogs[0].scopeLogs: a number where a list is expected"),
        (r#"{"scopeLogs":[[]]}"#.into(), 1, "resourceLogs[0].scopeLogs[0]: a list where an object is expected"),
        (
            r#"{"scopeLogs":[{"logRecords":{}}]}"#.into(),
            1,
            "resourceLogs[0].scopeLogs[0].logRecords: an object where a list is expected",
        ),
        (
            r#"{"scopeLogs":[{"logRecords":["text"]}]}"#.into(),
            1,
            "resourceLogs[0].scopeLogs[0].logRecords[0]: a text where an object is expected",
        ),
        (
            r#"{"scopeLog":[{"logRecords":[{}]}]}"#.into(),
            1,
            "resourceLogs[0]: it has no scopeLogs, and its field \"scopeLog\" is unknown",
        ),
        (
            r#"{"scopeLogs":[{"records":[{}]}]}"#.into(),
            1,
            "resourceLogs[0].scopeLogs[0]: it has no logRecords, and its field \"records\" is unknown",
        ),
        (
            format!(
                r#"{{"resource":{{"attributes":[{{"key":"k","value":{{"intValue":"x"}}}}]}},"scopeLogs":[{{"logRecords":[{two}]}}]}}"#
            ),
            2,
            "resourceLogs[0].scopeLogs[0].logRecords[0] belongs to one that cannot be parsed: resource.attributes[0].value.intValue: \"x\" is not a whole number",
        ),
        (
            format!(r#"{{"scopeLogs":[{{"logRecords":[{two}],"scope":{{"name":7}}}}]}}"#),
            2,
            "resourceLogs[0].scopeLogs[0].logRecords[0] belongs to one that cannot be parsed: scope.name: a number where a text is expected",
        ),
    ] {
        let read = decoded(&format!(r#"{{"resourceLogs":[{bad},{good}]}}"#));
        assert_eq!(read.records.iter().map(|record| record.message.as_str()).collect::<Vec<_>>(), ["good"], "{bad}");
        assert_eq!(read.places, [refused], "{bad}");
        assert_eq!(read.rejections.len(), refused, "{bad}");
        assert_eq!(read.rejections[0].reason, reason, "{bad}");
    }
}

#[test]
fn an_empty_request_is_one_and_what_holds_no_log_record_is_refused() {
    for empty in [
        "{}",
        r#"{"resourceLogs":null}"#,
        r#"{"resourceLogs":[]}"#,
        r#"{"resource_logs":[],"future":1}"#,
        r#"{"resourceLogs":[{}]}"#,
        r#"{"resourceLogs":[{"resource":{},"scopeLogs":[]}]}"#,
        r#"{"resourceLogs":[{"scopeLogs":[{"scope":{},"logRecords":[]}]}]}"#,
    ] {
        let read = decoded(empty);
        assert_eq!((read.records.len(), read.rejections.len()), (0, 0), "{empty}");
    }
    for (body, word) in [
        (r#"{"resourceLogs":[{"scopeLogs":7}]}"#, "resourceLogs[0].scopeLogs: a number"),
        (r#"{"resourceLogs":{}}"#, "resourceLogs: an object where a list"),
        (r#"{"resourceLog":[{}]}"#, "resourceLogs is missing"),
        (r#"{"resourceLogs":[{"scopeLog":[{}]}]}"#, "scopeLog"),
        (r#"{"streams":[]}"#, "/loki/api/v1/push"),
        ("", "empty"),
        ("[]", "an object is expected"),
        ("7", "an object is expected"),
        ("null", "resourceLogs"),
        (r#"{"message":"m"}"#, "/api/v1/push"),
        (r#"{"resourceSpans":[]}"#, "accepts logs"),
        (r#"{"resourceLogs":[}"#, "line 1 column"),
        (r#"{"resourceLogs":[]} x"#, "line 1 column"),
    ] {
        let error = decode_json(body.as_bytes()).unwrap_err();
        assert!(error.message.contains(word), "{body}: {error}");
    }
}
