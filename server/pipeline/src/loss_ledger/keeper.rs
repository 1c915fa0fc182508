//! Writes what was noted to documents.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{LossLedger, SHEET};
use crate::{Documents, Error, Expected, Json, Result, Supervisor};

/// The interval of writing. What a killed process noted since is lost.
const EVERY: Duration = Duration::from_secs(2);
/// The time limit of writing one sheet.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The task that writes the notes.
pub struct Keeper {
    writer: Writer,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Writer {
    ledger: LossLedger,
    documents: Arc<dyn Documents>,
}

impl Keeper {
    /// Starts the task `loss-ledger`.
    pub fn start(ledger: LossLedger, documents: Arc<dyn Documents>, supervisor: &Supervisor) -> Self {
        let (writer, stop) = (Writer { ledger, documents }, CancellationToken::new());
        let (task_writer, token) = (writer.clone(), stop.clone());
        let task = supervisor.spawn("loss-ledger", stop.clone(), move || {
            let (writer, token) = (task_writer.clone(), token.clone());
            async move { writer.run(&token).await }
        });
        Self { writer, stop, task }
    }

    /// Writes what is left. To be called after the consumer has ended and before the queue and the store close.
    pub async fn close(self) {
        self.stop.cancel();
        // A panic of the task was logged by its supervisor.
        let _ = self.task.await;
        if let Err(error) = self.writer.write(true).await {
            tracing::warn!("the last notes of the loss ledger are not written: {error}");
        }
    }
}

impl Writer {
    async fn run(&self, stop: &CancellationToken) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_failing = false;
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            match self.write(false).await {
                Ok(()) => is_failing = false,
                Err(error) if is_failing => tracing::debug!("the loss ledger cannot be written: {error}"),
                Err(error) => {
                    is_failing = true;
                    tracing::warn!("the loss ledger cannot be written now and is kept in memory: {error}");
                }
            }
        }
    }

    /// Writes the sheets that are due, or all that have changed; stops at the first error.
    async fn write(&self, all: bool) -> Result<()> {
        let settled = self.ledger.settle();
        let now = self.ledger.shared.clock.now();
        let due = self.ledger.shared.pages.lock().take_due(settled, now, all);
        let mut outcome = Ok(());
        for (hour, name, sheet) in due {
            if outcome.is_ok() {
                outcome = self.put(&name, &Json::from_value(&sheet)?).await;
            }
            let written = outcome.is_ok().then_some(settled);
            self.ledger.shared.pages.lock().written(hour, written);
        }
        self.ledger.shared.pages.lock().forget(now);
        outcome
    }

    async fn put(&self, name: &str, sheet: &Json) -> Result<()> {
        let put = self.documents.put(&SHEET, name, sheet, Expected::Any, None);
        let late = |_| Err(Error::unavailable(format!("the store has not written a sheet within {TIMEOUT:?}")));
        timeout(TIMEOUT, put).await.unwrap_or_else(late).map(|_| ())
    }
}
