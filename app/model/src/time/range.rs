//! Parses the ends of a time range as people and URLs write them.

use chrono::FixedOffset;

use super::{Nanos, parse_timestamp};

/// Parses one end of a range: `now`, an offset from it such as `-15m`, `-1h30m` or `now-2d`, or any timestamp without
/// a sign that [`parse_timestamp`] accepts.
///
/// Units: `ns`, `us`, `ms`, `s`, `m` (minutes), `h`, `d` (24 hours), `w` (7 days). `None` for anything else, and for
/// times out of the range of [`Nanos`].
pub fn parse_range_end(text: &str, now: Nanos, assume: FixedOffset) -> Option<Nanos> {
    let text = text.trim();
    match text.strip_prefix("now") {
        Some("") => Some(now),
        Some(offset) => relative(offset, now),
        None if text.starts_with(['-', '+']) => relative(text, now),
        None => parse_timestamp(text, assume),
    }
}

fn relative(offset: &str, now: Nanos) -> Option<Nanos> {
    let (length, is_past) = match offset.strip_prefix('-') {
        Some(length) => (length, true),
        None => (offset.strip_prefix('+')?, false),
    };
    let length = duration(length)?;
    if is_past { now.checked_sub(length) } else { now.checked_add(length) }
}

/// Parses one or more whole numbers with units, without blanks: `1h30m`.
fn duration(text: &str) -> Option<Nanos> {
    let mut rest = text;
    let mut total: Nanos = 0;
    loop {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        total = total.checked_add(number.parse::<Nanos>().ok()?.checked_mul(unit_nanos(unit)?)?)?;
        if after.is_empty() {
            return Some(total);
        }
        rest = after;
    }
}

fn unit_nanos(unit: &str) -> Option<Nanos> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        "w" => 604_800_000_000_000,
        _ => return None,
    })
}
