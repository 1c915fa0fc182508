//! Parts: the immutable Parquet files that hold the records of the embedded store.
//!
//! This page specifies the format. The store (`engine-embedded`) decides when a part is written, merged and deleted.
//!
//! A part holds records of one UTC day of `time`, newest first: by time, then by position, both descending. A search
//! for the newest records therefore reads the start of each row group and stops. A part is written once, made
//! durable, and counts from the catalogue transaction that names it. Any Parquet reader can read it.
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
//! The id of a record is `id_base + position % 16384`, as a big-endian number of 128 bits. A stored id would cost
//! about five bytes per row; the base, one per batch, costs one. The base of a batch ends in two zero bytes, so the
//! id in DuckDB is `substr(hex(id_base), 1, 28) || printf('%04x', position % 16384)`.
//!
//! File metadata: `logboom.format` is the version of this layout. `logboom.attributes` is a JSON array of
//! `{column, key, type}`; readers should use it to find attribute columns. `logboom.message_sets` is a JSON object
//! `{offset, bytes}`, the location of the [`message_index`] (`logboom.folded_message_index` and `logboom.message_index`
//! in parts of earlier versions), and `logboom.lookup` likewise that of the [`lookup`]. `logboom.totals` holds counts
//! per row group ([`totals`]). In parts of earlier versions, columns whose values rarely repeat have Parquet's Bloom
//! filters.
//!
//! # Indexes
//!
//! A search skips what cannot match, from the cheapest test to the most expensive:
//!
//! | test | skips | location | read by |
//! |---|---|---|---|
//! | the catalogue's bounds of time, position and id | parts | [`PartInfo`] | the store |
//! | hashes of ids, services, nodes and attributes | parts, row groups, slabs of 8,192 rows | after the message index | [`lookup`] |
//! | totals by service and level class | row groups; also answers counts | file metadata | [`totals`] |
//! | statistics of columns | row groups | footer | [`reader`] |
//! | page index of `time`, `position`, `severity` | pages | footer | [`pages`] |
//! | runs and seams of messages | blocks of 65,536 rows | after the last row group | [`message_index`] |
//! | Bloom filters of trace ids and texts, in parts of earlier versions | row groups | after the row groups | `filters` |
//! | the bytes of uncompressed ids | slabs | in the columns | `filters` |
//!
//! # Versions
//!
//! A reader refuses a newer `logboom.format` ([`schema::FORMAT`]). If an older version did not write an element
//! (totals, the sets of messages, the lookup), searches are slower but complete. `engine-embedded/tests/formats` holds a
//! folder of each version.
//!
//! # Life cycle of a file
//!
//! [`builder`] converts records to columns, [`writer`] writes columns to a file, [`merge`] merges files. [`reader`]
//! opens the footer, [`reading`] scans the rows of a row group, [`scan`] tests messages without decoding them, [`points`]
//! reads single rows, and [`decode`] converts columns to records. Parquet's reader trusts the lengths that it reads and
//! may panic, so all calls of it run under [`reader::Part::guarded`]: a damaged file causes an error that names the part.

pub mod builder;
pub mod columns;
#[cfg(test)]
mod damage_tests;
pub mod decode;
mod deltas;
pub mod file;
mod filters;
mod info;
pub mod lookup;
pub mod merge;
mod message_blocks;
pub mod message_index;
pub mod pages;
pub mod points;
mod position;
pub mod ranges;
pub mod reader;
pub mod reading;
pub mod scan;
pub mod schema;
pub mod totals;
mod varint;
pub mod writer;

pub use info::{Damage, PartInfo};
pub use position::{PLACE_BITS, frame_of, place_of, position_of};
