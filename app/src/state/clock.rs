//! Formats times for display.
//!
//! The server does not know the user's time zone and renders UTC. The browser shows local time after hydration. Both
//! have the same width.

/// A time split for display with different emphasis.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Clock {
    /// `11-21`
    pub(crate) day: String,
    /// `02:42:13`
    pub(crate) time: String,
    /// `.123`
    pub(crate) fraction: String,
}

/// Splits an RFC 3339 text; with `local`, in the browser's zone.
pub(crate) fn clock(rfc3339: &str, local: bool) -> Clock {
    let fraction = format!(".{:.3}", fraction(rfc3339));
    if let (true, Some(millis)) = (local, epoch_millis(rfc3339)) {
        let date = js_sys::Date::new(&(millis as f64).into());
        return Clock {
            day: format!("{:02}-{:02}", date.get_month() + 1, date.get_date()),
            time: format!("{:02}:{:02}:{:02}", date.get_hours(), date.get_minutes(), date.get_seconds()),
            fraction,
        };
    }
    let part = |from, to| rfc3339.get(from..to).unwrap_or_default().to_owned();
    Clock { day: part(5, 10), time: part(11, 19), fraction }
}

/// `2026-11-21 02:42:13.123` in the browser's zone, or in UTC.
pub(crate) fn full(rfc3339: &str, local: bool) -> String {
    let year = match epoch_millis(rfc3339) {
        Some(millis) if local => js_sys::Date::new(&(millis as f64).into()).get_full_year().to_string(),
        _ => rfc3339.get(..4).unwrap_or_default().to_owned(),
    };
    let Clock { day, time, fraction } = clock(rfc3339, local);
    format!("{year}-{day} {time}{fraction}")
}

/// The fractional digits, at least three.
fn fraction(rfc3339: &str) -> String {
    let digits: String = rfc3339.get(20..).unwrap_or_default().chars().take_while(char::is_ascii_digit).collect();
    format!("{digits:0<3}")
}

/// Milliseconds since the Unix epoch of an RFC 3339 text in UTC, as written by the API.
pub(crate) fn epoch_millis(rfc3339: &str) -> Option<i64> {
    let number = |from, to| rfc3339.get(from..to).and_then(|digits: &str| digits.parse::<i64>().ok());
    let days = days_from_civil(number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let seconds = number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
    let millis: i64 = fraction(rfc3339).get(..3)?.parse().ok()?;
    Some((days * 86_400 + seconds) * 1000 + millis)
}

/// Days since the Unix epoch; <https://howardhinnant.github.io/date_algorithms.html>.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn rfc3339(millis: i64) -> String {
    let full = model::time::format_rfc3339(millis.saturating_mul(1_000_000));
    full.get(..23).map(|text| format!("{text}Z")).unwrap_or(full)
}

/// The instant one nanosecond later, so that a half-open range includes `rfc3339`.
pub(crate) fn just_after(rfc3339: &str) -> String {
    match rfc3339.get(20..29).and_then(|digits| digits.parse::<u32>().ok()) {
        Some(nanos) if nanos < 999_999_999 => {
            format!("{}{:09}Z", rfc3339.get(..20).unwrap_or_default(), nanos + 1)
        }
        _ => rfc3339.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_cut_for_reading() {
        let Clock { day, time, fraction } = clock("2026-11-21T02:42:13.123456789Z", false);
        assert_eq!((day.as_str(), time.as_str(), fraction.as_str()), ("11-21", "02:42:13", ".123"));
        assert_eq!(full("2026-11-21T02:42:13Z", false), "2026-11-21 02:42:13.000");
    }

    #[test]
    fn milliseconds_go_to_text_and_back() {
        for (text, millis) in [
            ("1970-01-01T00:00:00.000Z", 0),
            ("1969-12-31T23:59:59.999Z", -1),
            ("2000-02-29T12:00:00.000Z", 951_825_600_000),
            ("2026-11-21T02:42:13.123Z", 1_795_228_933_123),
        ] {
            assert_eq!(epoch_millis(text), Some(millis), "{text}");
            assert_eq!(rfc3339(millis), text);
        }
        assert_eq!(epoch_millis("soon"), None);
    }

    #[test]
    fn the_next_nanosecond_is_later_text() {
        assert_eq!(just_after("2026-11-21T02:42:13.123456789Z"), "2026-11-21T02:42:13.123456790Z");
        assert_eq!(just_after("2026-11-21T02:42:13.999999999Z"), "2026-11-21T02:42:13.999999999Z");
    }
}
