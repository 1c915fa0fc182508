//! Parts: the immutable Parquet files that hold the records.
//!
//! A part holds records of one UTC day of `time`, newest first: by time, then by
//! position, both descending, so that a search for the newest records reads the head
//! of each row group and stops. It is written once, made durable, and counts from the
//! catalogue transaction that names it. Any Parquet reader can read it.
//!
//! | column | type | note |
//! |---|---|---|
//! | `time` | timestamp, ns, UTC | when it happened |
//! | `observed_time` | timestamp, ns, UTC | when the server received its batch |
//! | `position` | int64 | store position; its low 14 bits are the place in the batch |
//! | `id_base` | 16 bytes | the id of the batch's first record |
//! | `severity` | uint8 | OpenTelemetry number, 1 to 24 |
//! | `level`, `service`, `node` | text | empty where the record has none |
//! | `message` | text | |
//! | `trace_id`, `span_id` | 16 / 8 bytes, null | null where the record has none |
//! | `attr.<key>` | text, int64, double or boolean, null | the attribute's most frequent type in the part |
//! | `attr.<key>:<type>` | likewise | its values of another type: `text`, `int`, `float`, `bool` |
//! | `attributes_rest` | text, null | a JSON object: attributes beyond the 128 most frequent |
//!
//! The id of a record is `id_base + position % 16384`, as a big-endian number of 128
//! bits. Ids are not written out because within a part they would cost about five
//! bytes a row, and the base, of which there is one per batch, costs one. As the base
//! of a batch ends in two zero bytes, that is in DuckDB
//! `substr(hex(id_base), 1, 28) || printf('%04x', position % 16384)`.
//!
//! File metadata: `logboom.format` is the version of this layout, `logboom.attributes`
//! a JSON array of `{column, key, type}`, which is what readers should go by, and
//! `logboom.folded_message_index` a JSON object `{offset, bytes}`: where in the file the
//! [`message_index`] is (`logboom.message_index` in parts of earlier programs), and
//! `logboom.totals` what the row groups come to ([`totals`]). Columns whose values hardly
//! repeat have Parquet's Bloom filters.

pub(crate) mod builder;
pub(crate) mod columns;
#[cfg(test)]
mod damage;
pub(crate) mod decode;
pub(crate) mod file;
mod filters;
pub(crate) mod merge;
pub(crate) mod message_index;
pub(crate) mod pages;
pub(crate) mod reader;
pub(crate) mod reading;
pub(crate) mod schema;
pub(crate) mod totals;
pub(crate) mod writer;

use std::path::{Path, PathBuf};

use model::RecordId;

/// The low bits of a position that number the records of one frame.
///
/// 16,384 places are more than [`model::limits::RECORDS_PER_BATCH`].
pub(crate) const PLACE_BITS: u32 = 14;

/// The position of the record at `place` of the journal's frame.
pub(crate) fn position_of(frame: u64, place: usize) -> i64 {
    ((frame << PLACE_BITS) | place as u64) as i64
}

/// The journal's frame that a position lies in.
pub(crate) fn frame_of(position: i64) -> u64 {
    (position.max(0) as u64) >> PLACE_BITS
}

/// The place in its batch of the record at the position.
pub(crate) fn place_of(position: i64) -> usize {
    (position & ((1 << PLACE_BITS) - 1)) as usize
}

/// What the catalogue knows of a part. Bounds are inclusive.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PartInfo {
    /// The file, relative to the folder of parts: `2026-11-21/<uuid>.parquet`.
    pub(crate) path: String,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) min_time: i64,
    pub(crate) max_time: i64,
    pub(crate) min_position: i64,
    pub(crate) max_position: i64,
    pub(crate) min_id: RecordId,
    pub(crate) max_id: RecordId,
}

impl PartInfo {
    pub(crate) fn file(&self, folder: &Path) -> PathBuf {
        folder.join(&self.path)
    }
}
