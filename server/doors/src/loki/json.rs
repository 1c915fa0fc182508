//! Loki's push in JSON: the current form and its predecessor, which some clients still use.
//!
//! ```json
//! {"streams":[{"stream":{"service":"shop"},"values":[["1700000000000000000","line",{"user":"ann"}]]}]}
//! {"streams":[{"labels":"{service=\"shop\"}","entries":[{"ts":"2026-01-01T00:00:00Z","line":"line"}]}]}
//! ```
//!
//! An invalid stream or line is refused with its place; the others are kept.

use std::borrow::Cow;

use model::{Value, limits};
use pipeline::{
    Error, Result,
    normalise::{RawRecord, RawTime},
};

use super::{Labels, Records, labels::parse_labels, time_of};
use crate::{
    Decoded,
    json_reader::{Fault, Read, Reader, Refusal, Token},
    wrong_door::{self, Door},
};

const ENTRY: &str = "[\"<nanoseconds since 1970>\", \"<line>\"] with an optional metadata object";

/// Parses a JSON body. Invalid lines become rejections.
///
/// # Errors
/// `Invalid` if it is not JSON, or has no line.
pub fn decode_json(body: &[u8]) -> Result<Decoded> {
    wrong_door::check(body, Door::Loki)?;
    let invalid = |reason: &str| Error::invalid(format!("the body is not a Loki push in JSON: {reason}"));
    let text = simdutf8::basic::from_utf8(body).map_err(|_| invalid("it is not valid UTF-8; send UTF-8"))?;
    let mut reader = Reader::new(text);
    let mut records = Records::default();
    match push(&mut reader, &mut records) {
        Ok(()) => records.finish(),
        Err(Refusal::Whole(error)) => Err(error),
        Err(refusal) => Err(invalid(&reader.explain(&refusal))),
    }
}

fn push(reader: &mut Reader<'_>, records: &mut Records) -> Read<()> {
    let mut is_there = false;
    reader.object(|reader, name| {
        if name != "streams" {
            return reader.skip().map(drop);
        }
        is_there = true;
        let read = reader.list(|reader, place| {
            let place = format!("streams[{place}]");
            if let Err(Fault(reason)) = reader.or_fault(|reader| stream(reader, records, &place))? {
                let dot = if reason.starts_with([':', '[']) { "" } else { "." };
                records.refuse(format!("{place}{dot}{reason}"));
            }
            Ok(())
        });
        read.map_err(|fault| fault.at("streams"))
    })?;
    reader.end()?;
    if is_there { Ok(()) } else { Err(Refusal::fault("streams is missing")) }
}

fn stream<'a>(reader: &mut Reader<'a>, records: &mut Records, place: &str) -> Read<()> {
    let mut labels = None;
    // Lists of lines that precede the labels of their stream.
    let mut waiting: Vec<(&'static str, Reader<'a>)> = Vec::new();
    let mut unknown: Option<Cow<'a, str>> = None;
    let before = records.line_count();
    let mut is_list_there = false;
    let is_object = reader.object(|reader, name| {
        let list = match &*name {
            "stream" | "labels" => {
                let read = read_labels(reader).map_err(|fault| fault.at(&name))?;
                labels = Some(records.stream(read));
                return Ok(());
            }
            "values" => "values",
            "entries" => "entries",
            _ => {
                unknown.get_or_insert(name);
                return reader.skip().map(drop);
            }
        };
        is_list_there = true;
        match &labels {
            Some(labels) => lines(reader, records, labels, place, list),
            None => {
                waiting.push((list, *reader));
                reader.skip().map(drop)
            }
        }
    })?;
    if !is_object {
        return Err(Refusal::fault(": null where a stream is expected"));
    }
    let labels = labels.unwrap_or_default();
    for (list, mut reader) in waiting {
        lines(&mut reader, records, &labels, place, list)?;
    }
    if records.line_count() > before {
        return Ok(());
    }
    Err(Refusal::fault(match unknown {
        Some(name) if !is_list_there => {
            let name: String = name.chars().take(64).collect();
            format!(
                ": it has no values, and its field {name:?} is unknown; send {{\"stream\":{{…}},\"values\":[[time, line], …]}}"
            )
        }
        _ => ": it has no lines; remove it, or send \"values\":[[time, line], …]".to_owned(),
    }))
}

