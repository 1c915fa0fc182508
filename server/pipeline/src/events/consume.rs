//! Events of the consume stage.

use std::time::Duration;

use metrics::{Counter, Histogram, counter, histogram};

use super::class;
use crate::{Appended, Error, Receipt};

/// Metrics of storing deliveries.
pub(crate) struct AppendMeters {
    stored: Counter,
    duplicates: Counter,
    dead: Counter,
    seconds: Histogram,
    records: Histogram,
}

impl AppendMeters {
    pub(crate) fn register() -> Self {
        Self {
            stored: counter!("logboom_records_stored_total"),
            duplicates: counter!("logboom_batches_duplicate_total"),
            dead: counter!("logboom_dead_letters_total"),
            seconds: histogram!("logboom_append_seconds"),
            records: histogram!("logboom_append_records"),
        }
    }

    /// A store transaction was committed.
    pub(crate) fn appended(&self, appended: &Appended, took: Duration) {
        if appended.duplicates > 0 {
            tracing::info!(batches = appended.duplicates, "redelivered batches were already stored");
        }
        if appended.dead > 0 {
            tracing::warn!(letters = appended.dead, "deliveries that cannot be stored became dead letters");
        }
        self.stored.increment(appended.records);
        self.duplicates.increment(appended.duplicates);
        self.dead.increment(appended.dead);
        self.seconds.record(took.as_secs_f64());
        self.records.record(appended.records as f64);
    }
}

/// Receiving from the queue failed.
pub(crate) struct ReceiveFailed<'a> {
    pub(crate) error: &'a Error,
    pub(crate) wait: Duration,
}

impl ReceiveFailed<'_> {
    pub(crate) fn emit(self) {
        tracing::warn!(error = %self.error, wait = ?self.wait, "receiving from the queue failed, retrying");
        counter!("logboom_receive_failures_total", "class" => class(self.error.class)).increment(1);
    }
}

/// The store stored none of the deliveries.
pub(crate) struct AppendFailed<'a> {
    pub(crate) error: &'a Error,
    pub(crate) deliveries: usize,
    /// The next action.
    pub(crate) next: &'static str,
}

impl AppendFailed<'_> {
    pub(crate) fn emit(self) {
        let Self { error, deliveries, next } = self;
        tracing::warn!(%error, deliveries, "storing failed, {next}");
        counter!("logboom_append_failures_total", "class" => class(error.class)).increment(1);
    }
}

/// The store was unavailable for so long that deliveries went back to the queue.
pub(crate) struct DeliveriesReturned {
    pub(crate) deliveries: usize,
}

impl DeliveriesReturned {
    pub(crate) fn emit(self) {
        let deliveries = self.deliveries;
        tracing::warn!(deliveries, "the store is unavailable; deliveries went back to the queue");
        counter!("logboom_deliveries_returned_total").increment(deliveries as u64);
    }
}

/// Acknowledging stored deliveries failed.
pub(crate) struct AcknowledgeFailed<'a> {
    pub(crate) error: &'a Error,
    pub(crate) deliveries: usize,
}

impl AcknowledgeFailed<'_> {
    pub(crate) fn emit(self) {
        let Self { error, deliveries } = self;
        tracing::warn!(%error, deliveries, "acknowledging failed, redelivery is deduplicated by the ledger");
        counter!("logboom_acknowledge_failures_total", "class" => class(error.class)).increment(1);
    }
}

/// A delivery with invalid data became a dead letter.
pub(crate) struct DeliveryBuried<'a> {
    pub(crate) receipt: Receipt,
    pub(crate) records: usize,
    pub(crate) error: &'a Error,
}

impl DeliveryBuried<'_> {
    pub(crate) fn emit(self) {
        let Self { receipt, records, error } = self;
        tracing::error!(%error, receipt = receipt.0, records, "a delivery cannot be stored and became a dead letter");
        counter!("logboom_dead_letters_total").increment(1);
    }
}

/// A delivery can be neither stored nor kept as a dead letter. It stays in the queue, unacknowledged, until the next
/// start.
pub(crate) struct DeliverySetAside<'a> {
    pub(crate) receipt: Receipt,
    pub(crate) records: usize,
    pub(crate) error: &'a Error,
}

impl DeliverySetAside<'_> {
    pub(crate) fn emit(self) {
        let Self { receipt, records, error } = self;
        tracing::error!(%error, receipt = receipt.0, records, "a delivery stays in the queue: no dead letter can be written");
        counter!("logboom_deliveries_set_aside_total").increment(1);
    }
}

/// The loop ended after the stop signal.
pub(crate) struct ConsumeStopped {
    /// Deliveries released to the queue because the store was unavailable.
    pub(crate) released: usize,
}

impl ConsumeStopped {
    pub(crate) fn emit(self) {
        if self.released > 0 {
            tracing::warn!(deliveries = self.released, "stopped storing, some deliveries stay in the queue");
        } else {
            tracing::info!("stopped storing, every received delivery is stored");
        }
    }
}
