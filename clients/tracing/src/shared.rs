//! State shared by the layer, the guard and the sender.
//!
//! Every entry ends in one of two ways: the server acknowledges it, or the fallback gets it. Only
//! [`Shared::acknowledged`] and [`Shared::give_up`] decide this, and both count.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use wire::v1::Record;

use crate::{
    batch::Producer,
    buffer::{Bounds, Buffer, Refused},
    entry::Entry,
    fallback::Sink,
    record::record,
    stats::{Counters, Stats},
};

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) producer: Producer,
    pub(crate) buffer: Buffer,
    pub(crate) counters: Counters,
    fallback: Sink,
    /// All entries below this number are settled.
    settled: watch::Sender<u64>,
    /// Notified by a flush, so that a sender in backoff retries at once.
    pub(crate) hurry: Notify,
    connection: Mutex<Connection>,
}

/// The state of the connection, for [`Stats`].
#[derive(Debug, Default)]
struct Connection {
    open: bool,
    error: Option<String>,
    /// The last reason for refusing the key, until a batch is acknowledged.
    denied: Option<String>,
    /// The reasons that were reported meanwhile.
    reported: Vec<String>,
}

/// The number of different reasons that are reported until a batch is acknowledged.
const REPORTED: usize = 8;

/// Why a record goes to the fallback.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cause {
    /// The buffer was full.
    Overflow,
    /// The server refused it.
    Refusal,
    /// The time for sending was over.
    End,
}

impl Connection {
    /// Keeps the reason for refusing the key; whether it is to be reported.
    fn deny(&mut self, reason: &str) -> bool {
        self.denied = Some(reason.to_owned());
        let is_new = self.reported.len() < REPORTED && self.reported.iter().all(|known| known != reason);
        if is_new {
            self.reported.push(reason.to_owned());
        }
        is_new
    }
}

impl Shared {
    pub(crate) fn new(producer: Producer, bounds: Bounds, fallback: Sink) -> Arc<Self> {
        Arc::new(Self {
            producer,
            buffer: Buffer::new(bounds),
            counters: Counters::default(),
            fallback,
            settled: watch::Sender::new(0),
            hurry: Notify::new(),
            connection: Mutex::default(),
        })
    }

    /// Buffers an event. If the buffer is full, writes it to the fallback on the caller's thread.
    pub(crate) fn take(&self, entry: Entry) {
        if let Some(Refused { entry, reason }) = self.buffer.push(entry) {
            self.give_up(Cause::Overflow, [(&record(entry), reason)]);
        }
    }

    pub(crate) fn acknowledged(&self, records: usize) {
        self.counters.acknowledged.add(records);
        let mut connection = self.connection.lock();
        connection.denied = None;
        connection.reported.clear();
    }

    /// The server refuses the key. Reports each of the first reasons once, because the sender goes on trying: someone
    /// may mend the key.
    pub(crate) fn denied(&self, reason: &str) {
        if self.connection.lock().deny(reason) {
            // This layer ignores it, because it is of a sender's thread. Other layers show it.
            tracing::warn!(reason, "Logboom refuses to take records; they stay in memory");
        }
    }

    /// Writes records to the fallback, each with the reason.
    pub(crate) fn give_up<'a>(&self, cause: Cause, records: impl IntoIterator<Item = (&'a Record, &'a str)>) {
        let written = self.fallback.write(&self.producer, records);
        self.counters.lost.add(written.lost);
        let counter = match cause {
            Cause::Overflow => &self.counters.overflowed,
            Cause::Refusal => &self.counters.refused,
            Cause::End => &self.counters.abandoned,
        };
        counter.add(written.records);
    }

    /// Notifies waiters that all entries below `number` are settled.
    pub(crate) fn settled_below(&self, number: u64) {
        self.settled.send_if_modified(|settled| {
            let later = number > *settled;
            *settled = number.max(*settled);
            later
        });
    }

    /// Waits until all entries below `number` are settled.
    pub(crate) async fn settled(&self, number: u64) {
        // Fails only without the sender, which lives as long as `self`.
        let _ = self.settled.subscribe().wait_for(|settled| *settled >= number).await;
    }

    pub(crate) fn connected(&self) {
        let mut connection = self.connection.lock();
        (connection.open, connection.error) = (true, None);
    }

    pub(crate) fn disconnected(&self, error: String) {
        let mut connection = self.connection.lock();
        (connection.open, connection.error) = (false, Some(error));
    }

    pub(crate) fn stats(&self) -> Stats {
        let connection = self.connection.lock();
        let held = self.buffer.held();
        Stats {
            acknowledged: self.counters.acknowledged.get(),
            buffered: held.records as u64,
            buffered_bytes: held.bytes as u64,
            overflowed: self.counters.overflowed.get(),
            refused: self.counters.refused.get(),
            abandoned: self.counters.abandoned.get(),
            lost: self.counters.lost.get(),
            connected: connection.open,
            error: connection.error.clone(),
            denied: connection.denied.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_first_reasons_is_reported_once() {
        let mut connection = Connection::default();
        let reported = ["a", "b", "a", "b"].map(|reason| connection.deny(reason));
        assert_eq!(reported, [true, true, false, false]);
        assert_eq!((2..20).filter(|number| connection.deny(&number.to_string())).count(), REPORTED - 2);
        assert_eq!(connection.denied.as_deref(), Some("19"));
    }
}
