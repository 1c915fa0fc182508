//! Sending one batch: what followers and the relay share.

use std::{sync::Arc, time::Duration};

use model::StoredRecord;

use super::{Outgoing, Prepare, Refused, Sink};
use crate::{Error, ErrorClass, Result};

/// Small batches are gathered for this long after the batch before them, so that each costs one request.
pub(crate) const GATHER: Duration = Duration::from_millis(200);
/// A batch of this size does not wait.
pub(crate) const ENOUGH: usize = 1000;
/// The first backoff while a destination does not acknowledge.
pub(crate) const FIRST_WAIT: Duration = Duration::from_millis(200);
/// The longest backoff of followers, relays and replays. A destination that is back has to wait for it.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// The limit for storing the progress at the end.
pub(crate) const LAST_STORE: Duration = Duration::from_secs(5);

/// A refused record, with the reason.
pub(crate) type Refusal = (StoredRecord, String);

/// A sink that is opened before its first batch, and again after an error.
pub(crate) struct Opened {
    sink: Box<dyn Sink>,
    is_closed: bool,
}

impl Opened {
    pub(crate) fn new(sink: Box<dyn Sink>) -> Self {
        Self { sink, is_closed: true }
    }

    /// As [`Sink::preparer`].
    pub(crate) fn preparer(&self) -> Option<Arc<dyn Prepare>> {
        self.sink.preparer()
    }

    /// Sends the batch after the one that left `mark`, and replaces `mark`.
    ///
    /// # Errors
    /// Those of [`Sink::send`].
    pub(crate) async fn send(&mut self, batch: &Outgoing, mark: &mut Option<String>) -> Result<Vec<Refused>> {
        if self.is_closed {
            self.sink.open(mark.as_deref()).await.map_err(|error| match error.class {
                // It concerns the destination, so no record may be refused for it.
                ErrorClass::Invalid => Error { class: ErrorClass::Unavailable, ..error },
                _ => error,
            })?;
        }
        self.is_closed = true;
        let sent = self.sink.send(batch).await?;
        self.is_closed = false;
        *mark = sent.mark;
        Ok(sent.refused)
    }
}

/// A batch on its way. A part that is refused as a whole is halved, down to the record at fault.
pub(crate) struct Halving {
    /// As in [`Outgoing::new`].
    sink: String,
    /// The parts still to send, the next one last.
    parts: Vec<Outgoing>,
    refused: Vec<Refusal>,
}

impl Halving {
    pub(crate) fn new(sink: &str, batch: Outgoing) -> Self {
        Self { sink: sink.to_owned(), parts: vec![batch], refused: Vec::new() }
    }

    /// The part to send; `None` at the end.
    pub(crate) fn next(&self) -> Option<&Outgoing> {
        self.parts.last()
    }

    /// The part was acknowledged, except for some records.
    pub(crate) fn acknowledge(&mut self, refused: Vec<Refused>) {
        let Some(part) = self.parts.pop() else { return };
        for Refused { index, reason } in refused {
            self.refused.extend(part.records.get(index).cloned().map(|stored| (stored, reason)));
        }
    }

    /// The part was refused as a whole.
    pub(crate) fn refuse(&mut self, reason: &str) {
        let Some(Outgoing { mut records, .. }) = self.parts.pop() else { return };
        let half = records.split_off(records.len() / 2);
        if records.is_empty() {
            self.refused.extend(half.into_iter().map(|stored| (stored, reason.to_owned())));
        } else {
            self.parts.extend([half, records].map(|records| Outgoing::new(&self.sink, records)));
        }
    }

    /// The refused records, once nothing is left to send.
    pub(crate) fn into_refused(self) -> Vec<Refusal> {
        self.refused
    }
}
