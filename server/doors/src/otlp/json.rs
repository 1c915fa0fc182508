//! OTLP/JSON: the JSON mapping of Protocol Buffers, with ids in hexadecimal.
//!
//! Accepts all that a ProtoJSON parser must accept: names in both spellings, `null` for absent, numbers as texts,
//! enumerations by name, both Base64 alphabets, unknown fields. A log record with a value of the wrong type is
//! refused with its place; the others are kept.
//! Sources: <https://protobuf.dev/programming-guides/json/>,
//! <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>.

use std::borrow::Cow;

use opentelemetry_proto::tonic::{
    common::v1::InstrumentationScope,
    logs::v1::{LogRecord, SeverityNumber},
    resource::v1::Resource,
};
use pipeline::{
    Error, Result,
    normalise::{RawRecord, RawTime, Rejection},
};

use super::{Origin, json_value};
use crate::{
    Decoded, Repetition,
    json_reader::{Fault, Read, Reader, Refusal},
    wrong_door::{self, Door},
};

/// Parses a JSON body. Invalid log records become rejections.
///
/// # Errors
/// `Invalid` if it is not JSON, or not empty and without log records.
pub fn decode_json(body: &[u8]) -> Result<Decoded> {
    wrong_door::check(body, Door::Otlp)?;
    let text = simdutf8::basic::from_utf8(body)
        .map_err(|_| Error::invalid("the body is not OTLP/JSON: it is not valid UTF-8; send UTF-8"))?;
    let mut request = Request::default();
    let mut reader = Reader::new(text);
    match request.read(&mut reader) {
        Ok(()) => request.finish(),
        Err(Refusal::Whole(error)) => Err(error),
        Err(refusal) => Err(Error::invalid(format!("the body is not OTLP/JSON: {}", reader.explain(&refusal)))),
    }
}

/// The shared fields of log records, or the reason why they are invalid.
type Shared = std::result::Result<Origin, String>;

/// The result of a request so far.
#[derive(Default)]
struct Request {
    decoded: Decoded,
    /// The number of log records so far, including refused ones.
    count: usize,
    /// The number of rejections that concern a container of log records.
    container: usize,
    repetition: Repetition,
}

/// The first unknown field of an object.
#[derive(Default)]
struct Unknown<'a>(Option<Cow<'a, str>>);

impl<'a> Unknown<'a> {
    /// Skips the value of an unknown field.
    fn skip(&mut self, reader: &mut Reader<'a>, name: Cow<'a, str>) -> Read<()> {
        if !matches!(reader.skip()?, "null" | "[]" | "{}") {
            self.0.get_or_insert(name);
        }
        Ok(())
    }

    /// Refuses an object that has only unknown fields.
    fn refuse_if_only_unknown(&self, missing: &str, has: bool) -> Read<()> {
        match &self.0 {
            Some(name) if !has => {
                let name: String = name.chars().take(64).collect();
                Err(Refusal::fault(format!(": it has no {missing}, and its field {name:?} is unknown")))
            }
            _ => Ok(()),
        }
    }
}