/// Reads labels from an object or a LogQL text.
fn read_labels(reader: &mut Reader<'_>) -> Read<Labels> {
    let mut labels = Labels::new();
    match reader.token()? {
        Token::Null => {}
        Token::Object => reader.fields(|reader, name| value(reader, &name, 1, &mut labels))?,
        Token::Text(text) => {
            let read = parse_labels(&text).ok_or_else(|| {
                let text: String = text.chars().take(64).collect();
                Refusal::fault(format!(": {text:?} cannot be parsed; write {{service=\"shop\"}}"))
            });
            labels.extend(read?.into_iter().map(|(name, text)| (name, Value::Text(text.into()))));
        }
        other => return Err(other.unexpected("an object of labels")),
    }
    Ok(labels)
}

fn lines<'a>(
    reader: &mut Reader<'a>,
    records: &mut Records,
    labels: &RawRecord,
    place: &str,
    list: &'static str,
) -> Read<()> {
    let read = reader.list(|reader, index| match reader.or_fault(entry)? {
        Ok(Entry { time, line, metadata }) => records.entry(labels, time, line, metadata).map_err(Refusal::Whole),
        Err(Fault(reason)) => {
            let dot = if reason.starts_with([':', '[']) { "" } else { "." };
            records.refuse(format!("{place}.{list}[{index}]{dot}{reason}"));
            Ok(())
        }
    });
    read.map_err(|fault| fault.at(list))
}

struct Entry {
    time: RawTime,
    line: String,
    metadata: Labels,
}

/// Reads one line with its time, in either form.
fn entry(reader: &mut Reader<'_>) -> Read<Entry> {
    let (mut time, mut text, mut metadata) = (None, None, Labels::new());
    match reader.token()? {
        Token::List => {
            let mut parts = 0;
            reader.elements(|reader, place| {
                parts = place + 1;
                match place {
                    0 => time = read_time(reader).map_err(|fault| fault.at("[0]"))?,
                    1 => text = line(reader)?,
                    2 => read_metadata(reader, &mut metadata).map_err(|fault| fault.at("[2]"))?,
                    _ => return reader.skip().map(drop),
                }
                Ok(())
            })?;
            if !(2..=3).contains(&parts) {
                return Err(Refusal::fault(format!(": it has {parts} parts; it should be {ENTRY}")));
            }
        }
        Token::Object => reader.fields(|reader, name| match &*name {
            "ts" | "timestamp" => {
                time = read_time(reader).map_err(|fault| fault.at(&name))?;
                Ok(())
            }
            "line" => {
                text = line(reader)?;
                Ok(())
            }
            "structuredMetadata" | "structured_metadata" | "metadata" => {
                read_metadata(reader, &mut metadata).map_err(|fault| fault.at(&name))
            }
            _ => reader.skip().map(drop),
        })?,
        other => return Err(other.unexpected(ENTRY)),
    }
    match (time, text) {
        (Some(time), Some(line)) => Ok(Entry { time, line, metadata }),
        (None, _) => Err(Refusal::fault(": it has no time; send nanoseconds since 1970")),
        (_, None) => Err(Refusal::fault(": it has no line")),
    }
}

fn read_time(reader: &mut Reader<'_>) -> Read<Option<RawTime>> {
    let text = reader.scalar("nanoseconds since 1970")?;
    Ok(text.map(|text| time_of(text.into_owned())))
}

/// Reads the line. A value that is not a text becomes its JSON text, which is then parsed like an object line.
fn line(reader: &mut Reader<'_>) -> Read<Option<String>> {
    let before = *reader;
    Ok(match reader.token()? {
        Token::Null => None,
        Token::Text(text) => Some(text.into_owned()),
        _ => {
            *reader = before;
            Some(reader.skip()?.to_owned())
        }
    })
}

/// Reads an object, or a list of `{"name":…,"value":…}` as in protobuf's JSON mapping.
fn read_metadata(reader: &mut Reader<'_>, metadata: &mut Labels) -> Read<()> {
    match reader.token()? {
        Token::Null => Ok(()),
        Token::Object => reader.fields(|reader, name| value(reader, &name, 1, metadata)),
        Token::List => reader.elements(|reader, place| {
            let (mut name, mut at) = (None, None);
            let place = |fault: Refusal| fault.at(format_args!("[{place}]"));
            let read = reader.object(|reader, key| {
                match &*key {
                    "name" => name = reader.scalar("a text")?,
                    "value" => {
                        at = Some(*reader);
                        reader.skip()?;
                    }
                    _ => drop(reader.skip()?),
                }
                Ok(())
            });
            read.map_err(place)?;
            match (name, at) {
                (Some(name), Some(mut reader)) => value(&mut reader, &name, 1, metadata).map_err(place),
                _ => Err(place(Refusal::fault(": it has no name and value"))),
            }
        }),
        other => Err(other.unexpected("an object")),
    }
}

