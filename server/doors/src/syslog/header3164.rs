//! The header of RFC 3164, `TIME HOST TAG: TEXT`; each part is optional.

use model::{Text, Value};
use pipeline::normalise::RawTime;

use super::{
    Header,
    cisco::{self, Front},
    device_time::{self, Context, Stamp},
    tag::{self, Tag},
    unifi::{self, Device},
};

/// Texts in place of a host, with which syslogd reports repetitions.
const REPETITIONS: [&str; 2] = ["last message ", "message repeated "];

/// Parses a message without its priority. No part of the message is lost.
pub(super) fn read(text: &str, context: Context) -> Header<'_> {
    let begin = text.trim_start_matches(' ');
    if let Some(stamp) = device_time::read(begin, context) {
        return with_time(stamp);
    }
    cisco::read(begin, context).map_or_else(|| without_time(text), behind_front)
}

/// Parses a line of a log file, which has no priority. Only a time, a host and a tag together identify it as syslog.
pub(super) fn read_line(text: &str, context: Context) -> Option<Header<'_>> {
    let stamp = device_time::read(text, context).filter(|stamp| !stamp.is_ended)?;
    let header = with_time(stamp);
    (!header.node.is_empty() && !header.service.is_empty()).then_some(header)
}

fn behind_front(front: Front<'_>) -> Header<'_> {
    let mut header = tag_or_text(front.text);
    let others = [("uptime", front.uptime), ("location", front.location)];
    let counters = front.counters.iter().map(|counter| ("sequence", *counter));
    for (key, value) in counters.chain(others).filter(|(_, value)| !value.is_empty()) {
        header.attributes.push(attribute(key, value));
    }
    Header { time: front.time.map_or(RawTime::Missing, RawTime::Nanos), node: front.origin, ..header }
}

fn attribute(key: &'static str, value: &str) -> (Text, Value) {
    (Text::const_new(key), Value::Text(Text::new(value)))
}

fn with_time(stamp: Stamp<'_>) -> Header<'_> {
    let header = match tag::read(stamp.rest) {
        // A colon ends the times of devices that send no host.
        None if stamp.is_ended => Header { text: stamp.rest, ..Header::default() },
        _ => behind_time(stamp.rest),
    };
    Header { time: RawTime::Nanos(stamp.time), ..header }
}

/// Recognises a tag or an address; everything else is text.
fn without_time(text: &str) -> Header<'_> {
    if let Some(tag) = tag::read(text) {
        return of_tag(tag);
    }
    match text.split_once(": ") {
        Some((address, behind)) if tag::is_address(address) => Header { node: address, ..tag_or_text(behind) },
        _ => Header { text, ..Header::default() },
    }
}

/// Parses the part after the time: a host and a tag, either of them, or text.
pub(super) fn behind_time(text: &str) -> Header<'_> {
    let whole = Header { text, ..Header::default() };
    if let Some(tag) = tag::read(text) {
        // Cisco's ASA sends its name in this form: `asa-1: %ASA-6-302013: …`.
        let is_host = tag.process.is_none() && tag::is_mnemonic(tag.text);
        return if is_host { Header { node: tag.name, text: tag.text, ..whole } } else { of_tag(tag) };
    }
    if REPETITIONS.iter().any(|repetition| text.starts_with(repetition)) || tag::is_mnemonic(text) {
        return whole;
    }
    if let Some(device) = unifi::read(text) {
        return Header { node: device.address, ..of_device(device) };
    }
    let Some((host, behind)) = text.split_once(' ') else { return whole };
    let behind = behind.trim_start_matches(' ');
    let host = host.strip_suffix(':').filter(|host| tag::is_address(host)).unwrap_or(host);
    // `asa-1 : %ASA-6-302013: …`
    let behind = behind.strip_prefix(": ").unwrap_or(behind);
    match tag::read(behind) {
        Some(tag) if tag::is_host_of_tag(host) => Header { node: host, ..of_tag(tag) },
        _ if !tag::is_host(host) => whole,
        _ => match unifi::read(behind) {
            Some(device) => Header { node: host, ..of_device(device) },
            None => Header { node: host, text: behind, ..whole },
        },
    }
}

fn of_device(device: Device<'_>) -> Header<'_> {
    Header { attributes: vec![attribute("device", device.text)], ..of_tag(device.tag) }
}

fn tag_or_text(text: &str) -> Header<'_> {
    tag::read(text).map_or_else(|| Header { text, ..Header::default() }, of_tag)
}

fn of_tag(tag: Tag<'_>) -> Header<'_> {
    Header { service: tag.name, procid: tag.process.unwrap_or_default(), text: tag.text, ..Header::default() }
}