impl Request {
    fn read<'a>(&mut self, reader: &mut Reader<'a>) -> Read<()> {
        let mut unknown = Unknown::default();
        let (mut is_there, mut other_signal) = (false, false);
        let is_object = reader.object(|reader, name| match &*name {
            "resourceLogs" | "resource_logs" => {
                is_there = true;
                self.container(reader, "resourceLogs", |request, reader| {
                    reader.list(|reader, place| {
                        let place = format!("resourceLogs[{place}]");
                        request.container(reader, &place, |request, reader| request.resource_logs(reader, &place))
                    })
                })
            }
            _ => {
                other_signal |= name.starts_with("resourceSpans") || name.starts_with("resourceMetrics");
                unknown.skip(reader, name)
            }
        })?;
        reader.end()?;
        if !is_object {
            return Err(Refusal::fault(": null where an object with resourceLogs is expected"));
        }
        if is_there {
            return Ok(());
        }
        let whole = |reason| Err(Refusal::Whole(Error::invalid(reason)));
        if other_signal {
            return whole("Logboom accepts logs, not traces or metrics; send those elsewhere");
        }
        // An empty object is an empty request.
        match unknown.0 {
            Some(_) => whole("resourceLogs is missing; POST other records to /api/v1/push"),
            None => Ok(()),
        }
    }

    fn finish(self) -> Result<Decoded> {
        let rejections = &self.decoded.rejections;
        match rejections.first() {
            Some(first) if self.container > 0 && self.container == self.count => {
                Err(Error::invalid(format!("the body has no log records: {}", first.reason)))
            }
            _ => Ok(self.decoded),
        }
    }

    fn refuse(&mut self, reason: String) {
        self.decoded.rejections.push(Rejection { index: self.count, reason });
        self.count += 1;
    }

    /// Reads a container of log records. A fault in it counts as one rejection.
    fn container<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        place: &str,
        read: impl FnOnce(&mut Self, &mut Reader<'a>) -> Read<()>,
    ) -> Read<()> {
        if let Err(Fault(reason)) = reader.or_fault(|reader| read(self, reader).map_err(|fault| fault.at(place)))? {
            self.refuse(reason);
            self.container += 1;
        }
        Ok(())
    }

    fn resource_logs<'a>(&mut self, reader: &mut Reader<'a>, place: &str) -> Read<()> {
        let read = |reader: &mut Reader<'a>| {
            let read = |reader: &mut Reader<'a>| resource(reader).map_err(|fault| fault.at("resource"));
            Ok(reader.or_fault(read)?.map(Origin::of).map_err(|Fault(reason)| reason))
        };
        let none = || Ok(Origin::default());
        self.lists(reader, ["resource", "scopeLogs", "scope_logs"], read, none, |request, reader, origin| {
            request.container(reader, &format!("{place}.scopeLogs"), |request, reader| {
                reader.list(|reader, index| {
                    let place = format!("{place}.scopeLogs[{index}]");
                    request.container(reader, &place, |request, reader| request.scope_logs(reader, &place, origin))
                })
            })
        })
    }

    fn scope_logs<'a>(&mut self, reader: &mut Reader<'a>, place: &str, origin: &Shared) -> Read<()> {
        let with = |scope| origin.as_ref().map(|origin| origin.with_scope(scope)).map_err(Clone::clone);
        let read = |reader: &mut Reader<'a>| {
            let read = |reader: &mut Reader<'a>| scope(reader).map_err(|fault| fault.at("scope"));
            Ok(reader.or_fault(read)?.map_err(|Fault(reason)| reason).and_then(with))
        };
        let none = || with(InstrumentationScope::default());
        self.lists(reader, ["scope", "logRecords", "log_records"], read, none, |request, reader, shared| {
            request.log_records(reader, place, shared)
        })
    }

    /// Reads an object with shared fields and lists of records, in any order. The names are those of the shared part,
    /// the list and the list's other spelling. `none` is the value of a missing shared part.
    fn lists<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        [common, list, other]: [&str; 3],
        read: impl Fn(&mut Reader<'a>) -> Read<Shared>,
        none: impl FnOnce() -> Shared,
        mut each: impl FnMut(&mut Self, &mut Reader<'a>, &Shared) -> Read<()>,
    ) -> Read<()> {
        let mut unknown = Unknown::default();
        let mut shared = None;
        // Lists that precede their shared fields.
        let mut waiting = Vec::new();
        let mut has = false;
        reader.object(|reader, name| match &*name {
            name if name == common => {
                shared = Some(read(reader)?);
                has = true;
                Ok(())
            }
            name if name == list || name == other => {
                has = true;
                match &shared {
                    Some(shared) => each(self, reader, shared),
                    None => {
                        waiting.push(*reader);
                        reader.skip().map(drop)
                    }
                }
            }
            "schemaUrl" | "schema_url" => reader.skip().map(drop),
            _ => unknown.skip(reader, name),
        })?;
        let shared = shared.unwrap_or_else(none);
        for mut before in waiting {
            each(self, &mut before, &shared)?;
        }
        unknown.refuse_if_only_unknown(list, has)
    }

    fn log_records<'a>(&mut self, reader: &mut Reader<'a>, place: &str, shared: &Shared) -> Read<()> {
        let bytes = shared.as_ref().map_or(0, |shared| Repetition::bytes_of(&shared.attributes));
        self.container(reader, &format!("{place}.logRecords"), |request, reader| {
            reader.list(|reader, index| {
                let read = match shared {
                    Ok(shared) => reader.or_fault(|reader| log_record(reader, shared))?,
                    Err(reason) => {
                        reader.skip()?;
                        Err(Fault(format!(" belongs to one that cannot be parsed: {reason}")))
                    }
                };
                match read {
                    Ok(Some(record)) => {
                        request.repetition.add_bytes(bytes).map_err(Refusal::Whole)?;
                        request.decoded.records.push(record);
                        request.decoded.places.push(request.count);
                        request.count += 1;
                    }
                    Ok(None) => {}
                    Err(Fault(reason)) => {
                        let dot = if reason.starts_with(['[', ':', ' ']) { "" } else { "." };
                        request.refuse(format!("{place}.logRecords[{index}]{dot}{reason}"));
                    }
                }
                Ok(())
            })
        })
    }
}

fn resource(reader: &mut Reader<'_>) -> Read<Resource> {
    let mut resource = Resource::default();
    reader.object(|reader, name| match &*name {
        "attributes" => json_value::attributes(reader, &mut resource.attributes),
        "droppedAttributesCount" | "dropped_attributes_count" => count(reader, &mut resource.dropped_attributes_count),
        _ => reader.skip().map(drop),
    })?;
    Ok(resource)
}

