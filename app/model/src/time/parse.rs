//! Reading timestamps of any form.

use chrono::FixedOffset;

#[cfg(feature = "written-times")]
use super::written;
use super::{Nanos, calendar::Civil, epoch, reader::Reader, zone};

/// Reads a timestamp, blanks around it aside; what names no zone is at `assume`.
///
/// - RFC 3339 and its relatives: `2026-01-02T03:04:05.678Z` with `T`, `t`, `_` or a
///   blank; dates also with slashes; seconds, time and zone optional; a fraction of any
///   length after `.`, `,` or `:` (digits past the ninth are cut off); a zone as `Z`,
///   `UTC`, `GMT`, `+09:00`, `+0900` or `+09`;
/// - the Unix epoch in seconds, milliseconds, microseconds or nanoseconds, told apart by
///   size ([`from_epoch`](super::from_epoch)), with decimals as in `1700000000.123`.
///
/// With the feature `written-times` also what loggers write by a locale or a habit: see
/// `written.rs`.
///
/// `None` for anything else, and for years that [`Nanos`] cannot hold.
pub fn parse_timestamp(text: &str, assume: FixedOffset) -> Option<Nanos> {
    let text = text.trim();
    let bytes = text.as_bytes();
    let assumed = i64::from(assume.local_minus_utc());
    if let [b'0'..=b'9', _, _, _, b'-' | b'/', ..] = bytes {
        return calendar(Reader { bytes }, assumed);
    }
    #[cfg(feature = "written-times")]
    {
        let time = match written::enclosed(text) {
            Some(inner) => parse_timestamp(inner, assume),
            None => written::parse(text, assumed),
        };
        if time.is_some() {
            return time;
        }
    }
    epoch::read(bytes)
}

/// A date and what may follow it.
fn calendar(mut reader: Reader<'_>, assume: i64) -> Option<Nanos> {
    let mut civil = Civil { year: reader.number(4)?, ..Civil::default() };
    let separator = reader.one_of(b"-/")?;
    civil.month = reader.number(2)?;
    reader.one_of(&[separator])?;
    civil.day = reader.number(2)?;
    if reader.bytes.is_empty() {
        return civil.instant(assume);
    }
    reader.one_of(b"Tt _")?;
    civil.hour = reader.number(2)?;
    reader.one_of(b":")?;
    civil.minute = reader.number(2)?;
    if reader.one_of(b":").is_some() {
        civil.second = reader.number(2)?;
        civil.nanos = reader.fraction();
    }
    let offset = zone::read(reader, assume)?;
    civil.instant(offset)
}
