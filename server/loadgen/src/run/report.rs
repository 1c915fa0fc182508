//! The report of a run.

use std::collections::BTreeMap;

use serde::Serialize;

use super::tally::Tally;

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub run: String,
    pub door: String,
    pub corpus: String,
    pub connections: u32,
    /// The offered rate in records per second; absent if sent as fast as acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offered_per_second: Option<f64>,
    pub sent: u64,
    pub acknowledged: u64,
    /// Records that were refused or given up.
    pub errors: u64,
    /// The number of resent parcels.
    pub retries: u64,
    /// From the start to the last acknowledgement.
    pub seconds: f64,
    pub records_per_second: f64,
    /// The best of the whole seconds.
    pub peak_records_per_second: u64,
    /// Until the acknowledgement; with a rate, from when the parcel was due.
    pub latency_ms: Percentiles,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<Stored>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<Live>,
    /// Why parcels failed or were sent again, and how often.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<String, u64>,
}

/// What a search found after the run.
#[derive(Debug, Serialize)]
pub(crate) struct Stored {
    pub count: u64,
    /// From the last acknowledgement until the count was complete, or the wait ended.
    pub seconds: f64,
    pub complete: bool,
}

/// What the live tail showed.
#[derive(Debug, Serialize)]
pub(crate) struct Live {
    pub expected: u64,
    pub shown: u64,
    /// Acknowledged, but not shown.
    pub missed: u64,
    pub doubled: u64,
    /// Shown at a position that was not above the previous one.
    pub disordered: u64,
    /// Skipped by the server, and reported.
    pub skipped: u64,
    pub reconnects: u64,
    /// From the acknowledgement to the arrival; 0 if the arrival came first.
    pub lag_ms: Percentiles,
}

#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

impl Percentiles {
    /// Computes percentiles of microseconds, in milliseconds.
    pub(crate) fn of(mut micros: Vec<u64>) -> Self {
        micros.sort_unstable();
        let at = |share: f64| {
            let rank = (share * micros.len() as f64).ceil() as usize;
            micros.get(rank.saturating_sub(1)).map_or(0.0, |&value| value as f64 / 1000.0)
        };
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1.0) }
    }
}

/// The maximum number of records acknowledged within one second of the run.
pub(crate) fn peak(tally: &Tally) -> u64 {
    let mut seconds = BTreeMap::<u64, u64>::new();
    for parcel in &tally.acknowledgements {
        *seconds.entry(parcel.at / 1_000_000).or_default() += parcel.count;
    }
    seconds.into_values().max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let all = Percentiles::of((1..=100).map(|ms| ms * 1000).collect());
        assert_eq!(all, Percentiles { p50: 50.0, p90: 90.0, p99: 99.0, max: 100.0 });
        assert_eq!(Percentiles::of(vec![7_000]), Percentiles { p50: 7.0, p90: 7.0, p99: 7.0, max: 7.0 });
        assert_eq!(Percentiles::of(vec![]), Percentiles::default());
    }
}
