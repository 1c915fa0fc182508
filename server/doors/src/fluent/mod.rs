//! Fluentd's forward protocol: MessagePack in the modes Message, Forward, PackedForward and CompressedPackedForward,
//! with acknowledgement of chunks.
//!
//! The tag becomes an attribute, and the service of records that have none. `handshake` has the shared key. Source:
//! <https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1>.

mod handshake;
mod skip;

use std::io::Read as _;

use bytes::BytesMut;
use flate2::read::MultiGzDecoder;
use model::{Text, Value, limits};
use pipeline::normalise::{RawRecord, RawTime};
use rmpv::{ValueRef, decode::read_value_ref_with_max_depth};
use sha2::{Digest as _, Sha256};

pub use self::handshake::Challenge;
use self::{
    handshake::{Checked, HANDSHAKE_BYTES},
    skip::Skip,
};
use crate::{
    fields,
    mapping::USUAL,
    stream::{Frame, Proof, Protocol, too_long},
};

/// The size limit of one message, before and after decompression, in bytes. A message may contain a whole chunk of a
/// buffering client.
pub const FORWARD_BYTES: usize = 16 << 20;

/// The decoder of a stream of messages. A message with a chunk id is a frame of its own.
#[derive(Debug, Default)]
pub struct Forward {
    skip: Skip,
    /// A chunk that followed other messages.
    next: Option<Frame>,
    /// What the client has to prove by its first message.
    challenge: Option<Challenge>,
    is_proven: bool,
}

impl Forward {
    /// Takes records only after the handshake, unless it is optional.
    pub fn guarded(challenge: Challenge) -> Self {
        Self { challenge: Some(challenge), ..Self::default() }
    }

    /// Checks the first message. Returns whether it was part of the handshake.
    fn admit(&mut self, message: &[u8], frame: &mut Frame) -> Result<bool, String> {
        let Some(challenge) = &self.challenge else { return Ok(false) };
        match challenge.check(message) {
            Checked::Proven(answer) => {
                (frame.answer, frame.closed) = (answer, true);
                (self.challenge, self.is_proven) = (None, true);
                Ok(true)
            }
            Checked::Wrong(answer) => {
                frame.answer = answer;
                Err("the client has not proven the shared key of --fluent-shared-key-file".into())
            }
            Checked::NoPing => {
                Err("the client has begun without a handshake; give it the shared key of this server".into())
            }
        }
    }
}

impl Protocol for Forward {
    fn greeting(&mut self) -> Vec<u8> {
        self.challenge.as_ref().map(Challenge::helo).unwrap_or_default()
    }

    fn proof(&self) -> Proof {
        match &self.challenge {
            Some(_) => Proof::Awaited,
            _ if self.is_proven => Proof::Given,
            _ => Proof::Unneeded,
        }
    }

    fn read(&mut self, bytes: &mut BytesMut, frame: &mut Frame) -> Result<(), String> {
        if let Some(next) = self.next.take() {
            *frame = next;
        }
        while !frame.is_full() && !bytes.is_empty() {
            let Some(length) = self.skip.whole(bytes)? else {
                let most = if self.proof() == Proof::Awaited { HANDSHAKE_BYTES } else { FORWARD_BYTES };
                return if bytes.len() > most { Err(too_long(most)) } else { Ok(()) };
            };
            let message = bytes.split_to(length);
            self.skip = Skip::default();
            if self.admit(&message, frame)? {
                continue;
            }
            let read = message_of(&message)?;
            if read.name.is_none() || frame.is_empty() {
                frame.append(read);
            } else {
                frame.closed = true;
                self.next = Some(read);
            }
        }
        Ok(())
    }
}

/// Parses one message of any mode.
fn message_of(bytes: &[u8]) -> Result<Frame, String> {
    let mut whole = Frame::default();
    let frame = &mut whole;
    let value = value_of(&mut &*bytes)?;
    let ValueRef::Array(parts) = value else {
        return Err("a message is not an array; this is the door for Fluentd's forward protocol".into());
    };
    let Some(tag) = parts.first().and_then(text) else {
        return Err("a message does not start with a tag; a handshake needs the option --fluent-shared-key-file".into());
    };
    let options = match &parts[1..] {
        [ValueRef::Array(entries), rest @ ..] => {
            entries.iter().for_each(|entry| frame.take(entry_of(entry, &tag)));
            rest.first()
        }
        [packed @ (ValueRef::Binary(_) | ValueRef::String(_)), rest @ ..] => {
            unpack(packed, rest.first(), &tag, frame);
            rest.first()
        }
        [time, record, rest @ ..] => {
            frame.take(record_of(time, record, &tag));
            rest.first()
        }
        _ => return Err("a message has neither records nor options".into()),
    };
    if let Some(chunk) = option(options, "chunk").and_then(text) {
        frame.name = Some(name_of(&chunk, bytes, parts.len()));
        frame.closed = true;
        let answer = rmpv::Value::Map(vec![("ack".into(), chunk.into())]);
        rmpv::encode::write_value(&mut frame.answer, &answer).map_err(|error| error.to_string())?;
    }
    Ok(whole)
}

