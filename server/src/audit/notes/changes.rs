//! The changes of a command that works without a server.

use pipeline::{Result, lease::host_name};
use tokio::sync::{Mutex, mpsc};

use super::{Notes, document::Note, user::user_name};
use crate::audit::event::Event;

/// Leaves a note of each change.
pub(crate) struct Changes {
    events: Mutex<mpsc::Receiver<Event>>,
    notes: Notes,
    user: String,
    node: String,
}

impl Changes {
    /// `events`: those of [`Audit::for_command`](crate::audit::Audit::for_command).
    pub(crate) fn new(events: mpsc::Receiver<Event>, notes: Notes) -> Self {
        Self { events: Mutex::new(events), notes, user: user_name(), node: host_name() }
    }

    /// Stores a note of each change since the last call.
    ///
    /// # Errors
    /// Those of the store of documents. The change that could not be noted is not tried again.
    pub(crate) async fn leave_notes(&self) -> Result<()> {
        let mut events = self.events.lock().await;
        while let Ok(event) = events.try_recv() {
            self.notes.leave(Note::of(&event, &self.user, &self.node)).await?;
        }
        Ok(())
    }
}
