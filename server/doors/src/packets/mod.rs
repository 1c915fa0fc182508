//! JSON over TCP: each packet is an object, terminated by `¶` or a newline.
//!
//! Packets terminated by `¶` come from a log service behind a distributor:
//! `{"uri":"/logs","method":"POST","key":0,"params":"{\"message\":…}"}¶`. The fields of `params`, an object or its
//! JSON text, become the fields of the record; `uri`, `method` and `key` become attributes. Such a service logs each
//! packet that it serves, so `params` is usually a packet itself. The message is then the request line of that
//! packet: `GET /goods {"name":"tea"}`.
//!
//! Packets may be indented. A newline ends a packet unless the packet starts with `{` and the object is not complete
//! yet. If the packet turns out to be broken, its first line alone is refused, and the next lines are read again, each
//! for itself. Once a packet has ended with `¶`, a broken packet is refused as a whole, up to its `¶`. A packet has at most
//! [`MESSAGE_BYTES`] bytes, in one line or in several.
//!
//! Each record gets the attributes `client.address` and `client.port`, and optionally `client.packet`: the packet as it
//! came, as one line. A file sink writes the files of such a log service from them. They take precedence over fields
//! of the same names in a packet. A record without room for them does without.

mod outline;
mod params;

use std::net::SocketAddr;

use bytes::{Buf as _, BytesMut};
use compact_str::ToCompactString as _;
use model::{Text, Value, limits};
use pipeline::normalise::RawRecord;

use self::outline::{Outline, Shape};
use crate::stream::{Frame, MESSAGE_BYTES, Protocol, cut_off, too_long};

/// U+00B6 in UTF-8.
const PILCROW: &[u8] = "¶".as_bytes();

/// The decoder of a stream of packets.
#[derive(Debug, Default)]
pub struct Packets {
    /// The number of bytes already searched for terminators.
    seen: usize,
    /// The packet at the start of the buffer, if it goes on after a terminator.
    pending: Option<Pending>,
    /// Whether a packet of this stream has ended with `¶`. A newline then ends no broken packet.
    by_pilcrow: bool,
    /// The number of bytes at the start of the buffer that were lines of a broken packet. Each of their newlines ends a
    /// packet. This bounds how often a byte is scanned, so that the cost of a stream is linear in its length.
    strict: usize,
    client: Option<Client>,
}

/// A packet that goes on after a terminator, because it is an incomplete object up to there.
#[derive(Debug)]
struct Pending {
    outline: Outline,
    /// Why the part before the first terminator is no packet.
    reason: String,
    /// The end of the part that is refused alone if the packet is broken, and the terminator of that part.
    first: Option<(usize, Ended)>,
}

/// The sender of the packets: its attributes are added to each record.
#[derive(Debug, Clone)]
struct Client {
    address: Text,
    port: u16,
    /// Whether records keep their packets.
    keep_packets: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
        let mut record = params::record(packet)?;
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

    /// Reads the packet before a terminator. Returns the record, or why it is refused, and where the next packet
    /// starts; `None` if the packet goes on.
    fn packet(&mut self, bytes: &[u8], end: usize, ended: Ended) -> Option<(Result<RawRecord, String>, usize)> {
        let packet = bytes.get(..end).unwrap_or_default();
        let after = self.seen;
        let was_pending = self.pending.is_some();
        let mut pending = match self.pending.take() {
            Some(pending) => pending,
            // Most packets are complete at their first terminator.
            None => match self.record(packet) {
                Ok(record) => {
                    self.by_pilcrow |= ended == Ended::Pilcrow;
                    return Some((Ok(record), after));
                }
                Err(reason) => Pending { outline: Outline::default(), reason, first: None },
            },
        };
        // The newline counts, because it breaks a text.
        let scanned = if ended == Ended::Line { after } else { end };
        let shape = pending.outline.extend(bytes.get(..scanned).unwrap_or_default());
        let goes_on = match (ended, shape) {
            (Ended::Pilcrow, Shape::Text) => true,
            (Ended::Line, Shape::Open) => self.by_pilcrow || after > self.strict,
            (Ended::Line, Shape::Broken) => self.by_pilcrow && packet.trim_ascii_start().starts_with(b"{"),
            _ => false,
        };
        if goes_on {
            // Among packets that end with `¶`, a line is no packet.
            if pending.first.is_none() && (ended == Ended::Pilcrow || !self.by_pilcrow) {
                pending.first = Some((after, ended));
            }
            self.pending = Some(pending);
            return None;
        }
        self.by_pilcrow |= shape == Shape::Complete && ended == Ended::Pilcrow;
        match pending.first {
            Some((first, terminator)) if shape != Shape::Complete => {
                if terminator == Ended::Line {
                    self.strict = after;
                }
                Some((Err(pending.reason), first))
            }
            _ if was_pending => Some((self.record(packet), after)),
            _ => Some((Err(pending.reason), after)),
        }
    }

    fn advance(&mut self, bytes: &mut BytesMut, to: usize) {
        bytes.advance(to);
        self.seen = 0;
        self.pending = None;
        self.strict = self.strict.saturating_sub(to);
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
            let is_empty = bytes.get(..end).unwrap_or_default().trim_ascii().is_empty();
            let next = match is_empty {
                true => Some(self.seen),
                false => self.packet(bytes, end, ended).map(|(read, next)| {
                    frame.take(read);
                    next
                }),
            };
            if let Some(next) = next {
                self.advance(bytes, next);
            }
        }
        Ok(())
    }

    fn end(&mut self, bytes: &mut BytesMut, frame: &mut Frame) {
        while !bytes.trim_ascii().is_empty() {
            if frame.is_full() {
                return cut_off(bytes, frame);
            }
            // The last packet needs no terminator.
            let read = self.record(bytes);
            let first = self.pending.as_ref().and_then(|pending| pending.first).filter(|_| read.is_err());
            frame.take(read);
            let Some((first, _)) = first else { break };
            // No more bytes complete a packet, so each line is one.
            self.strict = bytes.len();
            self.advance(bytes, first);
            if let Err(reason) = self.read(bytes, frame) {
                frame.take(Err(reason));
                break;
            }
        }
        bytes.clear();
    }
}

#[cfg(test)]
mod tests;
