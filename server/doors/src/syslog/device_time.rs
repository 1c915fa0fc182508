//! Timestamps of RFC 3164 and its variants on devices.
//!
//! `Nov 28 00:20:10` with a day of one or two digits, a fraction after `.` or `,`, a year before or after the clock
//! time or at the start, a leading weekday, a trailing zone; and ISO 8601.

use chrono::{DateTime, Datelike as _, FixedOffset, NaiveDate, TimeDelta};
use model::{Nanos, time::parse_timestamp};

use super::{tag, zone};

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const SECOND: Nanos = 1_000_000_000;
/// The limit of how far a date without a year may be ahead of the server's clock.
const AHEAD: TimeDelta = TimeDelta::days(1);
/// The maximum number of years between two leap years, as around 1900 and 2100.
const LEAP_YEARS: i32 = 8;

/// A timestamp at the start of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp<'a> {
    pub(super) time: Nanos,
    /// Whether a colon ends it, as on Cisco devices. No host follows then.
    pub(super) is_ended: bool,
    /// The rest, without leading blanks.
    pub(super) rest: &'a str,
}

/// Context that the message does not contain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context {
    /// The server's time, in the zone assumed for times without one.
    pub(super) now: DateTime<FixedOffset>,
    /// Whether the message is known to be in Cisco's form. There, any word in capitals between the time and its colon
    /// is a zone.
    pub(super) is_cisco: bool,
}

/// Parses a timestamp at the start of a text; `None` if there is none or it is invalid.
pub(super) fn read(text: &str, context: Context) -> Option<Stamp<'_>> {
    if let [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'-' | b'/', ..] = text.as_bytes() {
        return iso(text, context);
    }
    let mut civil = Civil::default();
    let mut rest = text;
    let (first, behind) = word(rest);
    if position(&WEEKDAYS, first.trim_end_matches(',')).is_some() {
        rest = behind;
    }
    let (first, behind) = word(rest);
    if let Some(year) = year(first) {
        civil.year = Some(year);
        rest = behind;
    }
    (civil.month, civil.day, rest) = date(rest)?;
    let (second, behind) = word(rest);
    if let Some(year) = year(second).filter(|_| civil.year.is_none()) {
        civil.year = Some(year);
        rest = behind;
    }
    let (clock, behind) = Clock::read(rest)?;
    civil.clock = clock;
    let (offset, is_ended, rest) = zone_and_year(behind, &mut civil.year, context)?;
    Some(Stamp { time: civil.instant(offset, context.now)?, is_ended, rest })
}

/// `2026-11-28T00:20:10.5Z`, or separated by blanks.
fn iso(text: &str, context: Context) -> Option<Stamp<'_>> {
    let (first, behind) = word(text);
    let is_date = first.len() == "2026-01-02".len();
    let time_end = if is_date { text.len() - behind.len() + word(behind).0.len() } else { first.len() };
    let (mut time, mut rest) = text.split_at(time_end);
    let mut is_ended = false;
    if let Some(ended) = time.strip_suffix(':') {
        (time, is_ended) = (ended, true);
    }
    let clock = time.get("2026-01-02T".len()..)?;
    let has_zone = clock.contains(['+', '-']) || clock.ends_with(|letter: char| letter.is_ascii_alphabetic());
    let mut offset = context.now.timezone().local_minus_utc();
    if has_zone || is_ended {
        rest = rest.trim_start_matches(' ');
    } else {
        (offset, is_ended, rest) = zone_and_year(rest, &mut Some(0), context)?;
    }
    if clock.as_bytes().get(2) != Some(&b':') {
        return None;
    }
    let time = parse_timestamp(time, FixedOffset::east_opt(offset)?)?;
    Some(Stamp { time, is_ended, rest })
}

/// Parses the optional zone, year and colon after the clock time, and the blanks after them. The result starts with
/// the zone's offset in seconds. `None` if other text is attached.
fn zone_and_year<'a>(mut text: &'a str, year_read: &mut Option<i32>, context: Context) -> Option<(i32, bool, &'a str)> {
    let mut offset = None;
    if text.starts_with(['+', '-', 'Z']) {
        let end = text.find(' ').unwrap_or(text.len());
        let (attached, rest) = text.split_at(end);
        let (attached, colon) = attached.strip_suffix(':').map_or((attached, ""), |zone| (zone, ":"));
        offset = Some(zone::explicit_offset(attached)?);
        text = if colon.is_empty() { rest } else { &text[end - 1..] };
    }
    let mut is_ended = false;
    loop {
        if let Some(rest) = text.strip_prefix(':').filter(|rest| rest.is_empty() || rest.starts_with(' ')) {
            (text, is_ended) = (rest, true);
        }
        if !(text.is_empty() || text.starts_with(' ')) {
            return None;
        }
        text = text.trim_start_matches(' ');
        let (whole, rest) = word(text);
        let plain = whole.strip_suffix(':').unwrap_or(whole);
        if is_ended {
            break;
        }
        if year_read.is_none()
            && let Some(year) = year(plain)
        {
            *year_read = Some(year);
        } else if offset.is_none()
            && let Some(zone) = zone(whole, rest, year_read.is_none(), context)
        {
            offset = Some(zone);
        } else {
            break;
        }
        text = &text[plain.len()..];
    }
    Some((offset.unwrap_or_else(|| context.now.timezone().local_minus_utc()), is_ended, text))
}

