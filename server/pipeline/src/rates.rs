//! The rates of a sender: records per second and bytes per day.
//!
//! They are kept in the memory of this process: with several nodes each has rates of its own, and a restart begins anew.

use std::time::Duration;

use model::{Nanos, Text, Value};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{Error, clock::Clock, normalise::RawRecord, terms::Terms};

const SECOND: f64 = 1e9;
const DAY: Nanos = 86_400_000_000_000;
/// The burst of a rate: what it allows in this many seconds.
const BURST: f64 = 2.0;
/// How long a submission waits for its rate, at doors whose protocol has no retry.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The limits of a sender, and what it has used of them.
#[derive(Debug)]
pub(crate) struct Rates {
    /// Of the sender, for errors.
    name: Text,
    records_per_second: Option<u32>,
    bytes_per_day: Option<u64>,
    spent: Mutex<Spent>,
}

/// What a sender has used of its rates.
#[derive(Debug, Clone, Copy)]
struct Spent {
    /// The records that may pass now; below zero after a submission larger than the burst. Only with a rate.
    left: f64,
    /// When `left` was computed.
    at: Nanos,
    /// The days since the Unix epoch.
    day: i64,
    /// The bytes of that day.
    bytes: u64,
}

/// What a submission takes of the rates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Charge {
    records: usize,
    bytes: u64,
}

/// Why a sender must not send now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The rate is used up until then.
    Rate { reason: String, wait: Duration },
    /// The bytes of the day are used up until then.
    Day { reason: String, wait: Duration },
    /// It never fits.
    Never { reason: String },
}

impl Refused {
    /// When it may be tried again.
    fn wait(&self) -> Duration {
        match self {
            Self::Rate { wait, .. } | Self::Day { wait, .. } => *wait,
            Self::Never { .. } => Duration::MAX,
        }
    }

    /// The reason, which begins with the name of the term.
    pub(crate) fn into_reason(self) -> String {
        match self {
            Self::Rate { reason, .. } | Self::Day { reason, .. } | Self::Never { reason } => reason,
        }
    }

    /// The answer to a submission.
    ///
    /// Not `From`: a second conversion to [`Error`] would make the types of `?` ambiguous elsewhere.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Rate { reason, wait } | Self::Day { reason, wait } => Error::overloaded(reason, wait),
            Self::Never { reason } => Error::invalid(reason),
        }
    }
}

impl Rates {
    /// `None` without a limit.
    pub(crate) fn of(terms: &Terms) -> Option<Self> {
        if terms.records_per_second.is_none() && terms.bytes_per_day.is_none() {
            return None;
        }
        // Far in the past: the burst is whole at first.
        let spent = Spent { left: 0.0, at: Nanos::MIN, day: Nanos::MIN, bytes: 0 };
        Some(Self {
            name: terms.name.clone(),
            records_per_second: terms.records_per_second,
            bytes_per_day: terms.bytes_per_day,
            spent: Mutex::new(spent),
        })
    }

    /// What a submission of these records takes.
    pub(crate) fn charge_of(&self, records: &[RawRecord]) -> Charge {
        let bytes = if self.bytes_per_day.is_some() { records.iter().map(bytes_of).sum() } else { 0 };
        Charge { records: records.len(), bytes }
    }

    /// Takes a charge off the rates; nothing if it is refused.
    pub(crate) fn take(&self, charge: Charge, now: Nanos) -> Result<(), Refused> {
        if charge.records == 0 {
            return Ok(());
        }
        let mut spent = self.spent.lock();
        spent.pass_time(self.records_per_second, now);
        if let Some(rate) = self.records_per_second
            && let Some(wait) = spent.wait(charge.records, rate)
        {
            let reason = format!(
                "records_per_second: {} may send {rate} records per second; send again in {}",
                self.name,
                seconds(wait)
            );
            return Err(Refused::Rate { reason, wait });
        }
        if let Some(most) = self.bytes_per_day {
            if charge.bytes > most {
                let reason = format!(
                    "bytes_per_day: {} bytes at once, and {} may send {most} bytes a day; send them in parts",
                    charge.bytes, self.name
                );
                return Err(Refused::Never { reason });
            }
            if spent.bytes.saturating_add(charge.bytes) > most {
                let wait = Duration::from_nanos((DAY - now.rem_euclid(DAY)).unsigned_abs());
                let reason = format!(
                    "bytes_per_day: {} may send {most} bytes a day, and less than {} are left of today; send again \
                     after midnight UTC, in {}",
                    self.name,
                    charge.bytes,
                    seconds(wait)
                );
                return Err(Refused::Day { reason, wait });
            }
        }
        spent.left -= charge.records as f64;
        spent.bytes = spent.bytes.saturating_add(charge.bytes);
        Ok(())
    }

