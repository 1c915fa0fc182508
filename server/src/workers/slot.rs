//! The life of one of the N workers: started, replaced when it ends, replaced on request, and ended.

use std::{mem, sync::Arc, time::Duration};

use pipeline::{Supervisor, backoff::Backoff};
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    group::Group,
    process::{Death, Event, Launch, Process},
};
use crate::sockets::Socket;

/// The waits before a start: short for the first death, so that it is replaced within a second, and up to half a minute
/// for one that dies again and again.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A worker that lived for so long is replaced without a long wait again.
const STABLE_AFTER: Duration = Duration::from_secs(10);
/// How long a new worker may take until it is ready, before the old one is kept instead.
pub(super) const READY: Duration = Duration::from_secs(60);

/// A request to replace the worker; it is answered when the old one has ended, or with the reason why it goes on.
pub(super) type Roll = oneshot::Sender<Result<(), String>>;

/// What the supervising process learns of a slot.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// A worker is ready; the text is for the user who started the program.
    Ready { announcement: String },
    /// The worker failed before any was ever ready, as with a wrong option. It is not started again.
    Failed { number: u32, reason: String },
}

/// One of the N workers.
pub(super) struct Slot {
    pub(super) number: u32,
    pub(super) launch: Arc<Launch>,
    /// The UDP sockets of this slot, which each of its workers inherits. Chunks of one message arrive in one of them.
    pub(super) datagrams: Vec<Socket>,
    pub(super) group: Group,
    pub(super) rolls: mpsc::Receiver<Roll>,
    pub(super) notices: mpsc::Sender<Notice>,
    pub(super) stop: CancellationToken,
    /// Workers that were replaced and drain.
    pub(super) leaving: JoinSet<()>,
}

/// Why a worker is no longer attended.
enum Next {
    Restart(Death),
    Stop,
}

/// A new worker that is ready.
struct Successor {
    new: Process,
    announcement: String,
    /// How the old one ended meanwhile.
    death: Option<Death>,
}

impl Slot {
    /// Keeps the worker running until the stop, then drains it. After a panic the slot attends the same worker again,
    /// which serves meanwhile.
    pub(super) async fn supervise(self, supervisor: Supervisor) {
        let (name, stop) = (format!("worker slot {}", self.number), self.stop.clone());
        // Both survive a panic.
        let state = Mutex::new((self, None::<Process>));
        let run = || async {
            let mut state = state.lock().await;
            let (slot, worker) = &mut *state;
            slot.run(worker).await;
        };
        supervisor.run(name, &stop, run).await;
        // Here, and not in the task: the stop may come between a panic and the restart.
        let (slot, worker) = state.into_inner();
        slot.end(worker).await;
    }

    /// Keeps the worker running until the stop, or until it fails before any worker was ever ready.
    async fn run(&mut self, worker: &mut Option<Process>) {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        loop {
            let death = match self.started(worker) {
                Ok(process) => {
                    let Next::Restart(death) = self.attend(process).await else { return };
                    if process.is_ready && process.started.elapsed() >= STABLE_AFTER {
                        backoff.reset();
                    }
                    self.group.died(process.is_ready);
                    *worker = None;
                    death
                }
                Err(error) => {
                    self.group.died(false);
                    Death { reason: format!("{error:#}"), is_failure: true }
                }
            };
            if death.is_failure && !self.group.was_ever_ready() {
                let failed = Notice::Failed { number: self.number, reason: death.reason };
                let _ = self.notices.send(failed).await;
                return;
            }
            let wait = backoff.next();
            tracing::error!(
                worker = self.number,
                "worker {} {}; starting another one in {wait:?}",
                self.number,
                death.reason
            );
            if self.stop.run_until_cancelled(sleep(wait)).await.is_none() {
                return;
            }
        }
    }