/// The zone that a word after a time names. A zone name may also be a host name: it is a zone if a colon, a year, or
/// a host and a tag follow.
fn zone(whole: &str, rest: &str, may_have_year: bool, context: Context) -> Option<i32> {
    let (name, is_ended) = whole.strip_suffix(':').map_or((whole, false), |name| (name, true));
    if let Some(offset) = zone::explicit_offset(name) {
        return Some(offset);
    }
    if let Some(offset) = zone::offset_of_abbreviation(name) {
        let has_year = || may_have_year && year(word(rest).0.trim_end_matches(':')).is_some();
        let has_host = || {
            let (host, behind) = word(rest);
            tag::is_host(host) && tag::read(behind).is_some()
        };
        return (is_ended || has_year() || has_host()).then_some(offset);
    }
    let is_unknown_name = (2..=5).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_uppercase());
    (context.is_cisco && is_ended && is_unknown_name).then(|| context.now.timezone().local_minus_utc())
}

/// Parses a date without a year: `Nov 28`, `Nov  8`, `28 Nov`.
fn date(text: &str) -> Option<(u32, u32, &str)> {
    let (first, rest) = word(text);
    let (second, behind) = word(rest);
    let day = |word: &str| {
        let word = word.trim_end_matches(',');
        word.parse().ok().filter(|_| word.len() <= 2 && word.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let month = |word: &str| position(&MONTHS, word);
    let (month, day) = month(first).zip(day(second)).or_else(|| month(second).zip(day(first)))?;
    Some((month as u32 + 1, day, behind))
}

fn year(word: &str) -> Option<i32> {
    let is_year = word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit());
    word.parse().ok().filter(|year| is_year && (1970..=2200).contains(year))
}

fn position(names: &[&str], word: &str) -> Option<usize> {
    names.iter().position(|name| word.eq_ignore_ascii_case(name))
}

/// Splits at the first blank; the rest has no leading blanks.
fn word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    (word, rest.trim_start_matches(' '))
}

#[derive(Debug, Clone, Copy, Default)]
struct Clock {
    hour: u32,
    minute: u32,
    second: u32,
    nanos: i64,
}

impl Clock {
    /// Parses `00:20:10` with an optional fraction.
    fn read(text: &str) -> Option<(Self, &str)> {
        let (hour, rest) = number(text, 1..=2)?;
        let (minute, rest) = number(rest.strip_prefix(':')?, 2..=2)?;
        let (second, mut rest) = number(rest.strip_prefix(':')?, 2..=2)?;
        let mut nanos = 0;
        if let Some(fraction) = rest.strip_prefix(['.', ',']) {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            let (digits, behind) = fraction.split_at(digits);
            if !digits.is_empty() {
                nanos = format!("{digits:0<9.9}").parse().ok()?;
                rest = behind;
            }
        }
        Some((Self { hour, minute, second, nanos }, rest))
    }
}

fn number(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<(u32, &str)> {
    let count = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(count);
    Some((number.parse().ok().filter(|_| digits.contains(&count))?, rest))
}

/// Local date and time of a device; the year is optional.
#[derive(Debug, Clone, Copy, Default)]
struct Civil {
    year: Option<i32>,
    month: u32,
    day: u32,
    clock: Clock,
}

impl Civil {
    /// The instant, for a clock `offset` seconds ahead of UTC. Without a year it is the latest one up to a day ahead
    /// of the server, so 29 February falls in a leap year.
    fn instant(self, offset: i32, now: DateTime<FixedOffset>) -> Option<Nanos> {
        if let Some(year) = self.year {
            return self.in_year(year, offset);
        }
        let newest = (now + AHEAD).timestamp_nanos_opt()?;
        let years = (now.year() - LEAP_YEARS..=now.year() + 1).rev();
        years.filter_map(|year| self.in_year(year, offset)).find(|time| *time <= newest)
    }

    fn in_year(self, year: i32, offset: i32) -> Option<Nanos> {
        let Clock { hour, minute, second, nanos } = self.clock;
        // A leap second becomes the first second of the next minute, as in Unix time.
        let leap = i64::from(second == 60);
        let date = NaiveDate::from_ymd_opt(year, self.month, self.day)?;
        let seconds = date.and_hms_opt(hour, minute, if leap == 1 { 59 } else { second })?.and_utc().timestamp();
        (seconds + leap - i64::from(offset)).checked_mul(SECOND)?.checked_add(nanos)
    }
}