fn scope(reader: &mut Reader<'_>) -> Read<InstrumentationScope> {
    let mut scope = InstrumentationScope::default();
    reader.object(|reader, name| match &*name {
        "name" => json_value::text(reader, "name", &mut scope.name),
        "version" => json_value::text(reader, "version", &mut scope.version),
        "attributes" => json_value::attributes(reader, &mut scope.attributes),
        "droppedAttributesCount" | "dropped_attributes_count" => count(reader, &mut scope.dropped_attributes_count),
        _ => reader.skip().map(drop),
    })?;
    Ok(scope)
}

/// Reads a log record; `None` for `null`.
fn log_record<'a>(reader: &mut Reader<'a>, shared: &Origin) -> Read<Option<RawRecord>> {
    let mut record = LogRecord::default();
    let (mut time, mut observed) = (Time::default(), Time::default());
    let (mut trace_id, mut span_id) = (None, None);
    let mut unknown = Unknown::default();
    let is_there = reader.object(|reader, name| match &*name {
        "timeUnixNano" | "time_unix_nano" => time.read(reader).map_err(|fault| fault.at("timeUnixNano")),
        "observedTimeUnixNano" | "observed_time_unix_nano" => {
            observed.read(reader).map_err(|fault| fault.at("observedTimeUnixNano"))
        }
        "severityNumber" | "severity_number" => {
            severity(reader, &mut record).map_err(|fault| fault.at("severityNumber"))
        }
        "severityText" | "severity_text" => json_value::text(reader, "severityText", &mut record.severity_text),
        "body" => {
            record.body = json_value::any_value(reader, 0).map_err(|fault| fault.at("body"))?;
            Ok(())
        }
        "attributes" => json_value::attributes(reader, &mut record.attributes),
        "droppedAttributesCount" | "dropped_attributes_count" => count(reader, &mut record.dropped_attributes_count),
        "eventName" | "event_name" => json_value::text(reader, "eventName", &mut record.event_name),
        "traceId" | "trace_id" => {
            trace_id = Some(json_value::id::<16>(reader)?);
            Ok(())
        }
        "spanId" | "span_id" => {
            span_id = Some(json_value::id::<8>(reader)?);
            Ok(())
        }
        // W3C trace flags are not stored.
        "flags" => reader.skip().map(drop),
        _ => unknown.skip(reader, name),
    })?;
    if !is_there {
        return Ok(None);
    }
    let says = record.body.is_some() || !record.attributes.is_empty() || !record.event_name.is_empty();
    unknown.refuse_if_only_unknown("body, attributes or eventName", says)?;
    (record.time_unix_nano, record.observed_time_unix_nano) = (time.nanos, observed.nanos);
    let mut raw = shared.record(record);
    let odd = if time.is_missing() { observed.odd } else { time.odd };
    if let Some(odd) = odd {
        raw.time = RawTime::Text(odd);
    }
    raw.trace_id = trace_id.unwrap_or_default();
    raw.span_id = span_id.unwrap_or_default();
    Ok(Some(raw))
}

/// A time: nanoseconds, or an unreadable text.
#[derive(Default)]
struct Time {
    nanos: u64,
    /// Kept unchanged: the pipeline has the rule for unreadable times.
    odd: Option<String>,
}

impl Time {
    fn read(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        *self = Self::default();
        let Some(text) = reader.scalar("nanoseconds since 1970")? else { return Ok(()) };
        match json_value::integer(&text).and_then(|nanos| u64::try_from(nanos).ok()) {
            Some(nanos) => self.nanos = nanos,
            None => self.odd = Some(text.into_owned()),
        }
        Ok(())
    }

    fn is_missing(&self) -> bool {
        self.nanos == 0 && self.odd.is_none()
    }
}

/// Reads a number or an enumeration name. An unknown name is kept as the level's text.
fn severity(reader: &mut Reader<'_>, record: &mut LogRecord) -> Read<()> {
    let Some(text) = reader.scalar("a number from 1 to 24")? else { return Ok(()) };
    if let Some(number) = json_value::integer(&text) {
        record.severity_number = i32::try_from(number).unwrap_or_default();
    } else if let Some(known) = SeverityNumber::from_str_name(&text.to_ascii_uppercase()) {
        record.severity_number = known as i32;
    } else if record.severity_text.is_empty() {
        record.severity_text = text.into_owned();
    }
    Ok(())
}

fn count(reader: &mut Reader<'_>, field: &mut u32) -> Read<()> {
    let place = |fault: Refusal| fault.at("droppedAttributesCount");
    if let Some(text) = reader.scalar("a whole number").map_err(place)? {
        let number = json_value::integer(&text).and_then(|count| u32::try_from(count).ok());
        *field = number.ok_or_else(|| place(json_value::no_number(&text, "a whole number")))?;
    }
    Ok(())
}
