//! How a batch is written where it leaves the process: into a queue or a dead letter.
//!
//! One format byte, then a protobuf message of columns over a dictionary of words
//! (`proto/logboom/internal/envelope.proto`), compressed where that pays. The format
//! byte allows another codec later without a flag day: an old batch stays readable.
//!
//! Encoding is on the path of every record, so it makes one pass, copies each text
//! once, and reuses one compressor per thread. Decoding trusts nothing: sizes are
//! checked before memory is taken, every index and length is checked, and bytes that
//! are no batch are an error and never a panic.

mod codec;
mod dictionary;
mod read;
mod write;

use crate::{Batch, Error, Result};

/// The most bytes a batch may take up once decoded: in protobuf, and also in memory as
/// [`Batch::weight`] counts it. The admit stage makes no batch of more than
/// [`ADMITTED_WEIGHT`], so nothing that was encoded is refused.
pub const DECODED_BYTES: usize = 8 * model::limits::BATCH_BYTES;

/// The most that a batch may weigh when it is admitted, as [`Batch::weight`] counts.
pub const ADMITTED_WEIGHT: usize = 4 * model::limits::BATCH_BYTES;

/// Writes the batch.
///
/// Records must hold to the invariants of [`Batch`] and [`model::Record`]: their ids
/// and observed times are not written one by one.
pub fn encode(batch: &Batch) -> Vec<u8> {
    codec::pack(&write::columns(batch))
}

/// Reads what [`encode`] has written.
///
/// # Errors
/// `Corrupt` where the bytes are no batch, whatever they are.
pub fn decode(bytes: &[u8]) -> Result<Batch> {
    let envelope = codec::unpack(bytes).map_err(corrupt)?;
    read::batch(envelope).map_err(corrupt)
}

fn corrupt(reason: String) -> Error {
    Error::corrupt(format!("envelope: {reason}"))
}

#[cfg(test)]
mod tests;
