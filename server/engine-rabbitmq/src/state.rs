//! The broker state known to the supervised parts, for the queue's callers.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use pipeline::Error;
use tokio::sync::watch;

/// Why nothing can be published now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// There is no connection.
    Away(String),
    /// The broker refuses the connection; waiting alone does not help.
    Refused(String),
    /// The broker blocks publishers until it has memory or disk again.
    Blocked(String),
}

impl Trouble {
    /// The text for display.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Away(reason) => format!("rabbitmq cannot be reached: {reason}"),
            Self::Refused(reason) => format!("rabbitmq refuses: {reason}"),
            Self::Blocked(reason) => format!("rabbitmq blocks publishers: {reason}"),
        }
    }

    /// The error for a caller that wants to publish.
    pub(crate) fn error(&self) -> Error {
        match self {
            Self::Away(_) | Self::Refused(_) => Error::unavailable(self.text()),
            Self::Blocked(_) => Error::overloaded(self.text(), Duration::from_secs(1)),
        }
    }
}

/// Shared between the queue and its two supervised parts.
#[derive(Debug)]
pub(crate) struct State {
    publishing: watch::Sender<Option<Trouble>>,
    /// Messages in the queue that are not delivered to a consumer.
    ready: AtomicU64,
    /// Batches of a newer version that this node holds.
    newer: AtomicU64,
}

impl State {
    pub(crate) fn new() -> Self {
        let trouble = Trouble::Away("not connected yet".to_owned());
        Self { publishing: watch::Sender::new(Some(trouble)), ready: AtomicU64::new(0), newer: AtomicU64::new(0) }
    }

    pub(crate) fn set_trouble(&self, trouble: Option<Trouble>) {
        self.publishing.send_replace(trouble);
    }

    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.publishing.borrow().clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Option<Trouble>> {
        self.publishing.subscribe()
    }

    pub(crate) fn set_ready(&self, messages: u64) {
        self.ready.store(messages, Ordering::Relaxed);
    }

    pub(crate) fn set_newer(&self, batches: u64) {
        self.newer.store(batches, Ordering::Relaxed);
    }

    pub(crate) fn newer(&self) -> u64 {
        self.newer.load(Ordering::Relaxed)
    }

    pub(crate) fn ready(&self) -> u64 {
        self.ready.load(Ordering::Relaxed)
    }
}
