//! Parses timestamps of any format.

use chrono::FixedOffset;

#[cfg(feature = "written-times")]
use super::written;
use super::{Nanos, calendar::Civil, epoch, reader::Reader, zone};

/// Parses a timestamp, ignoring surrounding blanks. Times without a zone use `assume`.
///
/// - RFC 3339 and variants: `2026-01-02T03:04:05.678Z` with `T`, `t`, `_` or a blank; dates also with slashes;
///   seconds, time and zone optional; a fraction of any length after `.`, `,` or `:`, truncated to nine digits; a
///   zone as `Z`, `UTC`, `GMT`, `+09:00`, `+0900` or `+09`;
/// - the Unix epoch in seconds, milliseconds, microseconds or nanoseconds, distinguished by size
///   ([`from_epoch`](super::from_epoch)), with decimals as in `1700000000.123`.
///
/// The feature `written-times` adds formats specific to locales and loggers: see `written.rs`.
///
/// `None` for anything else, and for years out of the range of [`Nanos`].
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

/// Parses a date and an optional time.
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
