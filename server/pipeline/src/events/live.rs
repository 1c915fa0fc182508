//! Events of the live stage.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use super::class;
use crate::Error;

/// Metrics of live tails: their number, their lag, and skipped records.
pub(crate) struct LiveMeters {
    subscriptions: Gauge,
    lag: Histogram,
    skipped: Counter,
}

impl LiveMeters {
    pub(crate) fn register() -> Self {
        Self {
            subscriptions: gauge!("logboom_live_subscriptions"),
            lag: histogram!("logboom_live_lag_seconds"),
            skipped: counter!("logboom_live_skipped_total"),
        }
    }

    pub(crate) fn subscribed(&self) {
        self.subscriptions.increment(1.0);
    }

    pub(crate) fn unsubscribed(&self) {
        self.subscriptions.decrement(1.0);
    }

    /// A block became visible; `lag` is the time since its receipt.
    pub(crate) fn visible(&self, lag: Duration) {
        self.lag.record(lag.as_secs_f64());
    }

    /// Records were skipped in a tail, and its subscriber is notified.
    pub(crate) fn skipped(&self, records: u64) {
        tracing::debug!(records, "a live tail is read too slowly, records were skipped");
        self.skipped.increment(records);
    }
}

/// Following the store, or reading it for a tail that catches up, failed.
pub(crate) struct FollowFailed<'a> {
    pub(crate) error: &'a Error,
    pub(crate) wait: Duration,
}

impl FollowFailed<'_> {
    pub(crate) fn emit(self) {
        tracing::warn!(error = %self.error, wait = ?self.wait, "reading the store for live tails failed, retrying");
        counter!("logboom_follow_failures_total", "class" => class(self.error.class)).increment(1);
    }
}
