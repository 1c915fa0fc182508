//! The state of all workers together, which each worker shows in its metrics.

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// Figures of all workers of one supervising process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Figures {
    /// The number of workers that are ready.
    pub(super) ready: u32,
    /// How often a worker ended without having been asked to.
    pub(super) deaths: u64,
    /// How often a worker was replaced on request.
    pub(super) rolled: u64,
    /// Whether any worker was ever ready.
    pub(super) was_ever_ready: bool,
}

/// The figures, shared by the slots.
#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    figures: watch::Sender<Figures>,
}

impl Group {
    pub(super) fn figures(&self) -> Figures {
        *self.figures.borrow()
    }

    pub(super) fn was_ever_ready(&self) -> bool {
        self.figures.borrow().was_ever_ready
    }

    /// Receives each change.
    pub(super) fn subscribe(&self) -> watch::Receiver<Figures> {
        self.figures.subscribe()
    }

    pub(super) fn became_ready(&self) {
        self.figures.send_modify(|figures| {
            figures.ready += 1;
            figures.was_ever_ready = true;
        });
    }

    /// A worker has ended unasked.
    pub(super) fn died(&self, was_ready: bool) {
        self.figures.send_modify(|figures| {
            figures.ready -= u32::from(was_ready);
            figures.deaths += 1;
        });
    }

    /// A ready worker was asked to end, because another one took its place.
    pub(super) fn rolled(&self) {
        self.figures.send_modify(|figures| {
            figures.ready -= 1;
            figures.rolled += 1;
        });
    }
}
