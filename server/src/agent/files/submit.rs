//! Makes the lines of files durable.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use metrics::counter;
use pipeline::{
    Result,
    admit::{Ingest, Submission},
    normalise::RawRecord,
};

use super::{Settings, followed::Read, text};
use crate::{
    agent::{checkpoints::Checkpoints, status::Input},
    files::Place,
};

/// The attribute with the path of the file, as in OpenTelemetry.
pub(super) const PATH: &str = "log.file.path";

/// Hands lines to the queue.
pub(super) struct Submitter {
    settings: Arc<Settings>,
    ingest: Ingest,
    status: Arc<Input>,
}

impl Submitter {
    pub(super) fn new(settings: Arc<Settings>, ingest: Ingest, status: Arc<Input>) -> Self {
        Self { settings, ingest, status }
    }

    /// Makes what was read durable. The checkpoints say before that it is on its way, and move past it afterwards; the
    /// next call stores that.
    ///
    /// # Errors
    /// The checkpoints cannot be written, or the queue closes.
    pub(super) async fn submit(&self, reads: Vec<(PathBuf, Read)>, checkpoints: &mut Checkpoints<Place>) -> Result<()> {
        for (path, read) in &reads {
            checkpoints.set(text(path), read.sending.clone());
        }
        // The lines become records while the checkpoints are written.
        let records = async { reads.iter().map(|(path, read)| self.records(path, read)).collect::<Vec<_>>() };
        let (stored, records) = tokio::join!(checkpoints.store(), records);
        stored?;
        let submissions = reads.iter().zip(records).map(|((path, read), records)| self.deliver(path, read, records));
        for delivered in futures::future::join_all(submissions).await {
            delivered?;
        }
        for (path, read) in reads {
            checkpoints.set(text(&path), read.after);
        }
        Ok(())
    }

    /// The records of the lines, and the number of lines that were refused.
    fn records(&self, path: &Path, read: &Read) -> (Vec<RawRecord>, usize) {
        let Settings { format, node, origins, .. } = &*self.settings;
        match origins.of(path, &read.text) {
            Some(origin) => origin.with(PATH, text(path)).records(format, node, &read.text),
            None => (Vec::new(), 0),
        }
    }

    /// Hands the records to the queue, and waits until it has them.
    async fn deliver(&self, path: &Path, read: &Read, (records, mut refused): (Vec<RawRecord>, usize)) -> Result<()> {
        let name = self.settings.name;
        let mut reason = None;
        if !records.is_empty() {
            let submission =
                Submission { batch_id: Some(read.id), producer: name.into(), records, ..Submission::default() };
            let accepted = self.ingest.deliver(submission).await?;
            self.status.delivered(accepted.accepted);
            refused += accepted.rejected.len();
            reason = accepted.rejected.into_iter().next().map(|rejection| rejection.reason);
        }
        if refused > 0 {
            counter!("logboom_messages_refused_total", "door" => name).increment(refused as u64);
            tracing::warn!(file = %path.display(), refused, reason, "lines were refused");
        }
        Ok(())
    }
}
