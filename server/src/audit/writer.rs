//! The task `audit`: takes events from the queue, and sends them through the pipeline as records.
//!
//! A batch is kept with its id until it is durable, so that it is stored once, also if the task panics in between.

use std::{sync::Arc, time::Duration};

use model::Text;
use parking_lot::Mutex;
use pipeline::{
    BatchId, Result, Sender,
    admit::{Ingest, Submission},
    lease::host_name,
};
use tokio::{
    sync::{Mutex as AsyncMutex, mpsc},
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{
    coalesce::Refusals,
    event::Event,
    events::{BatchLost, RecordRejected, written},
};

/// How often the writer looks for refusals whose minute is over.
const TICK: Duration = Duration::from_secs(1);
/// The events of one batch.
const BATCH: usize = 500;
/// The producer of the batches, for dead letters.
const PRODUCER: Text = Text::const_new("audit");

/// What survives a panic of the task.
pub(super) struct Writer {
    state: AsyncMutex<State>,
    refusals: Arc<Mutex<Refusals>>,
    ingest: Ingest,
    node: Text,
    stop: CancellationToken,
}

struct State {
    events: mpsc::Receiver<Event>,
    /// The batch that is being written; empty without one.
    batch: Vec<Event>,
    id: BatchId,
}

impl Writer {
    pub(super) fn new(
        events: mpsc::Receiver<Event>,
        refusals: Arc<Mutex<Refusals>>,
        ingest: Ingest,
        stop: CancellationToken,
    ) -> Self {
        Self {
            state: AsyncMutex::new(State { events, batch: Vec::new(), id: new_id() }),
            refusals,
            ingest,
            node: host_name().into(),
            stop,
        }
    }

    /// Writes until the stop, and then what is left.
    pub(super) async fn run(&self) {
        let mut state = self.state.lock().await;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // What a panic has left.
        self.write(&mut state).await;
        while !self.stop.is_cancelled() {
            let State { events, batch, .. } = &mut *state;
            tokio::select! {
                received = events.recv_many(batch, BATCH) => {
                    if received == 0 {
                        // Nobody can note anything any more.
                        break;
                    }
                }
                _ = ticks.tick() => batch.extend(self.refusals.lock().due(Instant::now())),
                () = self.stop.cancelled() => {}
            }
            self.write(&mut state).await;
        }
        // From here on `note` writes to the log.
        state.events.close();
        loop {
            let State { events, batch, .. } = &mut *state;
            if events.recv_many(batch, BATCH).await == 0 {
                batch.extend(self.refusals.lock().rest());
                self.write(&mut state).await;
                return;
            }
            self.write(&mut state).await;
        }
    }

    /// Makes the batch durable. Waits as long as the pipeline takes no records.
    async fn write(&self, state: &mut State) {
        if state.batch.is_empty() {
            return;
        }
        if let Err(error) = deliver(&self.ingest, state.id, &state.batch, &self.node).await {
            BatchLost { events: &state.batch, error: &error }.emit();
        }
        state.batch.clear();
        state.id = new_id();
    }
}

/// Makes the events durable as one batch. `node`: this host.
///
/// # Errors
/// As for [`Ingest::deliver`].
pub(super) async fn deliver(ingest: &Ingest, id: BatchId, events: &[Event], node: &Text) -> Result<()> {
    let submission = Submission {
        batch_id: Some(id),
        producer: PRODUCER,
        records: events.iter().map(|event| event.record(node)).collect(),
        sender: Sender::audit(),
    };
    let accepted = ingest.deliver(submission).await?;
    written(events.len().saturating_sub(accepted.rejected.len()));
    for rejection in &accepted.rejected {
        RecordRejected { event: events.get(rejection.index), reason: &rejection.reason }.emit();
    }
    Ok(())
}

fn new_id() -> BatchId {
    BatchId(rand::random::<u128>().to_be_bytes())
}
