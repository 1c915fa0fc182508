//! Converts calendar dates and clock times to nanoseconds. The calendar is chrono's; its time of day would refuse the
//! leap second 60.

use chrono::NaiveDate;

use super::{Nanos, SECOND};

/// A Gregorian date and time of day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    /// 60 is a leap second. Unix time maps it to the first second of the next minute.
    pub(super) second: i64,
    pub(super) nanos: i64,
}

impl Civil {
    /// Converts local time, `offset` seconds ahead of UTC, to an instant. `None` for an invalid date or time, or one
    /// out of range.
    pub(super) fn instant(self, offset: i64) -> Option<Nanos> {
        let Self { year, month, day, hour, minute, second, nanos } = self;
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let date = NaiveDate::from_ymd_opt(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?)?;
        let days = i64::from(date.to_epoch_days());
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset;
        // 128 bits, because the whole seconds of the earliest instant overflow on their own.
        Nanos::try_from(i128::from(seconds) * i128::from(SECOND) + i128::from(nanos)).ok()
    }
}
