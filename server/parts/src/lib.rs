//! Parts: the immutable Parquet files that hold the records of the embedded store.
//!
//! This page is the format. The store (`engine-embedded`) decides when a part is written,
//! merged and deleted; here is only what is in the file.
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
//!
//! # Indexes
//!
//! A search leaves out what cannot match, from the cheapest test to the dearest:
//!
//! | what | rules out | where it stands | read by |
//! |---|---|---|---|
//! | the catalogue's bounds of time, position and id | parts | [`PartInfo`] | the store |
//! | totals by service and level class | row groups, and answers counts | file metadata | [`totals`] |
//! | statistics of columns | row groups | footer | [`reader`] |
//! | page index of `time`, `position`, `severity` | pages | footer | [`pages`] |
//! | runs and seams of messages | blocks of 65,536 rows | behind the last row group | [`message_index`] |
//! | Bloom filters of trace ids and texts | row groups | behind the row groups | `filters` |
//!
//! # Versions
//!
//! A reader refuses a greater `logboom.format` ([`schema::FORMAT`]). What a part lacks because an
//! earlier program wrote it (totals, the folded index, a filter) costs time and no answer.
//! `engine-embedded/tests/formats` holds a folder of each version.
//!
//! # Life of a file
//!
//! [`builder`] makes columns of records, [`writer`] a file of columns, [`merge`] one file of
//! several. [`reader`] opens the footer, [`reading`] goes through the rows of a row group, and
//! [`decode`] makes records again. Parquet's reader trusts lengths that it reads, so everything
//! that it has a part in runs under [`reader::Part::guarded`]: a damaged file is an error that
//! names the part.

pub mod builder;
pub mod columns;
#[cfg(test)]
mod damage_tests;
pub mod decode;
pub mod file;
mod filters;
mod info;
pub mod merge;
pub mod message_index;
pub mod pages;
mod position;
pub mod ranges;
pub mod reader;
pub mod reading;
pub mod schema;
pub mod totals;
pub mod writer;

pub use info::{Damage, PartInfo};
pub use position::{PLACE_BITS, frame_of, place_of, position_of};
