//! Reading timestamps of any form.

use chrono::FixedOffset;

use super::{Nanos, calendar::Civil};

/// Reads a timestamp, blanks around it aside; what names no zone is at `assume`.
///
/// - RFC 3339 and its relatives: `2026-01-02T03:04:05.678Z` with `T`, `t`, `_` or a
///   blank; dates also with slashes; seconds, time and zone optional; a fraction of any
///   length after `.`, `,` or `:` (digits past the ninth are cut off); a zone as `Z`,
///   `UTC`, `GMT`, `+09:00`, `+0900` or `+09`;
/// - the Unix epoch in seconds, milliseconds, microseconds or nanoseconds, told apart by
///   size ([`from_epoch`]), with decimals as in `1700000000.123`.
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
        return Reader { bytes }.calendar(assumed);
    }
    #[cfg(feature = "written-times")]
    if let Some(time) = super::written::parse(text, assumed) {
        return Some(time);
    }
    epoch(bytes)
}

/// Reads a number of seconds, milliseconds, microseconds or nanoseconds since 1970: its size
/// says which (from 10^11, 10^14 and 10^17 on). `None` past what [`Nanos`] can hold.
pub fn from_epoch(number: i64) -> Option<Nanos> {
    number.checked_mul(unit(number))
}

/// What a number since 1970 counts in, in nanoseconds.
fn unit(number: i64) -> Nanos {
    match number.unsigned_abs().checked_ilog10().unwrap_or_default() {
        0..11 => 1_000_000_000,
        11..14 => 1_000_000,
        14..17 => 1_000,
        _ => 1,
    }
}

/// What is left to read of a timestamp.
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
}

impl Reader<'_> {
    fn calendar(mut self, assume: i64) -> Option<Nanos> {
        let mut civil = Civil { year: self.number(4)?, ..Civil::default() };
        let separator = self.one_of(b"-/")?;
        civil.month = self.number(2)?;
        self.one_of(&[separator])?;
        civil.day = self.number(2)?;
        if self.bytes.is_empty() {
            return civil.instant(assume);
        }
        self.one_of(b"Tt _")?;
        civil.hour = self.number(2)?;
        self.one_of(b":")?;
        civil.minute = self.number(2)?;
        if self.one_of(b":").is_some() {
            civil.second = self.number(2)?;
            civil.nanos = self.fraction();
        }
        let offset = self.zone(assume)?;
        civil.instant(offset)
    }

    /// Exactly so many digits.
    pub(super) fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.bytes.split_at_checked(digits)?;
        let mut value = 0;
        for digit in number {
            value = value * 10 + i64::from(digit_value(*digit)?);
        }
        self.bytes = rest;
        Some(value)
    }

    pub(super) fn one_of(&mut self, choice: &[u8]) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        choice.contains(first).then(|| {
            self.bytes = rest;
            *first
        })
    }

    /// The fraction of a second that follows, in nanoseconds; 0 where there is none.
    pub(super) fn fraction(&mut self) -> i64 {
        if !matches!(self.bytes, [b'.' | b',' | b':', b'0'..=b'9', ..]) {
            return 0;
        }
        let fraction = &self.bytes[1..];
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (fraction, rest) = fraction.split_at(digits);
        self.bytes = rest;
        nanos_of(fraction)
    }

    /// The rest of the text as seconds ahead of UTC.
    pub(super) fn zone(mut self, assume: i64) -> Option<i64> {
        if self.bytes.is_empty() {
            return Some(assume);
        }
        while self.one_of(b" ").is_some() {}
        match self.bytes {
            b"Z" | b"z" | b"UTC" | b"GMT" => return Some(0),
            _ => {}
        }
        #[cfg(feature = "written-times")]
        let written = self.bytes;
        let offset = self.offset();
        match offset {
            Some(offset) if self.bytes.is_empty() => Some(offset),
            #[cfg(feature = "written-times")]
            _ => super::zones::read(written),
            #[cfg(not(feature = "written-times"))]
            _ => None,
        }
    }

    /// `+09:00`, `+0900` or `+09` at the front, as seconds ahead of UTC.
    pub(super) fn offset(&mut self) -> Option<i64> {
        let sign = if self.one_of(b"+-")? == b'-' { -1 } else { 1 };
        let hours = self.number(2)?;
        let minutes = match self.bytes {
            [b':', b'0'..=b'9', ..] => {
                self.bytes = &self.bytes[1..];
                self.number(2)?
            }
            [b'0'..=b'9', ..] => self.number(2)?,
            _ => 0,
        };
        (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
    }
}

/// The longest number with an exponent that is read.
const LONGEST_NUMBER: usize = 32;

fn digit_value(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}

/// The first nine digits of a fraction of a second, as if nine were there.
fn nanos_of(digits: &[u8]) -> i64 {
    let mut value = 0;
    for place in 0..9 {
        value = value * 10 + i64::from(digits.get(place).copied().and_then(digit_value).unwrap_or_default());
    }
    value
}

/// Reads a decimal number since the epoch, also one with an exponent, as Java writes it.
fn epoch(text: &[u8]) -> Option<Nanos> {
    if text.iter().any(|byte| matches!(byte, b'e' | b'E')) && text.len() <= LONGEST_NUMBER {
        let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
        return number.is_finite().then(|| epoch(format!("{number}").as_bytes())).flatten();
    }
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let point = unsigned.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match point {
        Some(at) => (&unsigned[..at], &unsigned[at + 1..]),
        None => (unsigned, &[][..]),
    };
    if whole.is_empty() || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut value = 0_i64;
    for digit in whole {
        value = value.checked_mul(10)?.checked_add(i64::from(digit_value(*digit)?))?;
    }
    let unit = unit(value);
    // The fraction is in billionths of the unit.
    let magnitude = value.checked_mul(unit)?.checked_add(nanos_of(fraction) * unit / 1_000_000_000)?;
    Some(if negative { -magnitude } else { magnitude })
}
