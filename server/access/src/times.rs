//! Times as documents have them: milliseconds since the Unix epoch.

use model::{Nanos, time::format_rfc3339_millis};

const MILLISECOND: Nanos = 1_000_000;

/// From milliseconds.
pub(crate) fn nanos(milliseconds: i64) -> Nanos {
    milliseconds.saturating_mul(MILLISECOND)
}

/// To milliseconds.
pub(crate) fn milliseconds(time: Nanos) -> i64 {
    time.div_euclid(MILLISECOND)
}

/// From milliseconds to a text of RFC 3339.
pub(crate) fn rfc3339(milliseconds: i64) -> String {
    format_rfc3339_millis(nanos(milliseconds))
}
