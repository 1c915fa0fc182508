//! The outermost layer: a format byte, and the compression that it selects.

use std::cell::RefCell;

use prost::Message as _;
use wire::internal::Envelope;
use zstd::{
    bulk::{Compressor, Decompressor},
    zstd_safe,
};

use super::DECODED_BYTES;
use crate::formats::{Generation, generation};

/// Uncompressed protobuf.
const PLAIN: u8 = 0;
/// Protobuf in one Zstandard frame that records its content size.
const ZSTD: u8 = 1;
/// The next version's format in tests: another format byte follows.
const NEXT: u8 = 2;
/// Newer versions use no other format bytes than these, so that other bytes are known to be no batch.
const LAST_FORMAT: u8 = 31;

/// Optimised for speed: every record pays for it, and the bytes stay on disk for seconds. Level 1 adds about 3 % to the
/// total cost of a record.
const LEVEL: i32 = -1;

/// Below this size in bytes, compression costs more than it saves.
const COMPRESS_FROM: usize = 192;

thread_local! {
    // A context takes hundreds of kilobytes; creating one per small batch would dominate the cost.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

/// Encodes the message.
pub(super) fn pack(envelope: &Envelope) -> Vec<u8> {
    pack_as(generation(), envelope)
}

pub(super) fn pack_as(generation: Generation, envelope: &Envelope) -> Vec<u8> {
    match generation {
        Generation::Previous => pack_plain(envelope),
        Generation::Current => pack_current(envelope),
        Generation::Next => [&[NEXT], pack_current(envelope).as_slice()].concat(),
    }
}

fn pack_plain(envelope: &Envelope) -> Vec<u8> {
    let mut plain = Vec::with_capacity(1 + envelope.encoded_len());
    plain.push(PLAIN);
    // Encoding into a growing vector cannot fail: `encode` only adds a capacity check to `encode_raw`.
    envelope.encode_raw(&mut plain);
    plain
}

/// Compressed if that makes it smaller.
fn pack_current(envelope: &Envelope) -> Vec<u8> {
    let plain = pack_plain(envelope);
    if plain.len() < COMPRESS_FROM {
        return plain;
    }
    match compress(&plain[1..]) {
        Some(packed) if packed.len() < plain.len() => packed,
        _ => plain,
    }
}

fn compress(plain: &[u8]) -> Option<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = Compressor::new(LEVEL).ok();
        }
        let mut packed = Vec::with_capacity(1 + zstd_safe::compress_bound(plain.len()));
        packed.push(ZSTD);
        let mut rest = std::io::Cursor::new(packed);
        rest.set_position(1);
        slot.as_mut()?.compress_to_buffer(plain, &mut rest).ok()?;
        let mut packed = rest.into_inner();
        packed.shrink_to_fit();
        Some(packed)
    })
}

/// The format of a batch that only a newer version reads; `None` for all other bytes.
pub(super) fn newer_format(generation: Generation, bytes: &[u8]) -> Option<u8> {
    let newest = if generation == Generation::Next { NEXT } else { ZSTD };
    bytes.first().copied().filter(|format| (newest + 1..=LAST_FORMAT).contains(format))
}

/// Whether the first byte is that of a format.
pub(super) fn begins_as_batch(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|format| *format <= LAST_FORMAT)
}

/// Decodes the message; limits the decompressed size to [`DECODED_BYTES`].
pub(super) fn unpack(bytes: &[u8]) -> Result<Envelope, String> {
    unpack_as(generation(), bytes)
}

pub(super) fn unpack_as(generation: Generation, bytes: &[u8]) -> Result<Envelope, String> {
    let decode = |plain: &[u8]| Envelope::decode(plain).map_err(|error| error.to_string());
    match bytes.split_first() {
        None => Err("no bytes".into()),
        Some((&PLAIN, plain)) if plain.len() > DECODED_BYTES => Err(too_long(plain.len() as u64)),
        Some((&PLAIN, plain)) => decode(plain),
        Some((&ZSTD, frame)) => decode(&decompress(frame)?),
        Some((&NEXT, current)) if generation == Generation::Next => unpack_as(Generation::Current, current),
        Some((format, _)) => match newer_format(generation, bytes) {
            Some(_) => Err(format!("format {format} is of a newer version of Logboom; update this node to read it")),
            None => Err(format!("unknown format {format}")),
        },
    }
}

fn decompress(frame: &[u8]) -> Result<Vec<u8>, String> {
    let length = match zstd_safe::get_frame_content_size(frame) {
        Ok(Some(length)) => length,
        _ => return Err("the compressed frame has no content size".into()),
    };
    let room =
        usize::try_from(length).ok().filter(|length| *length <= DECODED_BYTES).ok_or_else(|| too_long(length))?;
    let mut plain = Vec::with_capacity(room);
    let written = Decompressor::new()
        .and_then(|mut decompressor| decompressor.decompress_to_buffer(frame, &mut plain))
        .map_err(|error| error.to_string())?;
    if written != room {
        return Err("the compressed frame differs from its content size".into());
    }
    Ok(plain)
}

fn too_long(length: u64) -> String {
    format!("{length} bytes decoded; the limit is {DECODED_BYTES}")
}
