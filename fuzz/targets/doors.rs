//! The decoders of all doors: any bytes are records or an error. The first byte says which.
#![no_main]

use std::time::Instant;

use bytes::BytesMut;
use doors::{
    Decoded, elastic, fluent, gelf, json, loki,
    mapping::Mapping,
    otlp, packets,
    stream::{Frame, Protocol},
    syslog,
};
use libfuzzer_sys::fuzz_target;
use model::{Query, limits, query::Field};
use pipeline::{
    clock::Clock,
    normalise::{Normaliser, RawId, RawRecord},
};

fuzz_target!(|bytes: &[u8]| {
    let Some((which, rest)) = bytes.split_first() else { return };
    let mapping = Mapping::usual();
    // A date without a year is read by the clock, so that any time is tried.
    let now = rest.last_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes));
    let reader =
        || syslog::Reader { clock: Clock::from_fn(move || now), assume_timezone: chrono::Offset::fix(&chrono::Utc) };
    match which % 15 {
        0 => drop(json::decode(rest, &mapping)),
        1 => drop(json::decode_text(rest, &mapping)),
        2 => drop(otlp::decode_protobuf(rest)),
        3 => all_in_place(otlp::decode_json(rest)),
        4 => drop(elastic::decode(rest, "index")),
        5 => all_in_place(loki::decode_json(rest)),
        6 => all_in_place(loki::decode_protobuf(rest)),
        7 => drop(gelf::Chunks::default().read(rest, Instant::now())),
        8 => drop(reader().record(rest)),
        9 => feed(&mut packets::Packets::default(), rest),
        10 => feed(&mut syslog::Stream::new(reader()), rest),
        11 => feed(&mut gelf::Stream::default(), rest),
        12 => feed(&mut fluent::Forward::default(), rest),
        13 => values(&String::from_utf8_lossy(rest)),
        _ => id(rest),
    }
});

/// Times and levels in any form.
fn values(text: &str) {
    let _ = model::time::parse_timestamp(text, chrono::Offset::fix(&chrono::Utc));
    let _ = model::Severity::from_word(text);
    let _ = model::LevelNumbers::of_field(text).read_text(text);
}

/// Each record is read or refused, in one place of its own.
fn all_in_place(read: pipeline::Result<Decoded>) {
    let Ok(Decoded { records, places, rejections }) = read else { return };
    assert_eq!(records.len(), places.len());
    let mut all: Vec<usize> = rejections.iter().map(|rejection| rejection.index).chain(places).collect();
    all.sort_unstable();
    assert!(all.iter().copied().eq(0..all.len()));
}

/// An id is found in whatever form it was sent, or is kept in an attribute as it was sent.
fn id(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let raw = RawRecord { message: "m".into(), trace_id: RawId::Text(text.to_owned()), ..RawRecord::default() };
    let Ok(record) = Normaliser::default().record(raw, 0) else { return };
    let is_kept = record.trace_id.is_some() || record.attribute("trace_id.original").is_some();
    if is_kept && text.len() <= limits::NAME_BYTES && !text.contains('\0') {
        assert!(Query::field_equals(Field::TraceId, text).matches(&record), "{text:?}: {record:?}");
    }
}

/// In pieces, whose length the bytes say themselves.
fn feed(protocol: &mut dyn Protocol, bytes: &[u8]) {
    let mut buffer = BytesMut::new();
    let piece = usize::from(bytes.first().copied().unwrap_or(1)).max(1);
    for piece in bytes.chunks(piece) {
        buffer.extend_from_slice(piece);
        loop {
            let (before, mut frame) = (buffer.len(), Frame::default());
            if protocol.read(&mut buffer, &mut frame).is_err() {
                return;
            }
            assert!(buffer.len() <= before);
            if !frame.is_full() {
                break;
            }
        }
    }
    protocol.end(&mut buffer, &mut Frame::default());
    assert!(buffer.is_empty() || bytes.is_empty());
}
