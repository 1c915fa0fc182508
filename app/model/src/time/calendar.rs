//! Dates and clock times to nanoseconds, without the detour over a library's types:
//! a timestamp is read for every record that comes in.

use super::{Nanos, SECOND};

const MONTHS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// A date of the Gregorian calendar and the time of day, as a clock shows them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    /// 60 is a leap second, which Unix time shows as the first one of the next minute.
    pub(super) second: i64,
    pub(super) nanos: i64,
}

impl Civil {
    /// The instant at which a clock that is `offset` seconds ahead of UTC shows this;
    /// `None` for what no clock shows, or what nanoseconds cannot hold.
    pub(super) fn instant(self, offset: i64) -> Option<Nanos> {
        let Self { year, month, day, hour, minute, second, nanos } = self;
        let month_index = usize::try_from(month - 1).ok()?;
        let leap_day = i64::from(month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
        let days = MONTHS.get(month_index)? + leap_day;
        if !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let seconds = days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
        // Wide, because the earliest instant is a negative count of seconds that does
        // not fit by itself.
        Nanos::try_from(i128::from(seconds) * i128::from(SECOND) + i128::from(nanos)).ok()
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar; the year is not negative.
/// Source: <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is their last; 400 more keep year 0,
    // whose January then lies in the year before, from being negative.
    let year = year + 400 - i64::from(month <= 2);
    let era = year / 400;
    let year_of_era = year % 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era - 1) * 146_097 + day_of_era - 719_468
}
