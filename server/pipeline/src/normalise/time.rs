//! The time of the event; replaced by the time of receipt if it is implausible.

use model::{
    Nanos, limits,
    time::{EARLIEST, format_rfc3339, from_epoch, parse_timestamp},
};

use super::{Normaliser, RawTime};

/// The time to store, and the original if it differs.
pub(super) fn normalise(rules: &Normaliser, time: RawTime, observed_time: Nanos) -> (Nanos, Option<String>) {
    let credible = |time: &Nanos| is_credible(rules, *time, observed_time);
    match time {
        RawTime::Missing => (observed_time, None),
        RawTime::Nanos(time) if credible(&time) => (time, None),
        RawTime::Nanos(time) => (observed_time, Some(format_rfc3339(time))),
        RawTime::Number(number) => match from_epoch(number).filter(credible) {
            Some(time) => (time, None),
            None => (observed_time, Some(number.to_string())),
        },
        RawTime::Text(text) => {
            let text = text.trim();
            match parse_timestamp(text, rules.assume_timezone).filter(credible) {
                Some(time) => (time, None),
                None if text.is_empty() => (observed_time, None),
                None => (observed_time, Some(text.to_owned())),
            }
        }
    }
}

/// Whether the time is plausible: not before logs existed, not beyond the retention, and not far ahead of the server's
/// clock. A device without a clock starts in 1970, and numbers in a wrong unit land there too.
fn is_credible(rules: &Normaliser, time: Nanos, observed_time: Nanos) -> bool {
    let nanos = |duration: std::time::Duration| Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX);
    let newest = observed_time.saturating_add(nanos(limits::FUTURE));
    let oldest = rules.oldest.map_or(EARLIEST, |oldest| observed_time.saturating_sub(nanos(oldest)).max(EARLIEST));
    (oldest..=newest).contains(&time)
}
