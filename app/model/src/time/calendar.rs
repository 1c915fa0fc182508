//! Dates and clock times to nanoseconds. The calendar is chrono's; its times of day would refuse
//! the second 60.

use chrono::NaiveDate;

use super::{Nanos, SECOND};

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
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let date = NaiveDate::from_ymd_opt(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?)?;
        let days = i64::from(date.to_epoch_days());
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset;
        // Wide, because the earliest instant is a negative count of seconds that does
        // not fit by itself.
        Nanos::try_from(i128::from(seconds) * i128::from(SECOND) + i128::from(nanos)).ok()
    }
}
