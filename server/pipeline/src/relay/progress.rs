//! The progress of the relay: one small file, replaced atomically and durably.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use crate::{Error, Receipt, Result};

/// The newest format that this program reads. It writes it only with a fresh lane, which format 1 does not have.
const FORMAT: u32 = 2;

/// What was delivered, and what may have been sent.
#[derive(Debug)]
pub struct Progress {
    path: PathBuf,
    content: Content,
    is_stored: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Content {
    format: u32,
    id: String,
    /// All deliveries up to this one are settled.
    settled: u64,
    /// The last delivery of the group that may have been sent and is not acknowledged.
    sending: Option<u64>,
    /// The fresh lane, while there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fresh: Option<Fresh>,
    /// [`Sent::mark`](crate::follow::Sent::mark) of each destination's last acknowledged batch.
    marks: BTreeMap<String, String>,
    delivered: u64,
    refused: u64,
    dropped: u64,
}

/// The part of the queue that was delivered ahead of older deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fresh {
    /// The deliveries after this one, up to `upto`, are settled.
    from: u64,
    upto: u64,
    /// The last delivery of a group of this lane that may have been sent and is not acknowledged.
    sending: Option<u64>,
}

impl Fresh {
    pub(super) fn from(self) -> Receipt {
        Receipt(self.from)
    }

    pub(super) fn upto(self) -> Receipt {
        Receipt(self.upto)
    }

    pub(super) fn sending(self) -> Option<Receipt> {
        self.sending.map(Receipt)
    }

    /// Whether the delivery is one of those that are settled.
    pub(super) fn contains(self, receipt: Receipt) -> bool {
        self.from < receipt.0 && receipt.0 <= self.upto
    }
}

/// Records since the first start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub(super) delivered: u64,
    pub(super) refused: u64,
    pub(super) dropped: u64,
}

impl Content {
    fn add(&mut self, counts: Counts) {
        self.delivered += counts.delivered;
        self.refused += counts.refused;
        self.dropped += counts.dropped;
    }
}

impl Progress {
    /// Reads the file, or creates it. It must be beside the queue's files: it names the queue's deliveries.
    ///
    /// # Errors
    /// `Unavailable` if the folder cannot be written, `Corrupt` if the file is damaged or of a newer format.
    pub async fn open(path: PathBuf) -> Result<Self> {
        let reading = path.clone();
        let read =
            spawn_blocking(move || read(&reading)).await.map_err(|error| Error::internal(error.to_string()))??;
        let is_new = read.is_none();
        let content = read.unwrap_or_else(|| Content {
            format: 1,
            id: format!("{:08x}", rand::random::<u32>()),
            settled: 0,
            sending: None,
            fresh: None,
            marks: BTreeMap::new(),
            delivered: 0,
            refused: 0,
            dropped: 0,
        });
        let mut progress = Self { path, content, is_stored: !is_new };
        if is_new {
            progress.store().await?;
        }
        Ok(progress)
    }

    /// Fits the progress to a queue whose newest delivery is `last`: new deliveries follow it, and must not count as
    /// settled although the queue was removed and the progress was not.
    pub fn fit(&mut self, last: Receipt) {
        if self.content.settled > last.0 {
            tracing::warn!(
                settled = self.content.settled,
                last = last.0,
                "the queue has lost deliveries that were settled"
            );
            self.content.settled = last.0;
            self.set_sending(None);
        }
        if self.content.fresh.is_some_and(|fresh| fresh.upto > last.0) {
            self.set_fresh(None);
        }
    }

    /// The id of this relay: 8 hexadecimal digits, chosen at the first start. Records carry it on their way.
    pub fn id(&self) -> &str {
        &self.content.id
    }

    /// All deliveries up to this one are settled.
    pub fn settled(&self) -> Receipt {
        Receipt(self.content.settled)
    }

    pub(super) fn sending(&self) -> Option<Receipt> {
        self.content.sending.map(Receipt)
    }

    pub(super) fn set_sending(&mut self, last: Option<Receipt>) {
        self.content.sending = last.map(|receipt| receipt.0);
        self.is_stored = false;
    }

    pub(super) fn fresh(&self) -> Option<Fresh> {
        self.content.fresh
    }

    /// Begins a fresh lane after this delivery.
    pub(super) fn begin_fresh(&mut self, after: Receipt) {
        self.set_fresh(Some(Fresh { from: after.0, upto: after.0, sending: None }));
    }

    pub(super) fn set_fresh_sending(&mut self, last: Option<Receipt>) {
        let sending = last.map(|receipt| receipt.0);
        self.set_fresh(self.content.fresh.map(|fresh| Fresh { sending, ..fresh }));
    }

