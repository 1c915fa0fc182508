//! Formats specific to locales and loggers. Numeric day and month, as in `01/02/2026`, are ambiguous and never
//! guessed.

use super::{Nanos, calendar::Civil, epoch::from_epoch, reader::Reader, zone, zones};

/// The maximum length: a whole message is not a time.
const LONGEST: usize = 80;

/// The content of brackets or quotes, which may be any time format, including RFC 3339.
pub(super) fn enclosed(text: &str) -> Option<&str> {
    match text.as_bytes() {
        [b'[', .., b']'] | [b'"', .., b'"'] | [b'\'', .., b'\''] if text.len() <= LONGEST => {
            text.get(1..text.len() - 1)
        }
        _ => None,
    }
}

/// Parses these formats; times without a zone use `assume`:
///
/// - ISO 8601's basic form, `20261128T043239.123+0900`, also without the `T`;
/// - a month by its name: RFC 2822 and HTTP (`Sat, 28 Nov 2026 04:32:39 GMT`), RFC 850
///   (`Saturday, 28-Nov-26 04:32:39 GMT`), C's `ctime` and `date` (`Sat Nov 28 04:32:39 KST 2026`),
///   Apache (`28/Nov/2026:04:32:39 +0900`), log4j (`28 Nov 2026 04:32:39,123`), Java
///   (`Nov 28, 2026 4:32:39 AM`), JavaScript (`Sat Nov 28 2026 04:32:39 GMT+0900 (KST)`);
/// - .NET's `/Date(1700000000123)/`.
pub(super) fn parse(text: &str, assume: i64) -> Option<Nanos> {
    let bytes = text.as_bytes();
    // Most inputs here are epochs.
    if text.len() > LONGEST || bytes.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.') && text.len() != 14 {
        return None;
    }
    match bytes {
        [b'/', b'D', b'a', b't', b'e', b'(', number @ .., b')', b'/'] => {
            // The zone after the number is only for display.
            let digits = number.iter().skip(1).position(|byte| b"+-".contains(byte)).map_or(number.len(), |at| at + 1);
            from_epoch(std::str::from_utf8(&number[..digits]).ok()?.parse().ok()?)
        }
        _ => basic(bytes, assume).or_else(|| with_month_name(bytes, assume)),
    }
}

/// `20261128T043239.123Z`, `20261128T0432`; `20261128043239` only if it is a plausible date, because as milliseconds
/// it would be in the far future.
fn basic(bytes: &[u8], assume: i64) -> Option<Nanos> {
    let mut reader = Reader { bytes };
    let mut civil =
        Civil { year: reader.number(4)?, month: reader.number(2)?, day: reader.number(2)?, ..Civil::default() };
    if reader.one_of(b"Tt ").is_none() && !(bytes.len() == 14 && (1990..2100).contains(&civil.year)) {
        return None;
    }
    civil.hour = reader.number(2)?;
    civil.minute = reader.number(2)?;
    if reader.bytes.first().is_some_and(u8::is_ascii_digit) {
        civil.second = reader.number(2)?;
        civil.nanos = reader.fraction();
    }
    civil.instant(zone::read(reader, assume)?)
}

/// The parts of a time with a named month.
#[derive(Default)]
struct Named {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    time: Option<Civil>,
    offset: Option<i64>,
    /// Added to the hours of a 12-hour clock.
    afternoon: Option<i64>,
}

fn with_month_name(bytes: &[u8], assume: i64) -> Option<Nanos> {
    let mut reader = Reader { bytes };
    let mut named = Named::default();
    while let Some(first) = reader.bytes.first().copied() {
        match first {
            b' ' | b',' => reader.bytes = &reader.bytes[1..],
            b'+' | b'-' if named.time.is_some() => named.take_offset(&mut reader)?,
            b'-' | b'/' if named.time.is_none() => reader.bytes = &reader.bytes[1..],
            // A comment ends the text.
            b'(' if named.time.is_some() && bytes.ends_with(b")") => break,
            b'0'..=b'9' => named.take_number(&mut reader)?,
            b'a'..=b'z' | b'A'..=b'Z' => {
                let length = reader.bytes.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
                let (word, rest) = reader.bytes.split_at(length);
                reader.bytes = rest;
                named.take_word(word)?;
            }
            _ => return None,
        }
    }
    named.instant(assume)
}

impl Named {
    /// An offset after a zone name repeats the zone, or is relative to `GMT`.
    fn take_offset(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let offset = reader.offset()?;
        match self.offset {
            None | Some(0) => self.offset = Some(offset),
            Some(known) if known == offset => {}
            Some(_) => return None,
        }
        Some(())
    }

    fn take_number(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let digits = reader.bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        match (digits, reader.bytes.get(digits)) {
            (1 | 2, Some(b':')) if self.time.is_none() => {
                let mut time = Civil { hour: reader.number(digits)?, ..Civil::default() };
                reader.one_of(b":")?;
                time.minute = reader.number(2)?;
                if reader.one_of(b":").is_some() {
                    time.second = reader.number(2)?;
                    time.nanos = reader.fraction();
                }
                self.time = Some(time);
            }
            (4, after) if self.year.is_none() => {
                let is_apache = after == Some(&b':');
                self.year = reader.number(4);
                if is_apache {
                    reader.one_of(b":")?;
                }
            }
            (1 | 2, _) if self.day.is_none() => self.day = reader.number(digits),
            // RFC 850's two-digit year.
            (2, _) if self.year.is_none() && self.time.is_none() && self.month.is_some() => {
                let year = reader.number(2)?;
                self.year = Some(if year < 70 { 2000 + year } else { 1900 + year });
            }
            _ => return None,
        }
        Some(())
    }

    fn take_word(&mut self, word: &[u8]) -> Option<()> {
        const MONTHS: [&str; 12] = [
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ];
        const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        let lower = std::str::from_utf8(word).ok()?.to_ascii_lowercase();
        // Names are complete or abbreviated to three letters; some to four.
        let is = |name: &&str| lower.len() >= 3 && (lower == **name || lower.len() <= 4 && name.starts_with(&lower));
        if let Some(place) = MONTHS.iter().position(&is) {
            return self.month.replace(i64::try_from(place).ok()? + 1).is_none().then_some(());
        }
        if DAYS.iter().any(is) {
            return self.time.is_none().then_some(());
        }
        let afternoon = match &*lower {
            "am" => Some(0),
            "pm" => Some(12),
            _ => None,
        };
        if afternoon.is_some() && self.time.is_some() {
            return self.afternoon.replace(afternoon?).is_none().then_some(());
        }
        let offset = zones::offset_of(&lower).filter(|_| self.time.is_some());
        match (self.offset, offset) {
            (None, Some(offset)) => self.offset = Some(offset),
            // An abbreviation after an offset adds nothing.
            (Some(_), _) if word.len() <= 5 && word.iter().all(u8::is_ascii_uppercase) => {}
            _ => return None,
        }
        Some(())
    }

    fn instant(self, assume: i64) -> Option<Nanos> {
        let mut time = self.time.unwrap_or_default();
        if let Some(afternoon) = self.afternoon {
            if !(1..=12).contains(&time.hour) {
                return None;
            }
            time.hour = time.hour % 12 + afternoon;
        }
        let civil = Civil { year: self.year?, month: self.month?, day: self.day?, ..time };
        civil.instant(self.offset.unwrap_or(assume))
    }
}
