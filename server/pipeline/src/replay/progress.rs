//! The progress of a running replay.

use model::Position;

use super::document::{Replay, ReplayState};
use crate::{
    Error, Result,
    jobs::{self, Job as _},
};

/// A replay whose lease is held.
pub(super) type Progress = jobs::Progress<Replay>;

impl Progress {
    pub(super) async fn end(&mut self, state: ReplayState, error: Option<&str>) -> Result<()> {
        self.job.state = state;
        self.job.ended = Some(self.clock.now());
        self.job.set_error(error);
        self.store().await
    }

    /// Stores an error of the destination or of the archive, if it is another one than before.
    pub(super) async fn failed(&mut self, error: &Error) -> Result<()> {
        if !self.note_error(error) {
            return Ok(());
        }
        tracing::warn!(replay = self.job.id, sink = self.job.sink, %error, "a replay cannot go on, retrying");
        self.store().await
    }

    /// The end of the batch that may have been sent.
    pub(super) fn sending(&self) -> Option<Position> {
        self.job.sending.map(Position)
    }

    pub(super) fn set_sending(&mut self, upto: Position) {
        self.job.sending = Some(upto.0);
    }

    /// Everything up to `upto` was delivered.
    pub(super) fn advance(&mut self, upto: Position, sent: u64, refused: u64) {
        let Replay { position, sending, sent: all_sent, refused: all_refused, error, .. } = &mut self.job;
        (*position, *sending, *error) = (upto.0, None, None);
        *all_sent += sent;
        *all_refused += refused;
        self.has_moved = true;
    }
}
