//! JSON over TCP: each packet is an object, terminated by `¶` or a newline.
//!
//! Packets terminated by `¶` come from a log service behind a distributor:
//! `{"uri":"/logs","method":"POST","key":0,"params":"{\"message\":…}"}¶`. The fields of `params`, an object or its
//! JSON text, become the fields of the record; `uri`, `method` and `key` become attributes. Such a service logs each
//! packet that it serves, so `params` is usually a packet itself. The message is then the request line of that
//! packet: `GET /goods {"name":"tea"}`.
//!
//! Each record gets the attributes `client.address` and `client.port`, and optionally `client.packet`: the packet as it
//! came, as one line. A file sink writes the files of such a log service from them. They take precedence over fields
//! of the same names in a packet. A record without room for them does without.

use std::net::SocketAddr;

use bytes::{Buf as _, BytesMut};
use compact_str::{ToCompactString as _, format_compact};
use model::{Text, Value, limits};
use pipeline::normalise::{RawId, RawRecord, RawTime};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    fields,
    mapping::{self, USUAL},
    stream::{Frame, MESSAGE_BYTES, Protocol, too_long},
};

/// U+00B6 in UTF-8.
const PILCROW: &[u8] = "¶".as_bytes();

/// The maximum number of `¶` within the texts of a packet.
const WITHIN: usize = 16;

/// The decoder of a stream of packets.
#[derive(Debug, Default)]
pub struct Packets {
    /// The number of bytes already scanned.
    seen: usize,
    /// The positions of `¶` that may be within a text, because the packet up to there is incomplete.
    within: Vec<usize>,
    client: Option<Client>,
}

/// Where packets come from.
#[derive(Debug, Clone)]
struct Client {
    address: Text,
    port: u16,
    /// Whether records keep their packets.
    keep_packets: bool,
}

enum Ended {
    Pilcrow,
    Line,
}

impl Packets {
    /// A decoder whose records have the address of the client, and its packets if `keep_packets` is set. That doubles
    /// the size of a record.
    pub fn of_client(client: SocketAddr, keep_packets: bool) -> Self {
        let address = client.ip().to_canonical().to_compact_string();
        Self { client: Some(Client { address, port: client.port(), keep_packets }), ..Self::default() }
    }

    fn record(&self, packet: &[u8]) -> Result<RawRecord, String> {
        let mut record = record(packet)?;
        // An empty record is refused, and these attributes would make it look full.
        let is_empty = record.message.is_empty() && record.attributes.is_empty();
        if let Some(client) = &self.client
            && !is_empty
        {
            client.add_to(&mut record.attributes, packet);
        }
        Ok(record)
    }

    /// The position of the next terminator after the scanned bytes.
    fn next_end(&mut self, bytes: &[u8]) -> Option<(usize, Ended)> {
        let rest = bytes.get(self.seen..).unwrap_or_default();
        let mut places = memchr::memchr2_iter(PILCROW[0], b'\n', rest).map(|place| place + self.seen);
        let found = places.find_map(|place| match bytes.get(place..) {
            Some([b'\n', ..]) => Some((place, Ended::Line)),
            Some(rest) if rest.starts_with(PILCROW) => Some((place, Ended::Pilcrow)),
            _ => None,
        });
        // The last byte may be the first byte of a `¶`.
        self.seen = match &found {
            Some((place, Ended::Line)) => place + 1,
            Some((place, Ended::Pilcrow)) => place + PILCROW.len(),
            None => bytes.len() - usize::from(bytes.last() == Some(&PILCROW[0])),
        };
        found
    }

    fn advance(&mut self, bytes: &mut BytesMut, to: usize) {
        bytes.advance(to);
        self.seen = 0;
        self.within.clear();
    }
}

