//! The limits of accepted input. Every error about a limit names it.

use std::time::Duration;

/// Records per batch.
pub const RECORDS_PER_BATCH: usize = 10_000;
/// Bytes per encoded batch; also per request body after decompression.
pub const BATCH_BYTES: usize = 8 << 20;
/// Bytes per message. A longer message is refused.
pub const MESSAGE_BYTES: usize = 1 << 20;
/// Attributes per record.
pub const ATTRIBUTES: usize = 256;
/// Bytes per attribute key.
pub const KEY_BYTES: usize = 256;
/// Bytes per attribute value.
pub const VALUE_BYTES: usize = 64 << 10;
/// Bytes per service, node or level.
pub const NAME_BYTES: usize = 256;
/// Nesting depth of a JSON value.
pub const DEPTH: usize = 32;
/// Bytes per query.
pub const QUERY_BYTES: usize = 4096;
/// Nesting depth of a query's parentheses and negations.
pub const QUERY_DEPTH: usize = 64;
/// Regular expressions per query.
pub const QUERY_PATTERNS: usize = 16;
/// Bytes of all compiled regular expressions of a query together.
pub const QUERY_PATTERN_BYTES: usize = 4 << 20;
/// Records per page of results.
pub const PAGE_RECORDS: usize = 10_000;
/// Number of saved views.
pub const VIEWS: usize = 500;
/// How far a record's time may be ahead of the server's clock. Past it, the record gets the time of receipt, and an
/// attribute keeps the original time.
pub const FUTURE: Duration = Duration::from_secs(600);