    /// Gives a charge back: its records were not stored, and the client sends them again.
    pub(crate) fn give_back(&self, charge: Charge) {
        let mut spent = self.spent.lock();
        spent.bytes = spent.bytes.saturating_sub(charge.bytes);
        if self.records_per_second.is_some() {
            // More than a burst is cut when it is next taken from.
            spent.left += charge.records as f64;
        }
    }

    /// As [`Rates::take`], but waits for the rate, at most 30 s or until `closing`. Bytes of a day are not waited for.
    pub(crate) async fn take_or_wait(
        &self,
        charge: Charge,
        clock: &Clock,
        closing: &CancellationToken,
    ) -> Result<(), Refused> {
        let deadline = Instant::now() + LONGEST_WAIT;
        loop {
            let refused = match self.take(charge, clock.now()) {
                Err(refused @ Refused::Rate { .. }) => refused,
                other => return other,
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || closing.is_cancelled() {
                return Err(refused);
            }
            closing.run_until_cancelled(sleep(refused.wait().min(left))).await;
        }
    }
}

impl Spent {
    /// Fills the burst for the time that has passed, and begins a new day. A clock that was set back adds nothing.
    fn pass_time(&mut self, rate: Option<u32>, now: Nanos) {
        if let Some(rate) = rate.map(f64::from) {
            let passed = now.saturating_sub(self.at).max(0) as f64 / SECOND;
            self.left = (self.left + passed * rate).min(rate * BURST);
        }
        self.at = now;
        let day = now.div_euclid(DAY);
        if day != self.day {
            (self.day, self.bytes) = (day, 0);
        }
    }