impl Client {
    fn add_to(&self, attributes: &mut Vec<(Text, Value)>, packet: &[u8]) {
        let packet = self.keep_packets.then(|| one_line(packet)).flatten();
        let of_client = [
            (Text::const_new("client.address"), Value::Text(self.address.clone())),
            (Text::const_new("client.port"), Value::Int(self.port.into())),
        ];
        let of_packet = packet.map(|packet| (Text::const_new("client.packet"), Value::Text(packet)));
        // The last of equal names counts. A record with too many attributes is refused.
        let room = limits::ATTRIBUTES.saturating_sub(attributes.len());
        attributes.extend(of_client.into_iter().chain(of_packet).take(room));
    }
}

/// A packet without line breaks, which occur in JSON only between tokens; `None` if it is too long for an attribute.
fn one_line(packet: &[u8]) -> Option<Text> {
    let packet = std::str::from_utf8(packet.trim_ascii()).ok().filter(|packet| packet.len() <= limits::VALUE_BYTES)?;
    let is_one_line = !packet.bytes().any(|byte| byte.is_ascii_control());
    Some(if is_one_line { packet.into() } else { packet.replace(|char: char| char.is_ascii_control(), " ").into() })
}

impl Protocol for Packets {
    fn read(&mut self, bytes: &mut BytesMut, frame: &mut Frame) -> Result<(), String> {
        while !frame.is_full() {
            let Some((end, ended)) = self.next_end(bytes) else {
                return if bytes.len() > MESSAGE_BYTES { Err(too_long(MESSAGE_BYTES)) } else { Ok(()) };
            };
            let packet = &bytes[..end];
            if packet.trim_ascii().is_empty() {
                let after = self.seen;
                self.advance(bytes, after);
                continue;
            }
            match (self.record(packet), ended) {
                (Ok(record), _) => {
                    frame.take(Ok(record));
                    let after = self.seen;
                    self.advance(bytes, after);
                }
                // Possibly a `¶` within a text.
                (Err(_), Ended::Pilcrow) if self.within.len() < WITHIN && may_continue(packet) => self.within.push(end),
                (Err(reason), _) => {
                    // The first part was a packet of its own, and broken.
                    let broken = self.within.first().map(|end| end + PILCROW.len());
                    frame.take(Err(reason));
                    let after = broken.unwrap_or(self.seen);
                    self.advance(bytes, after);
                }
            }
        }
        Ok(())
    }

    fn end(&mut self, bytes: &mut BytesMut, frame: &mut Frame) {
        // The last packet needs no terminator.
        if !bytes.trim_ascii().is_empty() {
            frame.take(self.record(bytes));
        }
        bytes.clear();
    }
}

fn may_continue(json: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(json).is_err_and(|error| error.is_eof())
}

