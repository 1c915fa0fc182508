//! When it happened, or, where that cannot be believed, when it was received.

use model::{
    Nanos, limits,
    time::{EARLIEST, format_rfc3339, from_epoch, parse_timestamp},
};

use super::{Normaliser, RawTime};

/// The time to store, and what the client sent where that is something else.
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

/// Neither before logs were, nor older than the retention, nor far ahead of the server's clock.
/// A device without a clock begins in 1970, and so does a number in another unit: nobody looks
/// for it there.
fn is_credible(rules: &Normaliser, time: Nanos, observed_time: Nanos) -> bool {
    let nanos = |duration: std::time::Duration| Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX);
    let newest = observed_time.saturating_add(nanos(limits::FUTURE));
    let oldest = rules.oldest.map_or(EARLIEST, |oldest| observed_time.saturating_sub(nanos(oldest)).max(EARLIEST));
    (oldest..=newest).contains(&time)
}
