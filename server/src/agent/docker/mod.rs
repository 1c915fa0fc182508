//! The input of an agent from Docker: `--docker`.
//!
//! One task follows the list of containers; each container has a task that reads its log into a window. Rounds take
//! whole records from all windows. Before they go to the queue, their number of bytes and the id of their batch are
//! written to the checkpoints; after the queue has made them durable, the cursor behind them is. After a crash the same
//! lines are read again under the same id, as with files.
//!
//! | file | content |
//! |---|---|
//! | `api` | the calls of the Engine API |
//! | `container` | reads the log of one container |
//! | `cursor` | how far a log was read |
//! | `discovery` | which containers there are |

mod api;
mod container;
mod cursor;
mod discovery;

use std::{
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use metrics::counter;
use model::Text;
use pipeline::{
    BatchId, Result,
    admit::{Ingest, Submission},
};
use tokio::time::sleep;

use self::{api::Engine, container::Container, cursor::Cursor, discovery::Discovery};
use super::{
    checkpoints::{Checkpoint, Checkpoints},
    status::Input,
};
use crate::files::Format;

/// How often windows are looked at.
const LOOK: Duration = Duration::from_millis(200);
/// The most containers that are followed at once. Each has a connection to the daemon and up to 1 MiB of lines.
const CONTAINERS: usize = 500;
/// The bytes of all containers that are on their way at once.
const ROUND_BYTES: usize = 4 << 20;
/// The records of one batch.
const RECORDS: usize = 1000;
/// The waits between attempts to reach the daemon.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What to read.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) socket: PathBuf,
    /// Names of containers that are not read.
    pub(super) excluded: Vec<String>,
    pub(super) format: Format,
    /// The node of records that name none.
    pub(super) node: Text,
}

/// The logs of all containers.
pub(super) struct Docker {
    settings: Settings,
    ingest: Ingest,
    status: Arc<Input>,
    checkpoints: Checkpoints<Cursor>,
}

/// Records on their way to the queue.
struct Chunk {
    container: Arc<Container>,
    id: BatchId,
    text: Vec<u8>,
    after: Checkpoint<Cursor>,
}

impl Docker {
    /// Reads the checkpoints.
    ///
    /// # Errors
    /// `Corrupt` if they are damaged, `Unavailable` if they cannot be read.
    pub(super) fn open(settings: Settings, checkpoints: PathBuf, ingest: Ingest, status: Arc<Input>) -> Result<Self> {
        Ok(Self { settings, ingest, status, checkpoints: Checkpoints::open(checkpoints)? })
    }

    /// Follows all containers. Never ends without an error.
    ///
    /// # Errors
    /// The checkpoints cannot be written.
    pub(super) async fn follow(&mut self) -> Result<()> {
        let engine = Engine::new(&self.settings.socket)?;
        // Ends all tasks when it is dropped. What they have read and is not in the queue is read again.
        let mut discovery = Discovery::start(engine, self.settings.clone(), Arc::clone(&self.status));
        loop {
            discovery.update(&mut self.checkpoints)?;
            if !self.round(&discovery).await? {
                if !self.checkpoints.is_stored() {
                    self.checkpoints.store().await?;
                }
                sleep(LOOK).await;
            }
        }
    }

    /// Takes whole records from every window once; returns whether there were some.
    async fn round(&mut self, discovery: &Discovery) -> Result<bool> {
        let (mut chunks, mut bytes, mut lag) = (Vec::new(), 0, 0);
        for container in discovery.followed() {
            lag += container.window.lock().length();
            if bytes < ROUND_BYTES
                && let Some(chunk) = self.take(container)
            {
                bytes += chunk.text.len();
                chunks.push(chunk);
            }
        }
        self.status.lag_bytes(lag as u64);
        if chunks.is_empty() {
            return Ok(false);
        }
        self.checkpoints.store().await?;
        for delivered in futures::future::join_all(chunks.iter().map(|chunk| self.deliver(chunk))).await {
            delivered?;
        }
        for chunk in chunks {
            self.checkpoints.set(&chunk.container.id, chunk.after);
        }
        Ok(true)
    }

    /// The next records of a container; notes in the checkpoints that they are on their way.
    fn take(&mut self, container: &Arc<Container>) -> Option<Chunk> {
        let is_ended = container.is_ended.load(Ordering::Acquire);
        let complete = |bytes: &[u8], is_quiet| self.settings.format.complete(bytes, RECORDS, is_quiet);
        let (text, sending) = container.window.lock().take(is_ended, complete)?;
        container.room.notify_one();
        let id = sending.batch_id()?;
        let place = self.checkpoints.get(&container.id).map(|checkpoint| checkpoint.place).unwrap_or_default();
        self.checkpoints.set(&container.id, Checkpoint { place, sending: Some(sending) });
        let mut after = place;
        after.advance_over(&text);
        Some(Chunk { container: Arc::clone(container), id, text, after: Checkpoint { place: after, sending: None } })
    }

    /// Hands the records to the queue, and waits until it has them.
    async fn deliver(&self, Chunk { container, id, text, .. }: &Chunk) -> Result<()> {
        let Settings { format, node, .. } = &self.settings;
        let (records, _) = container.origin.records(format, node, text);
        if records.is_empty() {
            return Ok(());
        }
        let submission =
            Submission { batch_id: Some(*id), producer: "docker".into(), records, ..Submission::default() };
        let accepted = self.ingest.deliver(submission).await?;
        self.status.delivered(accepted.accepted);
        if let Some(rejection) = accepted.rejected.first() {
            let refused = accepted.rejected.len();
            counter!("logboom_messages_refused_total", "door" => "docker").increment(refused as u64);
            tracing::warn!(container = container.id, refused, reason = rejection.reason, "lines were refused");
        }
        Ok(())
    }
}

/// The version of the daemon.
///
/// # Errors
/// `Unavailable` if it cannot be reached.
pub(super) async fn version(socket: &std::path::Path) -> Result<String> {
    Engine::new(socket)?.version().await
}
