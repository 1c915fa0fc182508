//! The bounds of what is accepted, in one place; every error about one names it.

use std::time::Duration;

/// The records of one batch.
pub const RECORDS_PER_BATCH: usize = 10_000;
/// The bytes of one batch, encoded; also of a request body after decompression.
pub const BATCH_BYTES: usize = 8 << 20;
/// The bytes of one message. A longer one is refused.
pub const MESSAGE_BYTES: usize = 1 << 20;
/// The attributes of one record.
pub const ATTRIBUTES: usize = 256;
/// The bytes of an attribute's key.
pub const KEY_BYTES: usize = 256;
/// The bytes of an attribute's value.
pub const VALUE_BYTES: usize = 64 << 10;
/// The bytes of a service, node or level.
pub const NAME_BYTES: usize = 256;
/// How deep a JSON value may be nested.
pub const DEPTH: usize = 32;
/// The bytes of a query.
pub const QUERY_BYTES: usize = 4096;
/// The nesting of a query's parentheses and negations.
pub const QUERY_DEPTH: usize = 64;
/// The regular expressions of a query.
pub const QUERY_PATTERNS: usize = 16;
/// The bytes of all of them, compiled.
pub const QUERY_PATTERN_BYTES: usize = 4 << 20;
/// The records of one page of an answer.
pub const PAGE_RECORDS: usize = 10_000;
/// The views that may be saved.
pub const VIEWS: usize = 500;
/// How far ahead of the server's clock a record's time may be; past it the record
/// is stored at the time of receipt, and its own kept in an attribute.
pub const FUTURE: Duration = Duration::from_secs(600);
