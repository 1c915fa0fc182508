//! The fenced writes of a running replay.

use std::sync::Arc;

use model::Position;

use super::document::{REPLAY, Replay, ReplayState};
use crate::{Documents, Error, Expected, Json, Lease, Result, Version, clock::Clock};

/// A replay whose lease is held. A write fails if the lease is lost or the replay was cancelled.
pub(super) struct Progress {
    pub(super) replay: Replay,
    version: Version,
    lease: Lease,
    documents: Arc<dyn Documents>,
    clock: Clock,
    /// A batch was acknowledged since the last write.
    pub(super) has_moved: bool,
}

impl Progress {
    /// Reads the replay; `None` if it is finished or gone.
    pub(super) async fn load(
        id: &str,
        lease: Lease,
        documents: Arc<dyn Documents>,
        clock: Clock,
    ) -> Result<Option<Self>> {
        let Some(document) = documents.get(&REPLAY, id).await? else { return Ok(None) };
        let replay = Replay::read(&document)?;
        let progress = Self { replay, version: document.version, lease, documents, clock, has_moved: false };
        Ok(Some(progress).filter(|progress| !progress.replay.is_finished()))
    }

    /// # Errors
    /// `Conflict` if the lease is lost or the replay was cancelled.
    pub(super) async fn store(&mut self) -> Result<()> {
        let body = Json::from_value(&self.replay)?;
        let expected = Expected::Version(self.version);
        self.version = self.documents.put(&REPLAY, &self.replay.id, &body, expected, Some(&self.lease)).await?;
        self.has_moved = false;
        Ok(())
    }

    pub(super) async fn end(&mut self, state: ReplayState, error: Option<&str>) -> Result<()> {
        self.replay.end(state, self.clock.now(), error);
        self.store().await
    }

    /// Stores an error of the destination or of the archive, if it is another one than before.
    pub(super) async fn failed(&mut self, error: &Error) -> Result<()> {
        let before = self.replay.error.take();
        self.replay.set_error(Some(&error.message));
        if before == self.replay.error {
            return Ok(());
        }
        tracing::warn!(replay = self.replay.id, sink = self.replay.sink, %error, "a replay cannot go on, retrying");
        self.store().await
    }

    /// The end of the batch that may have been sent.
    pub(super) fn sending(&self) -> Option<Position> {
        self.replay.sending.map(Position)
    }

    pub(super) fn set_sending(&mut self, upto: Position) {
        self.replay.sending = Some(upto.0);
    }

    /// Everything up to `upto` was delivered.
    pub(super) fn advance(&mut self, upto: Position, sent: u64, refused: u64) {
        let Replay { position, sending, sent: all_sent, refused: all_refused, error, .. } = &mut self.replay;
        (*position, *sending, *error) = (upto.0, None, None);
        *all_sent += sent;
        *all_refused += refused;
        self.has_moved = true;
    }
}
