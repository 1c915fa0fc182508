//! The outermost layer: a format byte, and the compression it names.

use std::cell::RefCell;

use prost::Message as _;
use wire::internal::Envelope;
use zstd::{
    bulk::{Compressor, Decompressor},
    zstd_safe,
};

use super::DECODED_BYTES;

/// Protobuf as it is.
const PLAIN: u8 = 0;
/// Protobuf in one Zstandard frame that says how long its content is.
const ZSTD: u8 = 1;

/// Fast above all: it is paid for each record, and what it saves is on disk for seconds. Level
/// 1 takes a thirtieth more of all that a record costs.
const LEVEL: i32 = -1;

/// Below so many bytes a frame costs more than it saves.
const COMPRESS_FROM: usize = 192;

thread_local! {
    // A context is hundreds of kilobytes; small batches would spend their time on it.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

/// Writes the message, compressed where that makes it smaller.
pub(super) fn pack(envelope: &Envelope) -> Vec<u8> {
    let mut plain = Vec::with_capacity(1 + envelope.encoded_len());
    plain.push(PLAIN);
    // Encoding into a growing vector cannot fail: `encode_raw` is what `encode` does
    // once it has seen that there is room.
    envelope.encode_raw(&mut plain);
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

/// Reads the message; takes no more than [`DECODED_BYTES`] for what a frame holds.
pub(super) fn unpack(bytes: &[u8]) -> Result<Envelope, String> {
    let decode = |plain: &[u8]| Envelope::decode(plain).map_err(|error| error.to_string());
    match bytes.split_first() {
        None => Err("no bytes".into()),
        Some((&PLAIN, plain)) if plain.len() > DECODED_BYTES => Err(too_long(plain.len() as u64)),
        Some((&PLAIN, plain)) => decode(plain),
        Some((&ZSTD, frame)) => decode(&decompress(frame)?),
        Some((format, _)) => Err(format!("unknown format {format}; a newer version may have written it")),
    }
}

fn decompress(frame: &[u8]) -> Result<Vec<u8>, String> {
    let length = match zstd_safe::get_frame_content_size(frame) {
        Ok(Some(length)) => length,
        _ => return Err("the compressed frame does not say how long it is".into()),
    };
    let room =
        usize::try_from(length).ok().filter(|length| *length <= DECODED_BYTES).ok_or_else(|| too_long(length))?;
    let mut plain = Vec::with_capacity(room);
    let written = Decompressor::new()
        .and_then(|mut decompressor| decompressor.decompress_to_buffer(frame, &mut plain))
        .map_err(|error| error.to_string())?;
    if written != room {
        return Err("the compressed frame is not as long as it says".into());
    }
    Ok(plain)
}

fn too_long(length: u64) -> String {
    format!("{length} bytes decoded; the limit is {DECODED_BYTES}")
}