/// The idempotency key of a chunk: a hash of its id and of the encoded tag and entries. A buffering client resends
/// the same bytes. A client that reuses an id for other records is not mistaken for a resend.
fn name_of(chunk: &str, message: &[u8], parts: usize) -> [u8; 32] {
    // The options are the last part. Without them there is no chunk id.
    let head = match message.first() {
        Some(0x90..=0x9f) => 1,
        Some(0xdc) => 3,
        _ => 5,
    };
    let mut end = head;
    for _ in 1..parts {
        let Some(Ok(Some(length))) = message.get(end..).map(|rest| Skip::default().whole(rest)) else { break };
        end += length;
    }
    let digest = Sha256::new_with_prefix((chunk.len() as u64).to_be_bytes());
    digest.chain_update(chunk).chain_update(message.get(head..end).unwrap_or_default()).finalize().into()
}

/// Parses a packed array of entries, one by one.
fn unpack(packed: &ValueRef<'_>, options: Option<&ValueRef<'_>>, tag: &str, frame: &mut Frame) {
    let bytes = match packed {
        ValueRef::Binary(bytes) => bytes,
        ValueRef::String(text) => text.as_bytes(),
        _ => return,
    };
    let plain;
    let mut rest = match option(options, "compressed").and_then(text).as_deref() {
        None | Some("text") => bytes,
        Some("gzip") => match inflate(bytes) {
            Ok(inflate) => {
                plain = inflate;
                &plain[..]
            }
            Err(reason) => return frame.take(Err(reason)),
        },
        Some(other) => return frame.take(Err(format!("compressed: {other:?} is unknown; use gzip"))),
    };
    while !rest.is_empty() {
        let whole = Skip::default().whole(rest).and_then(|length| length.ok_or("an entry is cut off".to_owned()));
        match whole.and_then(|length| Ok((length, value_of(&mut &rest[..length])?))) {
            Ok((length, entry)) => {
                frame.take(entry_of(&entry, tag));
                rest = &rest[length..];
            }
            // The start of the next entry is unknown.
            Err(reason) => return frame.take(Err(reason)),
        }
    }
}

fn inflate(compressed: &[u8]) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    let most = FORWARD_BYTES as u64 + 1;
    MultiGzDecoder::new(compressed)
        .take(most)
        .read_to_end(&mut plain)
        .map_err(|error| format!("a packed message cannot be decompressed: {error}"))?;
    if plain.len() > FORWARD_BYTES {
        return Err(too_long(FORWARD_BYTES));
    }
    Ok(plain)
}

fn value_of<'a>(bytes: &mut &'a [u8]) -> Result<ValueRef<'a>, String> {
    // The nesting of the message and its entries adds to that of a record.
    read_value_ref_with_max_depth(bytes, limits::DEPTH + 4)
        .map_err(|error| format!("a message cannot be parsed: {error}"))
}

fn entry_of(entry: &ValueRef<'_>, tag: &str) -> Result<RawRecord, String> {
    match entry {
        ValueRef::Array(parts) => match &parts[..] {
            [time, record] => record_of(time, record, tag),
            _ => Err(format!("an entry has {} parts; it should be [time, record]", parts.len())),
        },
        _ => Err("an entry is not an array; it should be [time, record]".into()),
    }
}

fn record_of(time: &ValueRef<'_>, record: &ValueRef<'_>, tag: &str) -> Result<RawRecord, String> {
    if !matches!(record, ValueRef::Map(_)) {
        return Err("a record is not a map of fields".into());
    }
    let mut record = fields::read(record, &USUAL).map_err(|error| format!("the record cannot be parsed: {error}"))?;
    if record.time == RawTime::Missing {
        record.time = time_of(time);
    }
    if record.service.is_empty() {
        record.service = Text::new(service_of(&record).unwrap_or(tag));
    }
    record.attributes.push((Text::const_new("tag"), Value::Text(Text::new(tag))));
    Ok(record)
}