    /// The worker that runs already, or a new one.
    ///
    /// # Errors
    /// The program cannot be started.
    fn started<'w>(&self, worker: &'w mut Option<Process>) -> anyhow::Result<&'w mut Process> {
        let process = match worker.take() {
            Some(process) => process,
            None => Process::start(&self.launch, &self.datagrams, self.number)?,
        };
        Ok(worker.insert(process))
    }

    /// Drains the worker, and waits for those that were replaced.
    async fn end(self, worker: Option<Process>) {
        let Self { launch, datagrams, mut leaving, .. } = self;
        // The last copies of the sockets outside of the workers: from now on new connections are refused.
        drop((launch, datagrams));
        if let Some(process) = worker {
            process.drain().await;
        }
        while leaving.join_next().await.is_some() {}
    }

    async fn attend(&mut self, process: &mut Process) -> Next {
        let mut figures = self.group.subscribe();
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Next::Stop,
                event = process.event() => match event {
                    Event::Ready { announcement } => self.became_ready(process, announcement).await,
                    Event::Ended(death) => return Next::Restart(death),
                },
                Ok(()) = figures.changed() => process.tell(*figures.borrow_and_update()),
                Some(roll) = self.rolls.recv() => self.replace(process, roll).await,
                Some(_) = self.leaving.join_next(), if !self.leaving.is_empty() => {}
            }
        }
    }

    async fn became_ready(&self, process: &Process, announcement: String) {
        self.group.became_ready();
        process.tell(self.group.figures());
        let milliseconds = u64::try_from(process.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(worker = self.number, pid = process.pid, milliseconds, "worker {} is ready", self.number);
        let _ = self.notices.send(Notice::Ready { announcement }).await;
    }

    /// Starts a new worker, and asks the old one to end once the new one is ready. If the new one does not become
    /// ready, the old one goes on.
    async fn replace(&mut self, current: &mut Process, roll: Roll) {
        let Successor { new, announcement, death } = match self.successor(current).await {
            Ok(successor) => successor,
            Err(reason) => {
                let _ = roll.send(Err(reason));
                return;
            }
        };
        let old = mem::replace(current, new);
        match death {
            Some(death) => {
                tracing::error!(worker = self.number, "worker {} {} while it was replaced", self.number, death.reason);
                self.group.died(old.is_ready);
            }
            None if old.is_ready => self.group.rolled(),
            None => {}
        }
        self.became_ready(current, announcement).await;
        tracing::info!(worker = self.number, pid = old.pid, "the old worker {} drains", self.number);
        // Meanwhile the new one is attended.
        self.leaving.spawn(async move {
            old.drain().await;
            let _ = roll.send(Ok(()));
        });
    }

    /// Starts a new worker and waits until it is ready.
    async fn successor(&self, current: &mut Process) -> Result<Successor, String> {
        let mut new =
            Process::start(&self.launch, &self.datagrams, self.number).map_err(|error| format!("{error:#}"))?;
        let mut death = None;
        let deadline = Instant::now() + READY;
        let outcome = loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break Err("the program is ending".to_owned()),
                event = new.event() => match event {
                    Event::Ready { announcement } => break Ok(announcement),
                    Event::Ended(death) => break Err(format!("the new worker {}", death.reason)),
                },
                // One that dies now is replaced by the new one, or afterwards as any other.
                event = current.event(), if death.is_none() => match event {
                    Event::Ready { announcement } => self.became_ready(current, announcement).await,
                    Event::Ended(end) => death = Some(end),
                },
                () = tokio::time::sleep_until(deadline) => {
                    break Err(format!("the new worker was not ready within {} s", READY.as_secs()));
                }
            }
        };
        match outcome {
            Ok(announcement) => Ok(Successor { new, announcement, death }),
            Err(reason) => {
                new.kill().await;
                Err(reason)
            }
        }
    }
}

/// Asks the slots to replace their workers, one after the other. Stops at the first that cannot.
pub(super) async fn roll(slots: Vec<mpsc::Sender<Roll>>) -> Result<(), String> {
    // A slot that waits to start its worker again answers only after it.
    let limit = READY + super::channel::DRAIN + LONGEST_WAIT;
    for (number, slot) in (1..).zip(slots) {
        let replaced = async {
            let (answer, answered) = oneshot::channel();
            slot.send(answer).await.map_err(|_| "it is not running".to_owned())?;
            answered.await.unwrap_or_else(|_| Err("it ended meanwhile".to_owned()))
        };
        let replaced = timeout(limit, replaced).await;
        replaced
            .unwrap_or_else(|_| Err(format!("no answer within {} s", limit.as_secs())))
            .map_err(|reason| format!("worker {number}: {reason}"))?;
    }
    Ok(())
}
