//! The decoders of all doors and of an agent: any bytes are records or an error. The first byte says which.

mod agent;
mod seeds;

use std::time::Instant;

use bytes::BytesMut;
use doors::{
    Decoded, elastic, fluent, gelf, json, loki,
    mapping::Mapping,
    otlp, packets,
    stream::{Frame, Protocol},
    syslog,
};
use model::{Query, limits, query::Field};
use pipeline::{
    clock::Clock,
    normalise::{Normaliser, RawId, RawRecord},
};

pub fn run(bytes: &[u8]) {
    reads(bytes);
}

/// Whether something was read from them.
pub fn reads(bytes: &[u8]) -> bool {
    let Some((which, rest)) = bytes.split_first() else { return false };
    let mapping = Mapping::usual();
    // A date without a year is read by the clock, so that any time is tried.
    let now = rest.last_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes));
    let reader =
        || syslog::Reader { clock: Clock::from_fn(move || now), assume_timezone: chrono::Offset::fix(&chrono::Utc) };
    match which % COUNT {
        0 => json::decode(rest, &mapping).is_ok_and(|decoded| !decoded.records.is_empty()),
        1 => json::decode_text(rest, &mapping).is_ok_and(|decoded| !decoded.records.is_empty()),
        2 => otlp::decode_protobuf(rest).is_ok_and(|records| !records.is_empty()),
        3 => all_in_place(otlp::decode_json(rest)),
        4 => elastic::decode(rest, "index").is_ok_and(|bulk| !bulk.decoded.records.is_empty()),
        5 => all_in_place(loki::decode_json(rest)),
        6 => all_in_place(loki::decode_protobuf(rest)),
        7 => gelf::Chunks::default().read(rest, Instant::now()).is_some_and(|read| read.is_ok()),
        8 => !reader().record(rest).message.is_empty(),
        9 => feed(&mut packets::Packets::default(), rest),
        10 => feed(&mut syslog::Stream::new(reader()), rest),
        11 => feed(&mut gelf::Stream::default(), rest),
        12 => feed(&mut fluent::Forward::default(), rest),
        13 => values(&String::from_utf8_lossy(rest)),
        14 => id(rest),
        LINES => agent::lines(rest),
        FRAMES => agent::log_stream(rest, false),
        TERMINAL => agent::log_stream(rest, true),
        _ => agent::entries(rest),
    }
}

const LINES: u8 = 15;
const FRAMES: u8 = 16;
const TERMINAL: u8 = 17;
const ENTRIES: u8 = 18;

/// How many doors there are to choose from.
pub const COUNT: u8 = 19;

/// The initial inputs of the fuzzer: each is the number of a door and a message that the door reads.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = seeds::of_doors();
    seeds.extend(agent::seeds(LINES, FRAMES, TERMINAL, ENTRIES));
    seeds
}

/// Times and levels in any form.
fn values(text: &str) -> bool {
    let time = model::time::parse_timestamp(text, chrono::Offset::fix(&chrono::Utc));
    let level = model::Severity::from_word(text);
    let number = model::LevelNumbers::of_field(text).read_text(text);
    time.is_some() || level.is_some() || number.is_some()
}

/// Each record is read or refused, in one place of its own.
fn all_in_place(read: pipeline::Result<Decoded>) -> bool {
    let Ok(Decoded { records, places, rejections }) = read else { return false };
    assert_eq!(records.len(), places.len());
    let mut all: Vec<usize> = rejections.iter().map(|rejection| rejection.index).chain(places).collect();
    all.sort_unstable();
    assert!(all.iter().copied().eq(0..all.len()));
    !records.is_empty()
}

/// An id is found in whatever form it was sent, or is kept in an attribute as it was sent.
fn id(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let raw = RawRecord { message: "m".into(), trace_id: RawId::Text(text.to_owned()), ..RawRecord::default() };
    let Ok(record) = Normaliser::default().record(raw, 0) else { return false };
    let is_kept = record.trace_id.is_some() || record.attribute("trace_id.original").is_some();
    if is_kept && text.len() <= limits::NAME_BYTES && !text.contains('\0') {
        assert!(Query::field_equals(Field::TraceId, text).matches(&record), "{text:?}: {record:?}");
    }
    record.trace_id.is_some()
}

/// In pieces, whose length the bytes say themselves.
fn feed(protocol: &mut dyn Protocol, bytes: &[u8]) -> bool {
    let (mut buffer, mut is_read) = (BytesMut::new(), false);
    let piece = usize::from(bytes.first().copied().unwrap_or(1)).max(1);
    for piece in bytes.chunks(piece) {
        buffer.extend_from_slice(piece);
        loop {
            let (before, mut frame) = (buffer.len(), Frame::default());
            if protocol.read(&mut buffer, &mut frame).is_err() {
                return is_read;
            }
            is_read |= !frame.records.is_empty();
            assert!(buffer.len() <= before);
            if !frame.is_full() {
                break;
            }
        }
    }
    let mut last = Frame::default();
    protocol.end(&mut buffer, &mut last);
    assert!(buffer.is_empty() || bytes.is_empty());
    is_read || !last.records.is_empty()
}
