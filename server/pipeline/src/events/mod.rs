//! The noteworthy events of the pipeline. Each writes its log line and updates its metrics, here and nowhere else, so
//! that the two cannot disagree.
//!
//! Events of every record have handles that are looked up once (`…Counters`, `…Meters`, `…Gauges`). Handles made before
//! the metrics recorder is installed count nothing. Rare events are structs with `emit`.

mod consume;
mod dead_letters;
mod deletion;
mod ingest;
mod live;
mod loss_ledger;
mod redaction;
mod relay;
mod replay;
mod supervisor;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

pub(crate) use consume::{
    AcknowledgeFailed, AppendFailed, AppendMeters, ConsumeStopped, DeliveriesReturned, DeliveryBuried,
    DeliverySetAside, ReceiveFailed,
};
pub(crate) use dead_letters::DeadLettersDropped;
pub(crate) use deletion::{DeletionEnded, DeletionRunning, RecordsRemoved};
pub(crate) use ingest::{InFlightGauges, IngestCounters, PublishMeters, SubmissionRefused};
pub(crate) use live::{FollowFailed, LiveMeters};
pub(crate) use loss_ledger::{LedgerGauges, LossFound};
pub(crate) use redaction::RedactionMeters;
pub use relay::describe_relay;
pub(crate) use relay::{DestinationBack, DestinationFailed, OldestDropped, RecordsRefused, RelayFailed};
pub(crate) use replay::{ReplayMeters, ReplayRunning};
pub(crate) use supervisor::{TaskBroken, TaskFailed, task_up};

use crate::ErrorClass;

/// The value of the label `class`.
fn class(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::Invalid => "invalid",
        ErrorClass::Forbidden => "forbidden",
        ErrorClass::NotFound => "not_found",
        ErrorClass::Conflict => "conflict",
        ErrorClass::Overloaded => "overloaded",
        ErrorClass::Unavailable => "unavailable",
        ErrorClass::Corrupt => "corrupt",
        ErrorClass::Internal => "internal",
    }
}

/// Describes every metric of the pipeline to the recorder, which must be installed.
pub fn describe() {
    describe_counter!("logboom_records_accepted_total", Unit::Count, "Records acknowledged as durable.");
    describe_counter!("logboom_records_rejected_total", Unit::Count, "Records refused one by one for their content.");
    describe_counter!(
        "logboom_submissions_refused_total",
        Unit::Count,
        "Submissions answered with an error, by class."
    );
    describe_gauge!("logboom_in_flight_records", Unit::Count, "Records admitted and not yet durable.");
    describe_gauge!("logboom_in_flight_bytes", Unit::Bytes, "Bytes admitted and not yet durable.");
    describe_counter!("logboom_batches_published_total", Unit::Count, "Batches that the queue has made durable.");
    describe_counter!(
        "logboom_publish_failures_total",
        Unit::Count,
        "Batches that the queue did not confirm, by class."
    );
    describe_histogram!(
        "logboom_publish_seconds",
        Unit::Seconds,
        "From handing a batch to the queue to its confirmation."
    );
    describe_histogram!("logboom_batch_records", Unit::Count, "Records of a published batch.");
    describe_counter!("logboom_records_stored_total", Unit::Count, "Records stored.");
    describe_counter!("logboom_batches_duplicate_total", Unit::Count, "Redelivered batches that were stored already.");
    describe_counter!("logboom_dead_letters_total", Unit::Count, "Dead letters written.");
    describe_counter!(
        "logboom_dead_letters_dropped_total",
        Unit::Count,
        "Dead letters that went because of their bounds in bytes and age."
    );
    describe_counter!("logboom_receive_failures_total", Unit::Count, "Failed calls for deliveries, by class.");
    describe_counter!("logboom_append_failures_total", Unit::Count, "Failed store transactions, by class.");
    describe_counter!(
        "logboom_acknowledge_failures_total",
        Unit::Count,
        "Failed acknowledgements of deliveries, by class."
    );
    describe_counter!(
        "logboom_deliveries_set_aside_total",
        Unit::Count,
        "Deliveries that can be neither stored nor buried."
    );
    describe_counter!(
        "logboom_deliveries_returned_total",
        Unit::Count,
        "Deliveries that went back to the queue because the store was unavailable."
    );
    describe_counter!("logboom_redactions_total", Unit::Count, "Matches of redaction rules, by rule.");
    describe_histogram!("logboom_append_seconds", Unit::Seconds, "Duration of a store transaction.");
    describe_histogram!("logboom_append_records", Unit::Count, "Records of a store transaction.");
    describe_gauge!("logboom_replays_running", Unit::Count, "Replays that this process runs.");
    describe_counter!("logboom_replay_records_total", Unit::Count, "Records that replays delivered, by sink.");
    describe_counter!("logboom_replay_refused_total", Unit::Count, "Records of replays that the sink refused.");
    describe_counter!("logboom_replay_failures_total", Unit::Count, "Failed attempts of replays to send, by sink.");
    describe_gauge!("logboom_deletions_running", Unit::Count, "Deletions that this process runs.");
    describe_counter!("logboom_deletions_total", Unit::Count, "Deletions that ended on this process, by outcome.");
    describe_counter!("logboom_deleted_records_total", Unit::Count, "Records that deletions removed from the store.");
    describe_gauge!("logboom_live_subscriptions", Unit::Count, "Open live tails.");
    describe_histogram!(
        "logboom_live_lag_seconds",
        Unit::Seconds,
        "From the receipt of a batch to its being visible in live tails."
    );
    describe_counter!(
        "logboom_live_skipped_total",
        Unit::Count,
        "Records left out of a live tail that was read too slowly."
    );
    describe_counter!(
        "logboom_follow_failures_total",
        Unit::Count,
        "Failed calls that follow or read the store for live tails, by class."
    );
    describe_gauge!(
        "logboom_ledger_records",
        Unit::Count,
        "Records of the last 31 days by what became of them, as the loss ledger last counted."
    );
    describe_gauge!("logboom_ledger_hours", Unit::Count, "Hours that the loss ledger has counted.");
    describe_gauge!(
        "logboom_ledger_uncertain_hours",
        Unit::Count,
        "Hours that were not compared with what was received, because a process was killed."
    );
    describe_gauge!(
        "logboom_ledger_counted_timestamp_seconds",
        Unit::Seconds,
        "When the loss ledger last counted an hour."
    );
    describe_gauge!("logboom_task_up", "1 while a long task runs, 0 while it waits for its restart or has ended.");
    describe_counter!("logboom_task_restarts_total", Unit::Count, "Failures after which a long task is started again.");
}
