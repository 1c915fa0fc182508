//! The relay: from the queue to the first destination that answers, without a store. It is the core of `logboom agent`.
//!
//! ```text
//! doors → admit → QUEUE → relay → the first destination that answers
//! ```
//!
//! One loop takes batches from the queue, oldest first or with a share for fresh ones, and sends groups of them to a
//! [`Sink`]. Its invariants:
//!
//! - A group is acknowledged to the queue only after a destination has acknowledged it.
//! - Before a group is sent, its last delivery is written to the progress file. After a crash the same records are sent
//!   again under the same batch id, so a destination that knows the id stores them once.
//! - A batch with an id that its client chose is a group of its own and keeps its id, so a destination that knows ids
//!   also recognises what a client sent twice.
//! - Records that every attempt refused are counted, logged and written to a bounded file ([`refused`]).
//! - On a full disk the queue refuses new batches, or the oldest ones are dropped and counted ([`WhenFull`]).
//!
//! | file | content |
//! |---|---|
//! | `destinations` | which destination gets a group: the first that answers |
//! | `fresh` | the lane of new batches, beside the backlog |
//! | `group` | the deliveries that are sent as one batch |
//! | `progress` | the file with what was delivered and what may have been sent |
//! | `refused` | the file of refused records |
//! | `stage` | the loop |
//! | `status` | what `/metrics`, the status page and `check` show |
//! | `waiting` | counts what waits in the queue |

mod destinations;
mod fresh;
mod group;
mod progress;
mod refused;
mod stage;
mod status;
mod waiting;

use std::{fmt, path::PathBuf, sync::Arc};

use futures::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::{
    fresh::{FreshShare, ReadFresh},
    progress::{Progress, replace_file},
    status::{DestinationState, DestinationStatus, RelayStatus},
    waiting::Waiting,
};
use self::{stage::Stage, status::Shared};
use crate::{Result, Supervisor, clock::Clock, follow::Sink};

/// A destination to relay to.
#[derive(Clone)]
pub struct Destination {
    /// Its URL without secrets; unique.
    pub target: String,
    /// Builds the sink; called at the start and after each cancelled attempt.
    pub build: Arc<dyn Fn() -> Result<Box<dyn Sink>> + Send + Sync>,
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Destination({})", self.target)
    }
}

/// What happens when the queue's disk space is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// The queue refuses new batches until a destination has taken old ones.
    #[default]
    Block,
    /// The oldest batches are dropped and counted.
    DropOldest,
}

/// Counts the records, and their bytes in memory, that the queue held before the start.
pub type Backlog = Arc<dyn Fn() -> BoxFuture<'static, Result<(u64, u64)>> + Send + Sync>;

/// What a relay needs.
pub struct Options {
    pub queue: Arc<Waiting>,
    /// Called once, before the first delivery.
    pub backlog: Backlog,
    pub progress: Progress,
    /// At least one, in the order of preference.
    pub destinations: Vec<Destination>,
    pub when_full: WhenFull,
    /// The lane that gets a third of the bandwidth for new batches while old ones wait; `None`: strictly oldest first.
    /// Only for destinations that recognise a batch by its id.
    pub fresh: Option<FreshShare>,
    /// The file of refused records.
    pub refused: PathBuf,
    pub clock: Clock,
    pub supervisor: Supervisor,
}

/// A running relay. Dropping it without [`Relay::close`] is like killing the process.
pub struct Relay {
    queue: Arc<Waiting>,
    shared: Arc<Shared>,
    clock: Clock,
    stop: CancellationToken,
    task: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Relay {
    /// Starts the loop as a supervised task.
    pub fn start(options: Options) -> Self {
        let shared = Arc::new(Shared::new(&options.progress, &options.destinations));
        let (queue, clock, supervisor) =
            (Arc::clone(&options.queue), options.clock.clone(), options.supervisor.clone());
        let stop = CancellationToken::new();
        let stage = Arc::new(tokio::sync::Mutex::new(Stage::new(options, &shared)));
        let ended = stop.clone();
        let task = supervisor.spawn("relay", stop.clone(), move || {
            let (stage, stop) = (Arc::clone(&stage), ended.clone());
            async move { stage.lock().await.run(&stop).await }
        });
        Self { queue, shared, clock, stop, task: tokio::sync::Mutex::new(Some(task)) }
    }

    /// The status, from memory.
    pub fn status(&self) -> RelayStatus {
        self.shared.status(&self.queue, self.clock.now())
    }

    /// Stops: an attempt under way is given up and repeated at the next start. Stores the progress.
    pub async fn close(&self) {
        self.stop.cancel();
        if let Some(task) = self.task.lock().await.take() {
            let _ = task.await;
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut().take() {
            task.abort();
        }
    }
}
