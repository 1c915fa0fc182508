//! The input of an agent from the systemd journal: `--journald`.
//!
//! The journal has a cursor for each entry, so a process that continues after a cursor repeats the same entries in the
//! same order. Checkpoints work as those of Docker: see [`super::docker`].
//!
//! | file | content |
//! |---|---|
//! | `entry` | from an entry to a record |
//! | `process` | the process `journalctl` |

mod entry;
mod process;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use doors::journal::{self, Decoder};
use metrics::counter;
use model::Text;
use pipeline::{
    Result,
    admit::{Ingest, Submission},
};
use tokio::time::sleep;

use self::process::Process;
use super::{
    checkpoints::{Checkpoint, Checkpoints},
    status::Input,
    window::Window,
};

/// How long a round waits for entries.
const LOOK: Duration = Duration::from_millis(200);
/// The entries of one batch.
const RECORDS: usize = 1000;
/// The bytes of one reading.
const READ_BYTES: usize = 64 << 10;
/// The name of the journal in the checkpoints.
const SOURCE: &str = "journal";

/// What to read.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// The folder of the journal, if it is not the usual one.
    pub(super) folder: Option<PathBuf>,
    /// The node of entries that name none.
    pub(super) node: Text,
}

/// The journal of this machine.
pub(super) struct Journal {
    settings: Settings,
    ingest: Ingest,
    status: Arc<Input>,
    /// The places are cursors; an empty one is the start.
    checkpoints: Checkpoints<String>,
}

impl Journal {
    /// Reads the checkpoints.
    ///
    /// # Errors
    /// `Corrupt` if they are damaged, `Unavailable` if they cannot be read.
    pub(super) fn open(settings: Settings, checkpoints: PathBuf, ingest: Ingest, status: Arc<Input>) -> Result<Self> {
        Ok(Self { settings, ingest, status, checkpoints: Checkpoints::open(checkpoints)? })
    }

    /// Follows the journal. Never ends without an error.
    ///
    /// # Errors
    /// `journalctl` has ended, or the checkpoints cannot be written.
    pub(super) async fn follow(&mut self) -> Result<()> {
        let followed = self.follow_process().await;
        if let Err(error) = &followed {
            self.status.failed(Some(&error.message));
        }
        followed
    }

    async fn follow_process(&mut self) -> Result<()> {
        let Checkpoint { place, sending } = self.checkpoints.get(SOURCE).cloned().unwrap_or_default();
        let cursor = (!place.is_empty()).then_some(place.as_str());
        let mut process = Process::follow(self.settings.folder.as_deref(), cursor)?;
        let (mut decoder, mut window) = (Decoder::default(), Window::new(sending));
        self.status.followed(1);
        let mut buffer = Vec::with_capacity(READ_BYTES);
        loop {
            // The process waits while the window is full.
            let is_new = !window.is_full() && process.read(&mut buffer, LOOK).await?;
            decoder.add(&buffer);
            buffer.clear();
            while let Some(entry) = decoder.next_entry() {
                window.add(&entry);
            }
            let is_taken = self.round(&mut window).await?;
            if is_new || is_taken {
                self.status.failed(None);
            } else if !self.checkpoints.is_stored() {
                self.checkpoints.store().await?;
            } else if window.is_full() {
                sleep(LOOK).await;
            }
        }
    }

    /// Makes the next entries durable; returns whether there were some.
    async fn round(&mut self, window: &mut Window) -> Result<bool> {
        let complete = |bytes: &[u8], _| journal::lengths(bytes).into_iter().take(RECORDS).sum();
        let Some((text, sending)) = window.take(false, complete) else {
            self.status.lag_seconds(0.0);
            return Ok(false);
        };
        let entries = entries(&text);
        let cursor = entries.last().and_then(|entry| entry::value(entry, entry::CURSOR));
        let place = self.checkpoints.get(SOURCE).map(|checkpoint| checkpoint.place.clone()).unwrap_or_default();
        // Without a cursor, which the format always has, the entries would come again.
        let after = cursor.unwrap_or_else(|| place.clone());
        let id = sending.batch_id();
        self.checkpoints.set(SOURCE, Checkpoint { place, sending: Some(sending) });
        self.checkpoints.store().await?;
        let records: Vec<_> = entries.iter().filter_map(|entry| entry::record(entry, &self.settings.node)).collect();
        if !records.is_empty() {
            let accepted = self
                .ingest
                .deliver(Submission { batch_id: id, producer: "journald".into(), records, ..Submission::default() })
                .await?;
            self.status.delivered(accepted.accepted);
            if let Some(rejection) = accepted.rejected.first() {
                let refused = accepted.rejected.len();
                counter!("logboom_messages_refused_total", "door" => "journald").increment(refused as u64);
                tracing::warn!(refused, reason = rejection.reason, "entries of the journal were refused");
            }
        }
        self.checkpoints.set(SOURCE, Checkpoint { place: after, sending: None });
        if let Some(time) = entries.last().and_then(|entry| entry::time(entry)) {
            self.status.lag_seconds(age(time));
        }
        Ok(true)
    }
}

/// Whether the journal can be read.
///
/// # Errors
/// `Unavailable` if `journalctl` is missing or fails.
pub(super) async fn check(folder: Option<&Path>) -> Result<()> {
    process::check(folder).await
}

fn entries(bytes: &[u8]) -> Vec<&[u8]> {
    let mut rest = bytes;
    let lengths = journal::lengths(bytes);
    lengths
        .into_iter()
        .map(|length| {
            let (entry, others) = rest.split_at(length);
            rest = others;
            entry
        })
        .collect()
}

/// The seconds since a time, which is in nanoseconds since the Unix epoch.
fn age(time: i64) -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (now.as_secs_f64() - time as f64 / 1e9).max(0.0)
}