    /// How long the records have to wait, if they have to.
    fn wait(&self, records: usize, rate: u32) -> Option<Duration> {
        let rate = f64::from(rate);
        let missing = (records as f64).min(rate * BURST) - self.left;
        (missing > 0.0).then(|| Duration::try_from_secs_f64(missing / rate).unwrap_or(Duration::MAX))
    }
}

/// The bytes of a record's texts and attributes.
fn bytes_of(record: &RawRecord) -> u64 {
    let value = |value: &Value| match value {
        Value::Text(text) => text.len(),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => 8,
    };
    let attributes: usize = record.attributes.iter().map(|(key, of)| key.len() + value(of)).sum();
    let texts = record.message.len() + record.service.len() + record.node.len() + record.level.len();
    (texts + attributes) as u64
}

/// Whole seconds, rounded up.
fn seconds(wait: Duration) -> String {
    format!("{} s", wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorClass;

    const NOW: Nanos = 1_790_000_000_000_000_000;
    const MS: Nanos = 1_000_000;

    fn terms() -> Terms {
        Terms { name: "key lb_ab12cd34 (shop)".into(), ..Terms::default() }
    }

    fn rates(terms: Terms) -> Rates {
        Rates::of(&terms).unwrap()
    }

    fn records(count: usize) -> Charge {
        Charge { records: count, bytes: 0 }
    }

    fn wait(refused: Result<(), Refused>) -> Option<Duration> {
        match refused.err()? {
            Refused::Rate { wait, .. } | Refused::Day { wait, .. } => Some(wait),
            Refused::Never { reason } => panic!("{reason}"),
        }
    }

    #[test]
    fn a_rate_has_a_burst_of_two_seconds_and_fills_with_time() {
        let rates = rates(Terms { records_per_second: Some(10), ..terms() });
        for _ in 0..20 {
            rates.take(records(1), NOW).unwrap();
        }
        assert_eq!(wait(rates.take(records(1), NOW)), Some(Duration::from_millis(100)));
        assert_eq!(wait(rates.take(records(5), NOW)), Some(Duration::from_millis(500)));
        rates.take(records(1), NOW + 100 * MS).unwrap();
        // A clock that was set back gives and takes nothing.
        assert!(rates.take(records(1), NOW).is_err());
        rates.take(records(20), NOW + 60_000 * MS).unwrap();
        assert!(rates.take(records(1), NOW + 60_000 * MS).is_err());
    }

    #[test]
    fn a_submission_larger_than_the_burst_passes_once_and_the_next_ones_wait_for_it() {
        let rates = rates(Terms { records_per_second: Some(10), ..terms() });
        rates.take(records(100), NOW).unwrap();
        // 80 too many are made up for in 8 s, and one more takes 100 ms.
        assert_eq!(wait(rates.take(records(1), NOW)), Some(Duration::from_millis(8_100)));
        assert_eq!(wait(rates.take(records(100), NOW)), Some(Duration::from_secs(10)));
        rates.give_back(records(100));
        rates.take(records(20), NOW).unwrap();
        assert!(rates.take(records(1), NOW).is_err());
    }

    #[test]
    fn the_bytes_of_a_day_end_at_midnight_utc() {
        let rates = rates(Terms { bytes_per_day: Some(100), ..terms() });
        let bytes = |bytes| Charge { records: 1, bytes };
        let midnight = (NOW / DAY + 1) * DAY;
        rates.take(bytes(60), midnight - 5_500 * MS).unwrap();
        let refused = rates.take(bytes(41), midnight - 5_500 * MS).unwrap_err();
        let error = refused.clone().into_error();
        assert_eq!((error.class, error.retry_after), (ErrorClass::Overloaded, Some(Duration::from_millis(5_500))));
        let parts = ["bytes_per_day: key lb_ab12cd34 (shop) may send 100 bytes a day", "midnight UTC", "in 6 s"];
        assert!(parts.iter().all(|part| error.message.contains(part)), "{error}");
        assert_eq!(refused.into_reason(), error.message);
        // A refused one takes nothing.
        rates.take(bytes(40), midnight - 1).unwrap();
        assert!(rates.take(bytes(1), midnight - 1).is_err());
        rates.take(bytes(100), midnight).unwrap();
        assert!(rates.take(bytes(1), midnight).is_err());
        rates.give_back(bytes(100));
        rates.take(bytes(100), midnight).unwrap();
        let never = rates.take(bytes(101), midnight + DAY).unwrap_err().into_error();
        assert_eq!(never.class, ErrorClass::Invalid);
        assert!(never.message.contains("send them in parts"), "{never}");
    }

    #[test]
    fn both_terms_are_taken_or_neither() {
        let rates = rates(Terms { records_per_second: Some(1), bytes_per_day: Some(10), ..terms() });
        assert!(rates.take(Charge { records: 2, bytes: 11 }, NOW).is_err());
        rates.take(Charge { records: 2, bytes: 5 }, NOW).unwrap();
        assert!(rates.take(Charge { records: 1, bytes: 5 }, NOW).is_err());
        rates.take(Charge { records: 1, bytes: 5 }, NOW + 1_000 * MS).unwrap();
    }

    #[test]
    fn bytes_are_those_of_texts_and_attributes() {
        let rates = rates(Terms { bytes_per_day: Some(1), ..terms() });
        let record = RawRecord {
            message: "12345".into(),
            service: "123".into(),
            attributes: vec![("ab".into(), Value::Text("cd".into())), ("n".into(), Value::Int(7))],
            ..RawRecord::default()
        };
        assert_eq!(rates.charge_of(&[record.clone(), record]), Charge { records: 2, bytes: 42 });
        assert!(Rates::of(&terms()).is_none());
    }

    /// A clock that follows the paused time.
    fn paused_clock() -> Clock {
        let start = Instant::now();
        Clock::from_fn(move || NOW + Nanos::try_from(start.elapsed().as_nanos()).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_waited_for_and_not_longer_than_half_a_minute() {
        let (clock, closing) = (paused_clock(), CancellationToken::new());
        let rates = rates(Terms { records_per_second: Some(10), ..terms() });
        rates.take(records(220), clock.now()).unwrap();
        let before = Instant::now();
        rates.take_or_wait(records(1), &clock, &closing).await.unwrap();
        assert_eq!(before.elapsed().as_millis().div_ceil(10), 2_010);
        rates.take(records(1_000), clock.now() + 20_000 * MS).unwrap();
        let before = Instant::now();
        let refused = rates.take_or_wait(records(1), &clock, &closing).await.unwrap_err();
        assert!(refused.into_reason().starts_with("records_per_second: key lb_ab12cd34 (shop) may send 10"));
        assert_eq!(before.elapsed(), LONGEST_WAIT);
        closing.cancel();
        assert!(rates.take_or_wait(records(1), &clock, &closing).await.is_err());
        assert_eq!(before.elapsed(), LONGEST_WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn the_bytes_of_a_day_are_not_waited_for() {
        let (clock, closing) = (paused_clock(), CancellationToken::new());
        let rates = rates(Terms { bytes_per_day: Some(100), ..terms() });
        let (first, second) = (Charge { records: 1, bytes: 90 }, Charge { records: 1, bytes: 20 });
        rates.take_or_wait(first, &clock, &closing).await.unwrap();
        let before = Instant::now();
        assert!(matches!(rates.take_or_wait(second, &clock, &closing).await, Err(Refused::Day { .. })));
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
}
