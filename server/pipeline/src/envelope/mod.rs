//! The envelope: the serialised form of a batch, in a queue or a dead letter.
//!
//! One format byte, then a protobuf message of columns over a dictionary of words
//! (`proto/logboom/internal/envelope.proto`), compressed if that saves space. The format byte allows a new codec while
//! old batches stay readable, and an older node leaves newer batches in the queue ([`newer_format`]).
//!
//! Encoding is on the path of every record: it makes one pass, copies each text once, and reuses one compressor per
//! thread. Decoding treats its input as untrusted: it checks sizes before it allocates, and every index and length.
//! Invalid bytes are an error and never a panic.

mod codec;
mod dictionary;
mod read;
mod write;

use crate::{Batch, Error, Result, formats::generation};

/// The limit of a decoded batch in bytes: of the protobuf message, and of [`Batch::weight`]. The admit stage limits a
/// batch to [`ADMITTED_WEIGHT`], so every encoded batch can be decoded.
pub const DECODED_BYTES: usize = 8 * model::limits::BATCH_BYTES;

/// The limit of [`Batch::weight`] on admission.
pub const ADMITTED_WEIGHT: usize = 4 * model::limits::BATCH_BYTES;

/// Encodes the batch.
///
/// The records must hold the invariants of [`Batch`] and [`model::Record`]: their ids and observed times are not
/// written one by one.
pub fn encode(batch: &Batch) -> Vec<u8> {
    codec::pack(&write::columns(batch))
}

/// Decodes the output of [`encode`].
///
/// # Errors
/// `Corrupt` if the bytes are not a batch.
pub fn decode(bytes: &[u8]) -> Result<Batch> {
    let envelope = codec::unpack(bytes).map_err(corrupt)?;
    read::batch(envelope).map_err(corrupt)
}

/// The format of a batch that only a newer version of Logboom reads; `None` for a batch of this version and for bytes
/// that are no batch. Such a batch must stay in the queue for a newer node.
pub fn newer_format(bytes: &[u8]) -> Option<u8> {
    codec::newer_format(generation(), bytes)
}

/// Whether the bytes begin as a batch of this version or of a newer one, even if they cannot be decoded.
pub fn begins_as_batch(bytes: &[u8]) -> bool {
    codec::begins_as_batch(bytes)
}

fn corrupt(reason: String) -> Error {
    Error::corrupt(format!("envelope: {reason}"))
}

#[cfg(test)]
mod tests;
