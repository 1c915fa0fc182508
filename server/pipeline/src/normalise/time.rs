//! When it happened, or, where that cannot be believed, when it was received.

use model::{
    Nanos, limits,
    time::{format_rfc3339, parse_timestamp},
};

use super::{Normaliser, RawTime};

/// The time to store, and what the client sent where that is something else.
pub(super) fn normalise(rules: &Normaliser, time: RawTime, observed_time: Nanos) -> (Nanos, Option<String>) {
    match time {
        RawTime::Missing => (observed_time, None),
        RawTime::Nanos(time) if is_credible(rules, time, observed_time) => (time, None),
        RawTime::Nanos(time) => (observed_time, Some(format_rfc3339(time))),
        RawTime::Text(text) => {
            let text = text.trim();
            match parse_timestamp(text, rules.assume_timezone) {
                Some(time) if is_credible(rules, time, observed_time) => (time, None),
                _ if text.is_empty() => (observed_time, None),
                _ => (observed_time, Some(text.to_owned())),
            }
        }
    }
}

/// Neither older than the retention nor far ahead of the server's clock.
fn is_credible(rules: &Normaliser, time: Nanos, observed_time: Nanos) -> bool {
    let nanos = |duration: std::time::Duration| Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX);
    let newest = observed_time.saturating_add(nanos(limits::FUTURE));
    let oldest = rules.oldest.map_or(Nanos::MIN, |oldest| observed_time.saturating_sub(nanos(oldest)));
    (oldest..=newest).contains(&time)
}
