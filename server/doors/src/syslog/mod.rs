//! Syslog: RFC 5424, RFC 3164, and their variants on devices.
//!
//! The host is the node, the application or tag is the service. Facility, process, message id and structured data
//! become attributes. A message that is a JSON object, with or without the cookie `@cee:`, is parsed as one.
//!
//! The service decides about retention and permissions, so free text never becomes a service. Without a program by
//! the rule of [`tag::read`], the service is empty and the text unchanged. No part of a message is lost: all that is
//! not header, time or structured data is text.

mod cisco;
mod device_time;
mod header3164;
mod header5424;
mod priority;
mod stream;
mod structured_data;
mod tag;
#[cfg(test)]
mod tests;
mod unifi;
mod zone;

use chrono::{DateTime, FixedOffset};
use model::{Text, Value};
use pipeline::{
    clock::Clock,
    normalise::{RawRecord, RawTime},
};

use crate::{
    fields,
    mapping::{self, USUAL},
};
use device_time::Context;
use priority::Priority;
pub use stream::Stream;

/// Parses syslog messages. RFC 3164 has neither year nor zone.
#[derive(Debug, Clone)]
pub struct Reader {
    pub clock: Clock,
    pub assume_timezone: FixedOffset,
}

/// The parsed header and the text of a message. Missing names are empty.
#[derive(Debug, Clone, PartialEq, Default)]
struct Header<'a> {
    time: RawTime,
    node: &'a str,
    service: &'a str,
    procid: &'a str,
    msgid: &'a str,
    attributes: Vec<(Text, Value)>,
    text: &'a str,
}

impl Reader {
    /// Parses one message. Any text that is not syslog is still a message.
    pub fn record(&self, message: &[u8]) -> RawRecord {
        let text = String::from_utf8_lossy(message);
        let text = text.trim_end_matches(['\n', '\r', '\0']).trim_start_matches('\u{feff}');
        let now = DateTime::from_timestamp_nanos(self.clock.now()).with_timezone(&self.assume_timezone);
        let context = Context { now, is_cisco: false };
        let Some((priority, rest)) = priority::read(text) else {
            // Lines of a log file have no priority.
            let header = header5424::read(text, self.assume_timezone);
            let header = header.or_else(|| header3164::read_line(text, context));
            return record(header.unwrap_or_else(|| Header { text, ..Header::default() }), None);
        };
        let header = header5424::read(rest, self.assume_timezone);
        record(header.unwrap_or_else(|| header3164::read(rest, context)), Some(priority))
    }
}

fn record(header: Header<'_>, priority: Option<Priority>) -> RawRecord {
    let text = header.text.trim_start_matches('\u{feff}');
    let text = text.strip_prefix("@cee:").map_or(text, str::trim_start);
    let mut record = fields::read_line(text.to_owned(), &USUAL);
    if header.time != RawTime::Missing {
        record.time = header.time;
    }
    let (facility, level) = priority.map_or(("", ""), |priority| (priority.facility, priority.level));
    mapping::complete(&mut record, header.service, header.node, level);
    let named = [("facility", facility), ("procid", header.procid), ("msgid", header.msgid)];
    let named = named.into_iter().filter(|(_, value)| !value.is_empty());
    let named = named.map(|(key, value)| (Text::const_new(key), Value::Text(Text::new(value))));
    add(&mut record.attributes, named.chain(header.attributes));
    record
}

/// Adds attributes that may share a key: structured data may repeat a parameter, and a JSON message may repeat a
/// header field. Different values become one JSON list.
fn add(attributes: &mut Vec<(Text, Value)>, added: impl Iterator<Item = (Text, Value)>) {
    let mut lists: Vec<(Text, Vec<Value>)> = Vec::new();
    for (key, value) in added {
        match lists.iter_mut().find(|(other, _)| *other == key) {
            Some((_, values)) => values.push(value),
            None => lists.push((key, vec![value])),
        }
    }
    for (key, mut values) in lists {
        let present = attributes.iter().rposition(|(other, _)| *other == key);
        if let Some(place) = present {
            values.insert(0, attributes.swap_remove(place).1);
        }
        let are_equal = values.iter().all(|value| *value == values[0]);
        let list = (!are_equal).then(|| serde_json::to_string(&values).ok()).flatten();
        let value = list.map_or_else(|| values.swap_remove(0), |list| Value::Text(list.into()));
        attributes.push((key, value));
    }
}
