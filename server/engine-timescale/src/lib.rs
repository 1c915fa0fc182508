//! The log store on PostgreSQL, with TimescaleDB if it is installed.
//!
//! # What is in the database
//!
//! Everything is in the schema `logboom`: `logs` has a row for each record, in a partition or chunk per day; `ledger` a
//! row for each stored batch; `blocks` a row for each storing transaction; `runs` a row for each sequence of
//! consecutive records of a batch; `dead_letters` the batches that could not be stored; `documents` the documents of
//! users and features; `leases` the holder of each task that one node at a time may do; `summaries` and its companions what
//! is derived from blocks of closed positions (see `summaries`).
//!
//! # Storing: one transaction
//!
//! 1. The ids of the batches are inserted into the ledger, sorted, `on conflict do nothing`. The returned ids are new.
//!    The others are already stored, or another node is storing them and this statement waits for its commit (C2).
//! 2. `draw_block` registers the transaction and draws the number of its block.
//! 3. The records of the new batches are stored by `insert`s from arrays, a few thousand per statement. A record's
//!    position is the block's number and the record's ordinal in it: `block << 20 | ordinal`.
//! 4. Runs, block, dead letters and the notification to other nodes; commit.
//!
//! If PostgreSQL refuses a record as data, the transaction is rolled back and repeated with savepoints. Refused pieces
//! are bisected down to single records. These become dead letters in the same transaction, and the others are stored
//! (C5). If the response to the commit is lost, the caller retries, and the retry finds the batch in the ledger.
//!
//! # Why readers miss no block (C8)
//!
//! Transactions commit in another order than they draw their numbers. A reader that has seen block 8 must know that
//! block 7 will not appear later.
//!
//! `draw_block`, in this order: (a) reads the newest number drawn so far, `d`; (b) takes
//! an advisory lock named `d`, shared and held until the transaction ends; (c) draws its
//! number `n`. Numbers grow, so `d < n`.
//!
//! `final_position`, in this order, each as a statement with its own snapshot: (1) reads the newest committed block,
//! `h`; (2) reads the lowest `d` among the locks held, or infinity; (3) takes as final all blocks up to the smaller
//! one, `f = min(h, d)`.
//!
//! Suppose that a block `n <= f` is not visible to a reader after (2) and appears later. Since `n <= h` and numbers are
//! drawn in order, `n` was drawn no later than `h`. `h` had committed by (1), so the writer of `n` had done (b) before
//! (1). Its lock is held until it ends, and PostgreSQL releases locks only after it has made a commit visible. If the
//! lock was held at (2), then `f <= d < n`, which contradicts `n <= f`. If it had been released by (2), the transaction
//! had ended, and its block was visible by then or never will be. There is no window between drawing and registering,
//! because the lock comes first and covers every number drawn after it.
//!
//! The newest block is the newest committed one, not the newest number drawn. A crash may revert numbers that were
//! drawn, but none that were committed, because the log of the sequence is flushed with the commit. So no position that
//! a reader has seen is ever reused.
//!
//! The cost: a writer that hangs in a transaction blocks all readers. So the server ends sessions that are idle in a
//! transaction for 30 s, and those of vanished peers.
//!
//! # The tail
//!
//! Blocks become final shortly after they are committed. The horizon is read again after each append of this process,
//! on a notification from another node, and once a second. A notification is only a hint: records are read from `runs`,
//! or from memory if this process stored them recently (C3).
//!
//! # Searching
//!
//! A query becomes SQL with parameters (see `sql`), newest first by (time, nanoseconds, position), paged by key.
//! Conditions that SQL may evaluate differently from the model are verified row by row (C7). Dropping a query closes
//! its connection, so that the server stops working on it. A statement timeout stops one that takes too long.
//!
//! # Deleting
//!
//! Retention drops whole days (see `upkeep`). A deletion by query removes single records (see `removal`).

mod append;
mod attributes;
mod connect;
mod dead_letters;
mod documents;
mod error;
mod insert;
mod leases;
mod migrate;
mod minutes;
mod options;
mod partitions;
mod piece;
mod read;
mod removal;
mod session;
mod sql;
mod status;
mod store;
mod summaries;
mod tail;
mod turn;
mod types;
mod upkeep;

use std::sync::Arc;

pub use options::Options;
use pipeline::{LogStore, Result};

/// Opens the store at a `postgres://` or `postgresql://` URL.
///
/// Waits until the server can be reached, with a warning every few seconds, then migrates the schema. Several nodes may
/// do so at once.
///
/// # Errors
/// `Invalid` for a malformed URL, a refused login, and a database that does not exist or that a newer Logboom has used.
pub async fn connect(url: &str, options: Options) -> Result<Arc<dyn LogStore>> {
    Ok(Arc::new(store::Store::open(url, &options).await?))
}