/// Reads a label's value: an object is flattened with dots, a list becomes its JSON text.
fn value(reader: &mut Reader<'_>, name: &str, depth: usize, labels: &mut Labels) -> Read<()> {
    let before = *reader;
    let read = match reader.token()? {
        Token::Null => return Ok(()),
        Token::Bool(value) => Value::Bool(value),
        Token::Number(text) => number(text),
        Token::Text(text) => Value::Text(text.into()),
        Token::Object if depth < limits::DEPTH => {
            return reader.fields(|reader, inner| value(reader, &format!("{name}.{inner}"), depth + 1, labels));
        }
        Token::Object | Token::List => {
            *reader = before;
            Value::Text(reader.skip()?.into())
        }
    };
    labels.push((name.to_owned(), read));
    Ok(())
}

/// A number, or its digits as a text if a number would lose some.
fn number(text: &str) -> Value {
    if let Ok(number) = text.parse() {
        return Value::Int(number);
    }
    let is_fraction = text.contains(['.', 'e', 'E']);
    match text.parse::<f64>() {
        Ok(number) if is_fraction && number.is_finite() => Value::Float(number),
        _ => Value::Text(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use model::Text;

    use super::*;

    fn messages(decoded: &Decoded) -> Vec<&str> {
        decoded.records.iter().map(|record| record.message.as_str()).collect()
    }

    #[test]
    fn both_forms_read_alike() {
        let nanos = RawTime::Number(1_700_000_000_000_000_001);
        let text = |text: &str| RawTime::Text(text.into());
        for (stream, time) in [
            (r#""stream":{"service":"shop","env":"test"},"values":[["1700000000000000001","m"]]"#, nanos.clone()),
            (r#""values":[["1700000000000000001","m",null]],"stream":{"service":"shop","env":"test"}"#, nanos.clone()),
            (r#""labels":"{service=\"shop\", env=\"test\"}","entries":[{"ts":1700000000000000001,"line":"m"}]"#, nanos),
            (
                r#""entries":[{"ts":"2026-01-02T03:04:05.5Z","line":"m"}],"labels":"{service=\"shop\",env=\"test\"}""#,
                text("2026-01-02T03:04:05.5Z"),
            ),
            (
                r#""labels":{"service":"shop","env":"test"},"entries":[{"timestamp":"soon","line":"m","metadata":{}}],"more":1"#,
                text("soon"),
            ),
        ] {
            let decoded = decode_json(format!(r#"{{"streams":[{{{stream}}}]}}"#).as_bytes()).unwrap();
            let [record] = &decoded.records[..] else { panic!("{stream}: {decoded:?}") };
            assert_eq!((record.message.as_str(), record.service.as_str()), ("m", "shop"), "{stream}");
            assert_eq!(record.attributes, [(Text::from("env"), Value::Text("test".into()))], "{stream}");
            assert_eq!((&record.time, decoded.rejections.len()), (&time, 0), "{stream}");
        }
    }

    #[test]
    fn labels_and_metadata_that_are_no_text_are_kept() {
        let pair = |key: &str, value: Value| (Text::from(key), value);
        let text = |text: &str| Value::Text(text.into());
        for (metadata, attributes) in [
            (
                r#"{"statusCode":200,"ok":true}"#,
                vec![pair("statusCode", Value::Int(200)), pair("ok", Value::Bool(true))],
            ),
            (
                r#"{"took":1.5,"big":18446744073709551616}"#,
                vec![pair("took", Value::Float(1.5)), pair("big", text("18446744073709551616"))],
            ),
            (
                r#"{"user":{"id":7,"name":"ann"},"tags":["a",1],"gone":null}"#,
                vec![pair("user.id", Value::Int(7)), pair("user.name", text("ann")), pair("tags", text(r#"["a",1]"#))],
            ),
            (
                r#"[{"name":"user","value":"ann"},{"name":"n","value":7}]"#,
                vec![pair("user", text("ann")), pair("n", Value::Int(7))],
            ),
        ] {
            let body = format!(r#"{{"streams":[{{"stream":{{}},"values":[["1","m",{metadata}]]}}]}}"#);
            assert_eq!(decode_json(body.as_bytes()).unwrap().records[0].attributes, attributes, "{metadata}");
        }
        let body = r#"{"streams":[{"stream":{"pid":7,"level":30,"job":8},"values":[["1","m"],["1",{"msg":"inner"}],["1",5]]}]}"#;
        let decoded = decode_json(body.as_bytes()).unwrap();
        assert_eq!(messages(&decoded), ["m", "inner", "5"]);
        let first = &decoded.records[0];
        assert_eq!((first.service.as_str(), first.level.as_str()), ("8", "info"));
        assert_eq!(first.attributes, [pair("pid", Value::Int(7))]);
    }

    #[test]
    fn what_does_not_read_is_named_and_the_other_lines_are_kept() {
        let good = r#"{"stream":{},"values":[["1","good"]]}"#;
        for (bad, reason) in [
            ("7", "streams[0]: a number where an object is expected"),
            ("null", "streams[0]: null where a stream is expected"),
            ("{}", "streams[0]: it has no lines; "),
            (r#"{"stream":{"a":"b"},"values":[]}"#, "streams[0]: it has no lines; "),
            (r#"{"labels":"{a=\"b\"}","entries":null}"#, "streams[0]: it has no lines; "),
            (
                r#"{"stream":{"a":"b"},"value":[["1","m"]]}"#,
                "streams[0]: it has no values, and its field \"value\" is unknown",
            ),
            (
                r#"{"ignored1":"a","ignored2":"b"}"#,
                "streams[0]: it has no values, and its field \"ignored1\" is unknown",
            ),
            (r#"{"stream":{},"values":{"1":"m"}}"#, "streams[0].values: an object where a list is expected"),
            (
                r#"{"stream":7,"values":[["1","m"]]}"#,
                "streams[0].stream: a number where an object of labels is expected",
            ),
            (
                r#"{"labels":"a=b","entries":[{"ts":1,"line":"m"}]}"#,
                "streams[0].labels: \"a=b\" cannot be parsed; write {service=\"shop\"}",
            ),
            (r#"{"values":[["1"]]}"#, "streams[0].values[0]: it has 1 parts; "),
            (r#"{"values":[["1","m",{},4]]}"#, "streams[0].values[0]: it has 4 parts; "),
            (r#"{"values":["m"]}"#, "streams[0].values[0]: a text where ["),
            (r#"{"values":[[null,"m"]]}"#, "streams[0].values[0]: it has no time; "),
            (r#"{"values":[["1",null]]}"#, "streams[0].values[0]: it has no line"),
            (r#"{"values":[[{},"m"]]}"#, "streams[0].values[0][0]: an object where nanoseconds since 1970 is expected"),
            (r#"{"values":[["1","m","x"]]}"#, "streams[0].values[0][2]: a text where an object is expected"),
            (r#"{"values":[["1","m",[{"name":"a"}]]]}"#, "streams[0].values[0][2][0]: it has no name and value"),
            (r#"{"entries":[{"line":"m"}]}"#, "streams[0].entries[0]: it has no time; "),
            (r#"{"entries":[{"ts":"1","message":"m"}]}"#, "streams[0].entries[0]: it has no line"),
        ] {
            let decoded = decode_json(format!(r#"{{"streams":[{bad},{good}]}}"#).as_bytes()).unwrap();
            assert_eq!((messages(&decoded), &decoded.places[..]), (vec!["good"], &[1][..]), "{bad}");
            let [rejection] = &decoded.rejections[..] else { panic!("{bad}: {decoded:?}") };
            assert!(rejection.index == 0 && rejection.reason.starts_with(reason), "{bad}: {}", rejection.reason);
            // Nothing else remains, so the whole body is refused.
            let error = decode_json(format!(r#"{{"streams":[{bad}]}}"#).as_bytes()).unwrap_err();
            assert!(error.message.contains(reason), "{bad}: {error}");
        }
        let body = r#"{"streams":[{"stream":{},"values":[["1","a"],7,["1","b"]]}]}"#;
        let decoded = decode_json(body.as_bytes()).unwrap();
        assert_eq!((messages(&decoded), &decoded.places[..]), (vec!["a", "b"], &[0, 2][..]));
        assert_eq!(decoded.rejections[0].index, 1);
    }

    #[test]
    fn what_is_no_push_is_explained() {
        for (body, word) in [
            ("", "empty"),
            ("{}", "streams is missing"),
            (r#"{"strooms":[{"a":"b"}]}"#, "streams is missing"),
            (r#"{"streams":[]}"#, "streams: empty"),
            (r#"{"streams":null}"#, "streams: empty"),
            (r#"{"streams":{}}"#, "streams: an object where a list is expected"),
            ("[]", "a list where an object is expected"),
            (r#"{"streams":[}"#, "line 1 column"),
            (r#"{"streams":[{"values":[["1","m"]]}]} x"#, "line 1 column"),
            (r#"{"resourceLogs":[]}"#, "/v1/logs"),
        ] {
            let error = decode_json(body.as_bytes()).unwrap_err();
            assert!(error.message.contains(word), "{body}: {error}");
        }
    }
}