    /// The fresh lane has delivered everything up to `last`. Adds to the counts.
    pub(super) fn settle_fresh(&mut self, last: Receipt, counts: Counts) {
        self.set_fresh(self.content.fresh.map(|fresh| Fresh { upto: fresh.upto.max(last.0), sending: None, ..fresh }));
        self.content.add(counts);
    }

    /// The old lane has reached the fresh one: everything up to the end of that is settled.
    pub(super) fn join_fresh(&mut self) {
        if let Some(fresh) = self.content.fresh {
            self.content.settled = self.content.settled.max(fresh.upto);
            self.set_fresh(None);
        }
    }

    fn set_fresh(&mut self, fresh: Option<Fresh>) {
        self.content.fresh = fresh;
        self.content.format = if fresh.is_some() { FORMAT } else { 1 };
        self.is_stored = false;
    }

    pub(super) fn mark(&self, target: &str) -> Option<String> {
        self.content.marks.get(target).cloned()
    }

    pub(super) fn set_mark(&mut self, target: &str, mark: Option<String>) {
        match mark {
            Some(mark) => self.content.marks.insert(target.to_owned(), mark),
            None => self.content.marks.remove(target),
        };
        self.is_stored = false;
    }

    /// Everything up to `last` is settled. Adds to the counts.
    pub(super) fn settle(&mut self, last: Receipt, counts: Counts) {
        self.content.settled = self.content.settled.max(last.0);
        self.content.sending = None;
        self.content.add(counts);
        self.is_stored = false;
    }

    pub(super) fn counts(&self) -> Counts {
        let Content { delivered, refused, dropped, .. } = self.content;
        Counts { delivered, refused, dropped }
    }

    /// Whether the file has everything.
    pub(super) fn is_stored(&self) -> bool {
        self.is_stored
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be written.
    pub(super) async fn store(&mut self) -> Result<()> {
        replace_file("the progress file", &self.path, &self.content).await?;
        self.is_stored = true;
        Ok(())
    }
}

fn read(path: &Path) -> Result<Option<Content>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Error::unavailable(format!("cannot read the progress file {}: {error}", path.display())));
        }
    };
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let damaged = |error: serde_json::Error| {
        let path = path.display();
        Error::corrupt(format!(
            "the progress file {path} is damaged: {error}; remove it to start, then some batches may be sent twice"
        ))
    };
    let Head { format } = serde_json::from_slice(&bytes).map_err(damaged)?;
    if format > FORMAT {
        let path = path.display();
        return Err(Error::corrupt(format!(
            "{path} has format {format}, and this program reads up to {FORMAT}; use the newer program that wrote it"
        )));
    }
    serde_json::from_slice(&bytes).map(Some).map_err(damaged)
}

/// Replaces a file with the JSON of `content`, atomically and durably. Creates its folder if it is missing.
///
/// # Errors
/// `Unavailable` if the file cannot be written; then the old one is still there. `what` names it in the error.
pub async fn replace_file(what: &str, path: &Path, content: &impl Serialize) -> Result<()> {
    let bytes = serde_json::to_vec(content).map_err(|error| Error::internal(error.to_string()))?;
    let target = path.to_owned();
    let written = spawn_blocking(move || replace(&target, &bytes)).await.map_err(io::Error::other).flatten();
    written.map_err(|error| Error::unavailable(format!("cannot write {what} {}: {error}", path.display())))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let new = path.with_extension("tmp");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn progress_survives_a_restart_and_damage_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queue/relay.json");
        let mut progress = Progress::open(path.clone()).await.unwrap();
        progress.set_mark("file:///x", Some("17".into()));
        progress.settle(Receipt(5), Counts { delivered: 3, refused: 2, dropped: 1 });
        progress.set_sending(Some(Receipt(9)));
        progress.begin_fresh(Receipt(6));
        progress.settle_fresh(Receipt(8), Counts { delivered: 1, ..Counts::default() });
        progress.store().await.unwrap();
        let mut again = Progress::open(path.clone()).await.unwrap();
        assert_eq!(again.content, progress.content);
        assert_eq!(again.id().len(), 8);

        again.fit(Receipt(9));
        assert_eq!((again.settled(), again.sending()), (Receipt(5), Some(Receipt(9))));
        assert!(again.fresh().is_some_and(|fresh| fresh.contains(Receipt(8)) && !fresh.contains(Receipt(6))));
        assert_eq!(again.counts(), Counts { delivered: 4, refused: 2, dropped: 1 });
        again.fit(Receipt(2));
        assert_eq!((again.settled(), again.sending(), again.fresh()), (Receipt(2), None, None));

        for (text, reason) in [("{\"format\":1}", "remove it"), ("{\"format\":3}", "newer program"), ("", "damaged")] {
            fs::write(&path, text).unwrap();
            let error = Progress::open(path.clone()).await.unwrap_err();
            assert!(error.message.contains(reason), "{text}: {error}");
        }
    }
}