/// Docker's logging driver sends the container name.
fn service_of(record: &RawRecord) -> Option<&str> {
    record.attributes.iter().find_map(|(key, value)| match value {
        Value::Text(name) if key == "container_name" && !name.is_empty() => Some(name.trim_start_matches('/')),
        _ => None,
    })
}

/// A number whose size determines the unit, or an `EventTime` of seconds and nanoseconds.
fn time_of(time: &ValueRef<'_>) -> RawTime {
    match time {
        ValueRef::Ext(0, bytes) => match bytes.split_first_chunk::<4>() {
            Some((seconds, nanos)) => {
                let nanos = nanos.first_chunk().map_or(0, |nanos| u32::from_be_bytes(*nanos));
                RawTime::from_parts(u32::from_be_bytes(*seconds).into(), nanos.into())
            }
            None => RawTime::Missing,
        },
        ValueRef::Integer(seconds) => match seconds.as_i64() {
            None | Some(0) => RawTime::Missing,
            Some(seconds) => RawTime::Number(seconds),
        },
        ValueRef::F64(seconds) => RawTime::Text(seconds.to_string()),
        _ => RawTime::Missing,
    }
}

fn option<'a>(options: Option<&'a ValueRef<'a>>, name: &str) -> Option<&'a ValueRef<'a>> {
    let Some(ValueRef::Map(options)) = options else { return None };
    options.iter().find(|(key, _)| text(key).as_deref() == Some(name)).map(|(_, value)| value)
}

