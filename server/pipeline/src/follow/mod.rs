//! Followers: stored records go on to other systems (C11).
//!
//! A follower reads the store from its cursor on, in position order, and hands each batch of matching records to a
//! [`Sink`]. The cursor is a document; it moves only after the sink has acknowledged the batch. One node at a time
//! runs a follower, under a lease, and a write of the cursor is fenced by it. A sink that is down delays nobody else:
//! its records wait in the store.
//!
//! | file | content |
//! |---|---|
//! | `address` | where a sink sends to, and whether a stored cursor is of that |
//! | `ahead` | preparing the next batch while one is delivered |
//! | `attempts` | sending one batch: what followers and the relay share |
//! | `cursor` | the document with the progress of a follower |
//! | `follower` | the loop: read, send, acknowledge, retry |
//! | `followers` | all followers of this process; pausing them |
//! | `letters` | refused records as dead letters |
//! | `source` | batches of matching records, from memory near the newest end, otherwise from the store |
//! | `store_id` | the id of the store, which ends loops of forwarded records |
//! | `status` | what System, the API and `/metrics` show of each follower |

mod address;
pub(crate) mod ahead;
pub(crate) mod attempts;
mod cursor;
mod follower;
mod followers;
pub(crate) mod letters;
pub(crate) mod retries;
pub(crate) mod source;
mod status;
mod store_id;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use model::{Query, StoredRecord};
use sha2::{Digest as _, Sha256};

pub use self::{
    address::Address,
    cursor::CURSOR,
    followers::{Followers, Options, PAUSE},
    letters::is_of_sink,
    status::{FollowerState, FollowerStatus},
    store_id::store_id,
};
use crate::{BatchId, Result};

/// The attribute of a forwarded record with the ids of the Logboom stores that it has passed, comma-separated, in order.
pub const VIA: &str = "logboom.via";

/// The maximum number of records of one [`Outgoing`] batch.
pub const RECORDS: usize = 10_000;
/// A batch is closed when its records weigh this many bytes ([`model::Record::weight`]). A single record may weigh more.
pub const BYTES: usize = 8 << 20;

/// The receiver's side of a follower: one destination and its protocol.
///
/// One task at a time uses a sink, so the methods take `&mut self`.
#[async_trait]
pub trait Sink: Send + 'static {
    /// Prepares the destination, so that the next batch follows the one that returned `mark`; `None` if no batch has
    /// been acknowledged yet. Called before the first batch, and again before the first batch after an error. Must be
    /// cheap if nothing needs to be done.
    ///
    /// # Errors
    /// As [`Sink::send`], except that `Invalid` is retried too.
    async fn open(&mut self, mark: Option<&str>) -> Result<()>;

    /// Returns the preparer of this sink, which works while the sink delivers the batch before; `None` if there is
    /// nothing to prepare.
    fn preparer(&self) -> Option<Arc<dyn Prepare>> {
        None
    }

    /// Delivers all records in order. Returns once the destination has acknowledged them.
    ///
    /// A batch may be sent again, after an error or a crash: then with the same id, the same first record, and the
    /// same records as far as they still exist. A destination that can recognise the id or the records' ids does not
    /// store them twice.
    ///
    /// # Errors
    /// `Unavailable` and `Overloaded` are retried with backoff, or after the error's `retry_after`. `Invalid`: the
    /// destination refuses the batch as a whole; the follower sends its halves, until a single refused record becomes
    /// a dead letter. Other classes are retried like `Unavailable`. The text names the destination without secrets,
    /// and a way out. Every wait inside has a limit.
    async fn send(&mut self, batch: &Outgoing) -> Result<Sent>;
}

/// Prepares the next batch of a sink, such as by encoding it, while the sink delivers the batch before it.
pub trait Prepare: Send + Sync + 'static {
    /// Prepares a batch for [`Sink::send`] and keeps the result until the batch is sent. Replaces a batch that was
    /// prepared before and not sent, so a sink holds one prepared batch in memory besides the one under way.
    ///
    /// Runs on a thread for blocking work. Neither waits nor fails: what cannot be prepared is reported by
    /// [`Sink::send`], which also takes batches that were not prepared.
    fn prepare(&self, batch: &Outgoing);
}

/// A batch of matching records on its way to a sink: 1 to [`RECORDS`] of them, in position order.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// The same for each attempt to send this batch.
    pub id: BatchId,
    pub records: Vec<StoredRecord>,
}

impl Outgoing {
    /// The id is derived from the sink and the ids of the first and the last record.
    pub(crate) fn new(sink: &str, records: Vec<StoredRecord>) -> Self {
        let mut digest = Sha256::new();
        digest.update(sink);
        for stored in records.first().iter().chain(&records.last()) {
            digest.update(stored.record.id.to_bytes());
        }
        Self { id: BatchId::of_digest(digest), records }
    }
}

/// Where a sink starts that has no cursor yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// With the first record stored after its first start.
    #[default]
    Now,
    /// With the oldest stored record.
    Oldest,
}

/// A follower to run.
#[derive(Clone)]
pub struct Definition {
    /// Unique. The cursor belongs to it.
    pub name: String,
    /// It cannot change under the same name.
    pub target: Address,
    /// The filter as text; empty for all records.
    pub query_text: String,
    pub query: Query,
    pub start: Start,
    /// Builds the sink; called for each turn under the lease.
    pub build: Arc<dyn Fn() -> Result<Box<dyn Sink>> + Send + Sync>,
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Definition({} to {})", self.name, self.target)
    }
}

/// The result of [`Sink::send`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sent {
    /// Records that the destination refused for good, by ascending index. The others are stored there.
    pub refused: Vec<Refused>,
    /// Text of at most 1 KiB for [`Sink::open`], such as the length of a file. It is stored with the cursor.
    pub mark: Option<String>,
}

/// A record that the destination refused for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The index in the batch.
    pub index: usize,
    /// The destination's reason.
    pub reason: String,
}