fn record(packet: &[u8]) -> Result<RawRecord, String> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stream::feed;

    fn messages(bytes: &str) -> (Vec<String>, usize) {
        let frame = feed(&mut Packets::default(), bytes.as_bytes(), &[]).unwrap();
        (frame.records.into_iter().map(|record| record.message).collect(), frame.refused)
    }

    #[test]
    fn params_are_the_record_whether_text_or_object() {
        let packets = concat!(
            r#"{"uri":"/logs","method":"POST","key":3,"params":"{\"message\":\"안녕\",\"level\":\"warn\",\"userid\":7}"}¶"#,
            r#"{"uri":"/logs","method":"POST","key":0,"params":{"service":"goods","msg":"b","a":{"b":1}}}¶"#,
            r#"{"uri":"/members","method":"GET","key":1,"params":null}¶"#,
            r#"{"uri":"/logs","method":"POST","key":0,"params":"just text"}¶"#,
            r#"{"uri":"/logs","method":"POST","key":0,"params":[{"b":1, "a":1e5}]}¶"#,
        );
        let frame = feed(&mut Packets::default(), packets.as_bytes(), &[]).unwrap();
        let [first, second, third, fourth, fifth] = &frame.records[..] else { panic!("{frame:?}") };
        assert_eq!((first.message.as_str(), first.level.as_str()), ("안녕", "warn"));
        let text = |name: &str, value: &str| (Text::from(name), Value::Text(value.into()));
        let int = |name: &str, value| (Text::from(name), Value::Int(value));
        assert_eq!(first.attributes, [text("uri", "/logs"), text("method", "POST"), int("key", 3), int("userid", 7)]);
        assert_eq!((second.message.as_str(), second.service.as_str()), ("b", "goods"));
        assert!(second.attributes.contains(&int("a.b", 1)), "{second:?}");
        assert_eq!((third.message.as_str(), fourth.message.as_str()), ("GET /members", "just text"));
        assert_eq!(fifth.message, r#"[{"b":1, "a":1e5}]"#);
        assert_eq!(fourth.attributes, fifth.attributes);
    }

    #[test]
    fn what_a_service_logs_of_each_request_is_the_message() {
        let log =
            |params: serde_json::Value| serde_json::json!({"uri":"/logs","method":"POST","key":0,"params":params});
        let served = |packet: &str| log(packet.into());
        for (packet, message, attributes) in [
            (
                served(r#"{"uri":"/goods","method":"GET","params":{"name":"tea","n":2},"key":7}"#),
                r#"GET /goods {"name":"tea","n":2}"#,
                &[("uri", "/goods"), ("method", "GET"), ("key", "7"), ("params.name", "tea"), ("params.n", "2")][..],
            ),
            (served(r#"{"uri":"/goods","method":"GET","params":{}}"#), "GET /goods", &[("uri", "/goods")]),
            (served(r#"{"uri":"/goods","method":"DELETE","params":"id=7"}"#), "DELETE /goods id=7", &[]),
            (
                served(r#"{"uri":"/members","method":"POST","params":{"message":"hi"}}"#),
                r#"POST /members {"message":"hi"}"#,
                &[("params.message", "hi")],
            ),
            (log(serde_json::json!({"uri":"/a","method":"GET","params":[1,2]})), "GET /a [1,2]", &[("method", "GET")]),
            (served(r#"{"message":"m","uri":"/a","method":"GET"}"#), "m", &[("uri", "/a")]),
            (
                served(r#"{"errorcode":1,"results":"none"}"#),
                r#"{"errorcode":1,"results":"none"}"#,
                &[("errorcode", "1"), ("uri", "/logs")],
            ),
            (
                serde_json::json!({"uri":"/goods","method":"GET","key":1,"params":{"name":"tea"}}),
                r#"GET /goods {"name":"tea"}"#,
                &[("name", "tea")],
            ),
            (serde_json::json!({"uri":"/goods","method":"GET","key":1,"params":"tea"}), "GET /goods tea", &[]),
        ] {
            let frame = feed(&mut Packets::default(), format!("{packet}¶").as_bytes(), &[]).unwrap();
            let [record] = &frame.records[..] else { panic!("{frame:?}") };
            assert_eq!(record.message, message, "{packet}");
            for (name, value) in attributes {
                let found =
                    record.attributes.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.to_string());
                assert_eq!(found.as_deref(), Some(*value), "{name} of {packet}");
            }
        }
    }

    #[test]
    fn records_have_their_client_and_if_wanted_their_packet() {
        let client: SocketAddr = "[::ffff:10.0.0.7]:40123".parse().unwrap();
        let packet = "{\"message\":\"¶\\n\",\n\t\"client\":{\"address\":\"forged\",\"id\":7}}";
        for (keep, kept) in [(false, None), (true, Some(packet.replace(['\n', '\t'], " ")))] {
            for end in ["¶", ""] {
                let bytes = format!(" {}{end}", packet.replace('\n', "\r"));
                let frame = feed(&mut Packets::of_client(client, keep), bytes.as_bytes(), &[]).unwrap();
                let [record] = &frame.records[..] else { panic!("{frame:?}") };
                let text = |name| {
                    let mut found = record.attributes.iter().rev().filter(|(key, _)| key == name);
                    found.next().map(|(_, value)| value.to_string())
                };
                assert_eq!(record.message, "¶\n");
                assert_eq!(text("client.address").as_deref(), Some("10.0.0.7"));
                assert_eq!((text("client.port").as_deref(), text("client.id").as_deref()), (Some("40123"), Some("7")));
                assert_eq!(text("client.packet"), kept);
            }
        }
    }

    #[test]
    fn an_empty_packet_stays_empty() {
        let client: SocketAddr = "10.0.0.7:1".parse().unwrap();
        let frame = feed(&mut Packets::of_client(client, true), b"{}\n{\"a\":1}\n", &[]).unwrap();
        let attributes: Vec<_> = frame.records.iter().map(|record| record.attributes.len()).collect();
        assert_eq!(attributes, [0, 4]);
    }

    #[test]
    fn the_client_and_a_packet_never_make_a_record_too_large() {
        let client: SocketAddr = "10.0.0.7:1".parse().unwrap();
        let fields = (0..limits::ATTRIBUTES).map(|n| (format!("a{n}"), n.into())).collect::<serde_json::Map<_, _>>();
        let long = serde_json::json!({ "message": "x".repeat(limits::VALUE_BYTES) });
        for (packet, attributes) in [(serde_json::Value::from(fields), limits::ATTRIBUTES), (long, 2)] {
            let frame = feed(&mut Packets::of_client(client, true), packet.to_string().as_bytes(), &[]).unwrap();
            assert_eq!(frame.records[0].attributes.len(), attributes);
        }
    }

    #[test]
    fn both_ends_are_known_also_within_texts() {
        assert_eq!(
            messages("{\"msg\":\"a\"}\n{\"msg\":\"b\"}¶{\"msg\":\"c\"}"),
            (vec!["a".into(), "b".into(), "c".into()], 0)
        );
        assert_eq!(messages("{\"msg\":\"¶ 5, ¶ 6\"}¶{\"msg\":\"b ¶\"}\n"), (vec!["¶ 5, ¶ 6".into(), "b ¶".into()], 0));
        assert_eq!(messages("\n\n ¶{\"msg\":\"a\"}¶\r\n"), (vec!["a".into()], 0));
    }

    #[test]
    fn what_is_broken_costs_itself_alone() {
        assert_eq!(messages("{\"msg\":\"open¶{\"msg\":\"b\"}¶"), (vec!["b".into()], 1));
        assert_eq!(messages("{\"msg\":\"open\n{\"msg\":\"b\"}\n"), (vec!["b".into()], 1));
        assert_eq!(messages("nonsense¶7\n{\"msg\":\"b\"}¶[]¶"), (vec!["b".into()], 3));
        let endless = "x".repeat(MESSAGE_BYTES + 1);
        assert!(feed(&mut Packets::default(), endless.as_bytes(), &[]).unwrap_err().contains("longer"));
    }

    proptest! {
        /// The bytes may be cut anywhere, also within a character.
        #[test]
        fn pieces_do_not_matter(messages in prop::collection::vec("[a-z¶한\\\\\"]{0,12}", 1..6), pilcrow in any::<bool>(), pieces in prop::collection::vec(1usize..9, 0..40)) {
            let end = if pilcrow { "¶" } else { "\n" };
            let stream: String = messages.iter().map(|message| format!("{}{end}", serde_json::json!({"message": message, "n": 1}))).collect();
            let frame = feed(&mut Packets::default(), stream.as_bytes(), &pieces).unwrap();
            let read: Vec<_> = frame.records.into_iter().map(|record| record.message).collect();
            prop_assert_eq!(read, messages);
        }

        #[test]
        fn any_bytes_come_to_an_end(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(0xc2), Just(0xb6), Just(b'"'), Just(b'{')], 0..300), pieces in prop::collection::vec(1usize..9, 0..40)) {
            let _ = feed(&mut Packets::default(), &bytes, &pieces);
        }
    }
}
