//! Times of RFC 3339 in UTC. Strict, so that a time that is read prints as the same text: `2026-01-02T03:04:05.006Z`.

use std::fmt;

use super::digits;

/// All times of these years are nanoseconds of 64 bits.
const YEARS: std::ops::RangeInclusive<i64> = 1678..=2261;
/// The maximum number of digits after the second.
pub(super) const MOST_DIGITS: u8 = 9;
const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400;
/// The length of a time without a fraction.
const LENGTH: usize = 20;

/// Nanoseconds since the epoch; `None` if the text is no time with so many digits after the second.
pub(super) fn to_nanos(text: &[u8], digits: u8) -> Option<i64> {
    let fraction = if digits == 0 { 0 } else { usize::from(digits) + 1 };
    if text.len() != LENGTH + fraction {
        return None;
    }
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (LENGTH - 1 + fraction, b'Z')];
    if marks.iter().any(|(place, mark)| text[*place] != *mark) {
        return None;
    }
    let number = |from: usize, to: usize| digits::all(&text[from..to]);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let is_date = YEARS.contains(&year) && (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    if !is_date || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let nanos = match digits {
        0 => 0,
        _ if text[LENGTH - 1] != b'.' => return None,
        1..=MOST_DIGITS => number(LENGTH, LENGTH + usize::from(digits))? * 10_i64.pow(u32::from(MOST_DIGITS - digits)),
        _ => return None,
    };
    let seconds = days_from(year, month, day) * DAY + hour * 3_600 + minute * 60 + second;
    seconds.checked_mul(SECOND)?.checked_add(nanos)
}

pub(super) fn print(time: i64, digits: u8, out: &mut impl fmt::Write) -> fmt::Result {
    let (seconds, nanos) = (time.div_euclid(SECOND), time.rem_euclid(SECOND));
    let (year, month, day) = date_of(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
    if (1..=MOST_DIGITS).contains(&digits) {
        let fraction = nanos / 10_i64.pow(u32::from(MOST_DIGITS - digits));
        write!(out, ".{fraction:0width$}", width = usize::from(digits))?;
    }
    out.write_char('Z')
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// The days of 400 years, and those from 1 March of the year 0 to the epoch.
const ERA: i64 = 146_097;
const TO_EPOCH: i64 = 719_468;

/// Days since the epoch of a date in the Gregorian calendar. A year begins in March here, so that a leap day is its last.
fn days_from(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - TO_EPOCH
}

/// The reverse of [`days_from`].
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + TO_EPOCH;
    let (era, of_era) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year;
    (if month <= 2 { year + 1 } else { year }, month, day)
}
