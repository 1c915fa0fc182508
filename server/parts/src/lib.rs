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
//! | `attr.<key>` | text, int64, double, boolean or decimal, null | the attribute's most frequent type in the part |
//! | `attr.<key>:<type>` | likewise | its values of another type: `text`, `int`, `float`, `bool` |
//! | `attr.<key>:<form>` | bytes or numbers, null | its texts with a form: `hex`, `uuid`, `ipv4`, `number`, `time` |
//! | `rest_text`, `rest_hex`, `rest_int`, `rest_float`, `rest_bool` | map from text to text, binary, int64, double, boolean | attributes without a column ([`rest`]): fewer than 16 rows or one in 512 have them, or they are beyond the 128 most frequent. `rest_hex` has the bytes of texts of 8 to 64 lower-case hex digits. A map is left out if it is empty |
//!
//! The id of a record is `id_base + position % 16384`, as a big-endian number of 128 bits. A stored id would cost
//! about five bytes per row; the base, one per batch, costs one. The base of a batch ends in two zero bytes, so the
//! id in DuckDB is `substr(hex(id_base), 1, 28) || printf('%04x', position % 16384)`.
//!
//! File metadata: `logboom.format` is the version of this layout. `logboom.attributes` is a JSON array of
//! `{column, key, type, form}`; readers should use it to find attribute columns. `logboom.rest` is a JSON object `{maps, shared}`:
//! the maps with entries, and the keys with a column that may be in a map as well. `logboom.message_sets` is a JSON object
//! `{offset, bytes}`, the location of the [`message_index`] (`logboom.folded_message_index` and `logboom.message_index`
//! in parts of earlier versions), and `logboom.lookup` likewise that of the [`lookup`]. `logboom.totals` holds counts
//! per row group ([`totals`]). In parts of earlier versions, columns whose values rarely repeat have Parquet's Bloom
//! filters.
//!
//! # Forms
//!
//! A column whose texts rarely repeat is written in a [`form`] if nearly all of the first ones have it,
//! and floats with few decimals as decimals. The form of a column is in `logboom.attributes`; without one, the column is
//! plain. A value has a form only if it prints as it was, so each value has one of two columns: that of the form, or the
//! plain one of the same key and type. Texts that repeat have a dictionary and no form.
//!
//! | form | column | values |
//! |---|---|---|
//! | `{"hex":{"bytes":n}}` | n bytes, uncompressed | 2n lower-case digits, n from 4 to 64 |
//! | `"uuid"` | 16 bytes, uncompressed | lower-case digits in groups of 8, 4, 4, 4, 12 |
//! | `"ipv4"` | int64 | four numbers with points, no leading zeros |
//! | `{"number":{"prefix":p}}` | int64 | the prefix, then at most 18 digits, no leading zeros |
//! | `{"time":{"digits":n}}` | timestamp, ns, UTC | RFC 3339 with `T`, `Z`, and n digits after the second |
//! | `{"decimal":{"scale":n}}` | decimal(18, n) | floats that are an integer divided by 10^n |
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
//! | page index of `time`, `position`, `severity`, numbers with a form | pages | footer | [`pages`] |
//! | runs and seams of messages | blocks of 65,536 rows | after the last row group | [`message_index`] |
//! | Bloom filters of trace ids and texts, in parts of earlier versions | row groups | after the row groups | `filters` |
//! | the bytes of uncompressed ids, also of attributes | slabs | in the columns | `filters` |
//!
//! # Versions
//!
//! A reader refuses a newer `logboom.format` ([`schema::FORMAT`]). If an older
//! version did not write an element (totals, the sets of messages, the lookup), searches are slower but complete.
//! `engine-embedded/tests/formats` holds a folder of each version.
//!
//! - 1: all columns are plain, and attributes without a column are JSON objects in the column `attributes_rest`.
//! - 2: columns may have forms, and attributes without a column are entries of maps.
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
pub mod form;
pub mod formed;
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
pub mod rest;
pub mod scan;
pub mod schema;
pub mod totals;
mod varint;
pub mod writer;

pub use info::{Damage, PartInfo};
pub use position::{PLACE_BITS, frame_of, place_of, position_of};
