//! What a door submits, what it is answered, and the options of the stages that accept it.

use std::{sync::Arc, time::Duration};

use model::Text;

use crate::{
    BatchId, Sender, Supervisor,
    clock::Clock,
    loss_ledger::LossLedger,
    normalise::{Normaliser, RawRecord, Rejection},
    redact::Redaction,
};

/// The records of one client call.
#[derive(Debug, Clone, Default)]
pub struct Submission {
    /// Chosen by the client: a repeated id is acknowledged again and stored once. A submission with an id is one batch
    /// and is never split.
    pub batch_id: Option<BatchId>,
    /// The door and peer, such as `http 10.0.0.7`.
    pub producer: Text,
    pub records: Vec<RawRecord>,
    /// What the records get whatever was sent, and how many may be sent.
    pub sender: Sender,
}

/// The response to a submission, when its valid records are durable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accepted {
    pub accepted: usize,
    /// In order of their index.
    pub rejected: Vec<Rejection>,
}

/// The limits and options of the ingest stages.
#[derive(Debug, Clone)]
pub struct IngestOptions {
    pub normaliser: Normaliser,
    /// The bytes admitted and not yet durable; beyond it submissions are refused as overload.
    pub in_flight_bytes: usize,
    /// The records admitted and not yet durable.
    pub in_flight_records: usize,
    /// Submissions of fewer records than this, and without an id, are merged into common batches.
    pub merge_below: usize,
    /// The merged batches that are published concurrently; the second and later ones only if they have the target size.
    pub publishes: usize,
    /// The time limit for the queue to make a batch durable.
    pub publish_timeout: Duration,
    /// The bytes of undecoded bodies that doors may hold.
    pub body_bytes: usize,
    /// The id of this store. A record whose attribute [`VIA`](crate::follow::VIA) contains it was sent on by this store and has come back:
    /// it is accepted and not stored again.
    pub store_id: Option<String>,
    /// Where it is noted what is received and refused. `None` without a store.
    pub loss_ledger: Option<LossLedger>,
    /// What is taken out of records before they are durable.
    pub redaction: Option<Arc<Redaction>>,
    pub clock: Clock,
    pub supervisor: Supervisor,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self {
            normaliser: Normaliser::default(),
            in_flight_bytes: 64 << 20,
            in_flight_records: 200_000,
            merge_below: 500,
            publishes: 4,
            publish_timeout: Duration::from_secs(30),
            body_bytes: 64 << 20,
            store_id: None,
            loss_ledger: None,
            redaction: None,
            clock: Clock::system(),
            supervisor: Supervisor::default(),
        }
    }
}
