//! An index of the messages in each block of rows: byte trigrams ("runs") and word boundaries ("seams").
//!
//! A word of the query language matches any part of a message, so an index of whole words could not rule out a block:
//! `out` is in `timeout`. Runs of three bytes can: a text of eight bytes has six of them, and a block that lacks one
//! lacks the text. If all words of a text are frequent, so are its runs. Then its seams discriminate: the letters
//! before and after a space, because few pairs of words follow one another. A seam has two, three, four and six letters
//! on each side, as far as both words have as many. Seams of digits are excluded, because there are as many as numbers.
//! Messages are folded as in the query language ([`model::query::fold`]), so a text has the same runs in any case.
//!
//! Each window lies inside its message. So every window of a text is in each message that contains the text, and a
//! block that lacks one of them can be skipped.
//!
//! Each block of [`BLOCK_ROWS`] rows has two sets, one of runs and one of seams: messages with many random tokens fill
//! the set of runs, and the seams of their words still discriminate. A set is a bitmap of hashes, halved while it is
//! sparse, so similar messages take little space: a quarter of a byte for each row is usual, 80 KiB for a block is the
//! most.
//!
//! Layout: for each block two bytes, the binary logarithms of the bits of its runs and of its seams, where 0 is a set
//! that is left out because it is full; a CRC32C of these. Then for each block its runs, its seams, and a CRC32C of
//! both. So the sets of one block can be read alone.
//!
//! Nothing here knows how messages are stored: [`Builder`] takes texts and returns bytes, [`Directory`] and [`Sets`]
//! take bytes and answer. Parts of earlier versions have one set a block, of both kinds ([`MessageIndex`]).

mod builder;
mod older;
mod sets;
#[cfg(test)]
mod tests;
mod windows;

pub(crate) use self::windows::Folding;
pub use self::{
    builder::Builder,
    older::MessageIndex,
    sets::{Directory, Sets, Wanted},
};

/// Rows per block. A row group holds a whole number of blocks, except the last one.
pub const BLOCK_ROWS: usize = 65_536;

/// The key of the metadata with the place of the index in a part. Earlier programs do not know the key, and read such a
/// part as one without an index.
pub(crate) const KEY: &str = "logboom.message_sets";
