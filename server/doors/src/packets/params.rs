//! Converts a packet to a record: the fields of `params` are the record, those of its envelope are attributes.

use compact_str::format_compact;
use model::{Text, Value};
use pipeline::normalise::{RawId, RawRecord, RawTime};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    fields,
    mapping::{self, USUAL},
};

/// Reads a packet.
///
/// # Errors
/// The packet is not one JSON object.
pub(super) fn record(packet: &[u8]) -> Result<RawRecord, String> {
    let packet = packet.trim_ascii();
    let record = fields::read_json(packet, &USUAL)?;
    if record.message.is_empty() && is_request(&record) { Ok(unwrap_params(packet, record)) } else { Ok(record) }
}

/// The address at which log services accept logs. It carries no information.
const LOGS: &str = "/logs";

/// Converts a packet with `params` to a record.
fn unwrap_params(packet: &[u8], mut outer: RawRecord) -> RawRecord {
    let params = take_params(packet, &mut outer).filter(|params| !matches!(params.trim(), "" | "null"));
    let inner = params.as_deref().and_then(|params| fields::read_json(params.as_bytes(), &USUAL).ok());
    let Some(mut record) = inner else {
        // Not an object: the text is the message.
        let attributes = outer.attributes.iter().filter(|(key, _)| key != "params").cloned().collect();
        let message = match params {
            Some(params) if attribute(&outer, "uri").as_deref() == Some(LOGS) => params.into(),
            params => request(&outer, params.as_deref()),
        };
        return RawRecord { message, attributes, ..outer };
    };
    if record.message.is_empty() {
        let params = params.unwrap_or_default();
        record.message = match is_request(&record) {
            // A packet about a packet that was served.
            true => request(&record, take_params(params.as_bytes(), &mut record.clone()).as_deref()),
            false if attribute(&outer, "uri").as_deref() == Some(LOGS) => params.trim().to_owned(),
            false => request(&outer, Some(&params)),
        };
    }
    let taken = |key: &str| key == "params" || key.starts_with("params.");
    let rest = outer.attributes.into_iter().filter(|(key, _)| !taken(key));
    // Fields of the service take precedence over those of the envelope.
    record.attributes.splice(0..0, rest.collect::<Vec<(_, Value)>>());
    mapping::complete(&mut record, &outer.service, &outer.node, &outer.level);
    if record.time == RawTime::Missing {
        record.time = outer.time;
    }
    for (own, given) in [(&mut record.trace_id, outer.trace_id), (&mut record.span_id, outer.span_id)] {
        if *own == RawId::Missing {
            *own = given;
        }
    }
    record
}

fn attribute(record: &RawRecord, name: &str) -> Option<Text> {
    record.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| format_compact!("{value}"))
}

fn is_request(record: &RawRecord) -> bool {
    attribute(record, "uri").is_some() && attribute(record, "method").is_some()
}

/// Formats a packet as a request line: `GET /goods {"name":"tea"}`.
fn request(packet: &RawRecord, params: Option<&str>) -> String {
    let part = |name| attribute(packet, name).unwrap_or_default();
    let params = params.map(str::trim).filter(|params| !matches!(*params, "" | "null" | "{}"));
    let mut line = format!("{} {}", part("method"), part("uri"));
    if let Some(params) = params {
        line.push(' ');
        line.push_str(params);
    }
    line
}

/// Removes `params` from the attributes. Returns its text, or its JSON.
fn take_params(packet: &[u8], outer: &mut RawRecord) -> Option<Text> {
    #[derive(Deserialize)]
    struct Packet<'a> {
        #[serde(borrow)]
        params: Option<&'a RawValue>,
    }
    // Most are JSON text within JSON text and were already read as a text. Arrays became texts too, but not in their
    // original form.
    let is_text = |(key, value): &mut (Text, Value)| {
        key == "params" && matches!(value, Value::Text(text) if !text.starts_with('['))
    };
    if let Some((_, Value::Text(text))) = outer.attributes.extract_if(.., is_text).next() {
        return Some(text);
    }
    serde_json::from_slice::<Packet<'_>>(packet).ok()?.params.map(|params| params.get().into())
}
