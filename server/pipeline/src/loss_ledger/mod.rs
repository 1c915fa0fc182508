//! The loss ledger: for each hour and service, received = stored + deduplicated + rejected + dead + deleted + in flight
//! (C10).
//!
//! An hour is an hour of the records' own time, because the store can count by it: what is stored is not noted, it is
//! counted again and again, so that a record that disappears later is missed, too. The other numbers are noted where
//! they arise, in memory ([`LossLedger`]), and written to documents (`keeper`). The auditor counts
//! the store, keeps the largest number it has ever counted, and compares ([`Auditor`]).
//!
//! What it can and cannot tell:
//!
//! - A row is compared with what was received once the queue was seen empty after the row's last change. Until then the
//!   difference is in flight.
//! - Notes that are not written yet are lost with a process that is killed. The rows that it had not settled are compared
//!   only with what was counted before.
//! - What a deletion was about to take is noted before it begins ([`crate::deletion`]). While it runs, a difference up to
//!   that number counts as deleted.
//! - A batch with a client's id that the queue redelivers counts as deduplicated. That makes a difference smaller, and
//!   never larger: the ledger does not cry wolf.

mod audit;
mod balance;
mod counting;
pub(crate) mod deleted;
mod document;
mod entry;
mod keeper;
mod line;
mod pages;
mod summary;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use model::{Nanos, Text};
use parking_lot::Mutex;

pub use audit::{Auditor, Needs};
pub use balance::Kept;
pub use deleted::DELETED;
pub use document::{COUNT, SHEET};
pub use keeper::Keeper;
pub use line::{Line, State, Totals};
pub use summary::Summary;

use self::{entry::Entry, pages::Pages};
pub use crate::hour::Hour;
use crate::{Appended, Batch, Queue, Tally, clock::Clock};

/// How far back the ledger goes. Older hours are neither noted nor compared.
pub const REACH: Duration = Duration::from_secs(31 * 86_400);

impl Hour {
    /// The oldest hour of the ledger.
    pub fn oldest(now: Nanos) -> Self {
        let reach = Nanos::try_from(REACH.as_nanos()).unwrap_or(Nanos::MAX);
        Self::of(now.saturating_sub(reach)).next()
    }
}

/// The reason for records that a door could not decode.
const UNDECODED: &str = "undecoded";

/// Notes what happens to records. Cheap to clone; the clones share the notes.
#[derive(Clone)]
pub struct LossLedger {
    shared: Arc<Shared>,
}

struct Shared {
    pages: Mutex<Pages>,
    /// Everything noted before this time has reached the store.
    settled: AtomicI64,
    queue: Arc<dyn Queue>,
    /// How long an empty queue may hide batches that another node has taken and not stored yet, in nanoseconds.
    slack: Nanos,
    clock: Clock,
}

impl fmt::Debug for LossLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LossLedger")
    }
}

impl LossLedger {
    /// `slack`: how long an empty queue may hide batches that another node has taken and not stored yet; zero for a
    /// queue of this process alone.
    pub fn new(queue: Arc<dyn Queue>, slack: Duration, clock: Clock) -> Self {
        let slack = Nanos::try_from(slack.as_nanos()).unwrap_or(Nanos::MAX);
        let shared = Shared { pages: Mutex::default(), settled: AtomicI64::new(0), queue, slack, clock };
        Self { shared: Arc::new(shared) }
    }

    /// The queue has made the batch durable.
    pub(crate) fn received(&self, batch: &Batch) {
        self.note(&Tally::of(batch), |entry, count| entry.accepted += count);
    }

    /// Records that this store had sent on came back; they are stored already.
    pub(crate) fn returned(&self, records: &Tally) {
        self.note(records, |entry, count| {
            entry.accepted += count;
            entry.deduplicated += count;
        });
    }

    /// Records were refused for their content.
    pub(crate) fn rejected(&self, service: &Text, reason: &str, records: u64) {
        let now = self.shared.clock.now();
        self.shared.pages.lock().change(Hour::of(now), service, now, |entry| entry.reject(reason, records));
    }

    /// Records could not be decoded, so their service is not known.
    pub(crate) fn undecoded(&self, records: usize) {
        if records > 0 {
            self.rejected(&Text::default(), UNDECODED, records as u64);
        }
    }

    /// A transaction of the store was committed. To be called before its deliveries are acknowledged.
    pub(crate) fn appended(&self, appended: &Appended) {
        self.note(&appended.deduplicated, |entry, count| entry.deduplicated += count);
        self.note(&appended.buried, |entry, count| entry.dead += count);
    }

    /// The batch became a dead letter. To be called before its delivery is acknowledged.
    pub(crate) fn buried(&self, batch: &Batch) {
        self.note(&Tally::of(batch), |entry, count| entry.dead += count);
    }

    fn note(&self, tally: &Tally, change: impl Fn(&mut Entry, u64)) {
        if tally.is_empty() {
            return;
        }
        let now = self.shared.clock.now();
        let oldest = Hour::oldest(now);
        let mut pages = self.shared.pages.lock();
        for (hour, service, count) in tally.iter().filter(|(hour, ..)| *hour >= oldest) {
            pages.change(hour, service, now, |entry| change(entry, count));
        }
    }

    /// Looks whether the queue is empty. Returns up to when everything noted has reached the store.
    fn settle(&self) -> Nanos {
        // Before the look: what is noted later may still be in the queue.
        let upto = self.shared.clock.now().saturating_sub(self.shared.slack);
        let status = self.shared.queue.status();
        // While the queue cannot be reached, its depth is what it was before.
        if status.depth == 0 && status.trouble.is_none() {
            self.shared.settled.fetch_max(upto, Ordering::AcqRel);
        }
        self.shared.settled.load(Ordering::Acquire)
    }
}
