//! Events of the admit and enqueue stages.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use super::class;
use crate::{BatchId, Error};

/// Counters of accepted and rejected records.
pub(crate) struct IngestCounters {
    accepted: Counter,
    rejected: Counter,
    returned: Counter,
}

impl IngestCounters {
    pub(crate) fn register() -> Self {
        Self {
            accepted: counter!("logboom_records_accepted_total"),
            rejected: counter!("logboom_records_rejected_total"),
            returned: counter!("logboom_records_returned_total"),
        }
    }

    /// Records became durable.
    pub(crate) fn accepted(&self, records: usize) {
        self.accepted.increment(records as u64);
    }

    /// Records that this store sent on came back.
    pub(crate) fn returned(&self, records: usize) {
        if records > 0 {
            self.returned.increment(records as u64);
        }
    }

    /// Records were rejected; the response lists the reasons.
    pub(crate) fn rejected(&self, records: usize) {
        if records > 0 {
            tracing::debug!(records, "records were rejected");
            self.rejected.increment(records as u64);
        }
    }
}

/// Gauges of the records admitted and not yet durable.
pub(crate) struct InFlightGauges {
    bytes: Gauge,
    records: Gauge,
}

impl InFlightGauges {
    pub(crate) fn register() -> Self {
        Self { bytes: gauge!("logboom_in_flight_bytes"), records: gauge!("logboom_in_flight_records") }
    }

    pub(crate) fn set(&self, bytes: usize, records: usize) {
        self.bytes.set(bytes as f64);
        self.records.set(records as f64);
    }
}

/// A submission was answered with an error.
pub(crate) struct SubmissionRefused<'a> {
    pub(crate) error: &'a Error,
}

impl SubmissionRefused<'_> {
    pub(crate) fn emit(self) {
        // Clients can cause this at any rate, so it is not logged at a higher level.
        tracing::debug!(error = %self.error, class = class(self.error.class), "a submission was refused");
        counter!("logboom_submissions_refused_total", "class" => class(self.error.class)).increment(1);
    }
}

/// Metrics of publishing to the queue, and whether it currently works.
pub(crate) struct PublishMeters {
    batches: Counter,
    seconds: Histogram,
    records: Histogram,
    /// Only changes are logged: an unavailable queue fails every batch of every client.
    failing: AtomicBool,
}

impl PublishMeters {
    pub(crate) fn register() -> Self {
        Self {
            batches: counter!("logboom_batches_published_total"),
            seconds: histogram!("logboom_publish_seconds"),
            records: histogram!("logboom_batch_records"),
            failing: AtomicBool::new(false),
        }
    }

    /// The queue has made a batch durable.
    pub(crate) fn published(&self, records: usize, took: Duration) {
        if self.failing.load(Ordering::Relaxed) && self.failing.swap(false, Ordering::Relaxed) {
            tracing::info!("publishing to the queue works again");
        }
        self.batches.increment(1);
        self.seconds.record(took.as_secs_f64());
        self.records.record(records as f64);
    }

    /// The queue did not confirm a batch; its clients receive the error.
    pub(crate) fn failed(&self, id: BatchId, records: usize, error: &Error) {
        if self.failing.swap(true, Ordering::Relaxed) {
            tracing::debug!(%error, %id, records, "publishing to the queue failed");
        } else {
            tracing::warn!(%error, %id, records, "publishing failed, clients receive an error and should retry");
        }
        counter!("logboom_publish_failures_total", "class" => class(error.class)).increment(1);
    }
}
