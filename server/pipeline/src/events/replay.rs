//! Events of replays.

use metrics::{Counter, counter, gauge};

/// Metrics of the replays to one sink.
pub(crate) struct ReplayMeters {
    records: Counter,
    refused: Counter,
    failures: Counter,
}

impl ReplayMeters {
    pub(crate) fn register(sink: &str) -> Self {
        Self {
            records: counter!("logboom_replay_records_total", "sink" => sink.to_owned()),
            refused: counter!("logboom_replay_refused_total", "sink" => sink.to_owned()),
            failures: counter!("logboom_replay_failures_total", "sink" => sink.to_owned()),
        }
    }

    pub(crate) fn delivered(&self, records: u64, refused: u64) {
        self.records.increment(records);
        self.refused.increment(refused);
    }

    pub(crate) fn failed(&self) {
        self.failures.increment(1);
    }
}

/// A replay that this process runs, until it is dropped.
pub(crate) struct ReplayRunning(());

impl ReplayRunning {
    pub(crate) fn begin() -> Self {
        gauge!("logboom_replays_running").increment(1.0);
        Self(())
    }
}

impl Drop for ReplayRunning {
    fn drop(&mut self) {
        gauge!("logboom_replays_running").decrement(1.0);
    }
}