fn text(value: &ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::String(text) => text.as_str().map(str::to_owned),
        ValueRef::Binary(bytes) => std::str::from_utf8(bytes).ok().map(str::to_owned),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use rmpv::Value as Packed;

    use super::*;
    use crate::stream::feed;

    fn bytes(value: &Packed) -> Vec<u8> {
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, value).unwrap();
        bytes
    }

    fn map(fields: &[(&str, Packed)]) -> Packed {
        Packed::Map(fields.iter().map(|(key, value)| (Packed::from(*key), value.clone())).collect())
    }

    fn event_time() -> Packed {
        Packed::Ext(0, [1_700_000_000u32.to_be_bytes(), 5u32.to_be_bytes()].concat())
    }

    fn entry(message: &str) -> Packed {
        let nested = map(&[("b", 1.into())]);
        Packed::Array(vec![event_time(), map(&[("log", message.into()), ("level", "warn".into()), ("a", nested)])])
    }

    fn streams() -> Vec<Vec<u8>> {
        let entries = [entry("one"), entry("two")];
        let packed = [bytes(&entries[0]), bytes(&entries[1])].concat();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&packed).unwrap();
        let options = |more: &[(&str, Packed)]| map(&[&[("chunk", "c1".into())], more].concat());
        let mut streams = vec![
            bytes(&Packed::Array(vec!["shop".into(), Packed::Array(entries.to_vec()), options(&[])])),
            bytes(&Packed::Array(vec!["shop".into(), Packed::Binary(packed), options(&[("size", 2.into())])])),
            bytes(&Packed::Array(vec![
                "shop".into(),
                Packed::Binary(gzip.finish().unwrap()),
                options(&[("compressed", "gzip".into())]),
            ])),
        ];
        let one = |entry: &Packed, more: Option<Packed>| {
            let mut parts = vec!["shop".into()];
            parts.extend(entry.as_array().unwrap().clone());
            parts.extend(more);
            bytes(&Packed::Array(parts))
        };
        streams.push([one(&entries[0], None), one(&entries[1], Some(options(&[])))].concat());
        streams
    }

    #[test]
    fn every_mode_reads_and_is_acknowledged() {
        for stream in streams() {
            for pieces in [&[][..], &[1, 1, 1, 2, 3, 5, 8, 13]] {
                let frame = feed(&mut Forward::default(), &stream, pieces).unwrap();
                let messages: Vec<_> = frame.records.iter().map(|record| record.message.as_str()).collect();
                assert_eq!((messages, frame.refused), (vec!["one", "two"], 0), "{:?}", frame.reasons);
                let first = &frame.records[0];
                assert_eq!((first.service.as_str(), first.level.as_str()), ("shop", "warn"));
                assert_eq!(first.time, RawTime::Nanos(1_700_000_000_000_000_005));
                assert_eq!(first.attributes[0], (Text::from("a.b"), Value::Int(1)));
                assert_eq!(frame.answer, bytes(&map(&[("ack", "c1".into())])));
            }
        }
    }

    fn frames(stream: &[u8]) -> Vec<Frame> {
        let (mut forward, mut bytes) = (Forward::default(), BytesMut::from(stream));
        let mut frames = Vec::new();
        loop {
            let mut frame = Frame::default();
            forward.read(&mut bytes, &mut frame).unwrap();
            let full = frame.is_full();
            frames.extend((!frame.is_empty()).then_some(frame));
            if !full {
                return frames;
            }
        }
    }

    #[test]
    fn a_chunk_is_a_frame_with_a_name_that_its_content_has_each_time() {
        let message = |tag: &str, text: &str, options: &[(&str, Packed)]| {
            bytes(&Packed::Array(vec![tag.into(), Packed::Array(vec![entry(text)]), map(options)]))
        };
        let chunk = |name: &str| ("chunk", Packed::from(name));
        let plain = message("shop", "plain", &[]);
        let one = message("shop", "one", &[chunk("c1")]);
        let same = message("shop", "one", &[("size", 1.into()), chunk("c1")]);
        let others = [
            message("shop", "one", &[chunk("c2")]),
            message("shop", "two", &[chunk("c1")]),
            message("till", "one", &[chunk("c1")]),
        ];
        let read = frames(&[&plain[..], &plain, &one, &plain, &one, &same].concat());
        let sizes: Vec<_> = read.iter().map(|frame| (frame.records.len(), frame.name.is_some())).collect();
        assert_eq!(sizes, [(2, false), (1, true), (1, false), (1, true), (1, true)]);
        assert_eq!((read[1].name, read[1].name), (read[3].name, read[4].name));
        assert_eq!(read[1].answer, bytes(&map(&[("ack", "c1".into())])));
        for other in others {
            assert_ne!(frames(&other)[0].name, read[1].name);
        }
        for stream in &streams()[..3] {
            assert_eq!(frames(stream)[0].name, frames(stream)[0].name);
            assert!(frames(stream)[0].name.is_some());
        }
    }

    #[test]
    fn what_does_not_read_is_explained() {
        for (stream, word) in [
            (vec![0xc1], "no MessagePack"),
            (b"GET / HTTP/1.1".to_vec(), "not an array"),
            (bytes(&Packed::Array(vec![7.into()])), "tag"),
            (bytes(&Packed::Array(vec!["HELO".into()])), "neither"),
            (vec![0xc6, 0xff, 0xff, 0xff, 0xff], "longer"),
            (vec![0xdd, 0xff, 0xff, 0xff, 0xff], "values"),
            ([vec![0x91; 4000], vec![1]].concat(), "parsed"),
        ] {
            let error = feed(&mut Forward::default(), &stream, &[]).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
        let entries = Packed::Array(vec![entry("one"), 7.into(), Packed::Array(vec![0.into(), 7.into()])]);
        let frame = feed(&mut Forward::default(), &bytes(&Packed::Array(vec!["t".into(), entries])), &[]).unwrap();
        assert_eq!((frame.records.len(), frame.refused), (1, 2));
        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        bomb.write_all(&vec![0; FORWARD_BYTES * 2]).unwrap();
        let options = map(&[("compressed", "gzip".into())]);
        let packed = Packed::Binary(bomb.finish().unwrap());
        let frame =
            feed(&mut Forward::default(), &bytes(&Packed::Array(vec!["t".into(), packed, options])), &[]).unwrap();
        assert!(frame.reasons[0].contains("longer"), "{:?}", frame.reasons);
    }

    proptest! {
        #[test]
        fn any_bytes_are_records_or_an_error(stream in prop::collection::vec(any::<u8>(), 0..200), pieces in prop::collection::vec(1usize..9, 0..40)) {
            let _ = feed(&mut Forward::default(), &stream, &pieces);
        }

        #[test]
        fn damaged_messages_are_records_or_an_error(which in 0usize..4, damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), pieces in prop::collection::vec(1usize..9, 0..10)) {
            let mut stream = streams().swap_remove(which);
            for (place, byte) in damage {
                let place = place.index(stream.len());
                stream[place] = byte;
            }
            let _ = feed(&mut Forward::default(), &stream, &pieces);
        }
    }
}
