//! The log store on PostgreSQL, with TimescaleDB where that is installed.
//!
//! # What is in the database
//!
//! All is in the schema `logboom`: `logs` has a row for each record, in a partition or a
//! chunk for each day; `ledger` a row for each batch that is stored; `blocks` a row for
//! each storing transaction; `runs` a row for each sequence of consecutive records of a
//! batch; `dead_letters` what could not be stored; `documents` what people and features keep;
//! `leases` which node may do what one node at a time may do.
//!
//! # Storing: one transaction
//!
//! 1. The ids of the batches are entered into the ledger, sorted, `on conflict do
//!    nothing`. Those that come back are new; the others are stored already, or are being
//!    stored by another node, for whose commit this statement waits (C2).
//! 2. `draw_block` registers the transaction and draws the number of its block.
//! 3. The records of the new batches go in by `insert`s from arrays, a few thousand a
//!    statement. A record's position is the block's number and the record's ordinal in it:
//!    `block << 20 | ordinal`.
//! 4. Runs, block, dead letters and the notification to other nodes; commit.
//!
//! Where PostgreSQL refuses a record as data, all is rolled back and done again under
//! savepoints, halved until the refused records stand alone: those become dead letters in
//! the same transaction, and the others are stored (C5). Where the answer
//! to the commit is lost, the caller tries again, and the ledger says what happened.
//!
//! # Why readers see no hole (C8)
//!
//! Transactions commit in another order than they draw their numbers in. A reader that
//! has seen block 8 must know that block 7 will not appear any more.
//!
//! `draw_block`, in this order: (a) reads the newest number drawn so far, `d`; (b) takes
//! an advisory lock named `d`, shared and held until the transaction ends; (c) draws its
//! number `n`. Numbers grow, so `d < n`.
//!
//! `final_position`, in this order, each a statement with a snapshot of its own: (1) reads
//! the newest committed block, `h`; (2) reads the lowest `d` among the locks held, or
//! infinity; (3) takes as final all blocks up to `f = min(h, d)`.
//!
//! Suppose that a block `n <= f` is not visible to whoever reads after (2) and appears
//! later. As `n <= h`, and numbers are drawn in order, `n` was drawn no later than `h`
//! was; `h` had committed by (1); so the writer of `n` had done (b) before (1). Its lock
//! is held until it ends, and PostgreSQL releases locks only after it has made a commit
//! visible. Either, then, the lock was held at (2): so `f <= d < n`, against `n <= f`. Or
//! it had been released by (2): so the transaction had ended, and its block was visible
//! by then or never will be. There is no window between drawing and registering, because
//! the lock comes first and covers whatever number is drawn after it.
//!
//! Only committed blocks count as newest, not drawn numbers: a crash may take back numbers
//! that were drawn, but none that were committed, since the log of the sequence is flushed
//! with the commit. So no position that a reader has seen is ever given again.
//!
//! What it costs: a writer that hangs in the middle holds back all readers, so the server
//! ends sessions that are idle in a transaction for 30 s, and those of vanished peers.
//!
//! # The tail
//!
//! Blocks are final a moment after they are committed. The horizon is read again after
//! each store of this process, on a notification from another node, and once a second. A
//! notification is only ever a hint: what is given out is read from `runs`, and from
//! memory where this process stored it lately (C3).
//!
//! # Searching
//!
//! A query becomes SQL with parameters (see `sql`), newest first by (time, nanoseconds,
//! position), paged by key. What SQL cannot judge as the model does is verified row by
//! row (C7). A question that is dropped closes its connection, and the server stops
//! working on it; one that takes too long is stopped by a statement timeout.

mod append;
mod attributes;
mod connect;
mod dead_letters;
mod documents;
mod error;
mod insert;
mod leases;
mod migrate;
mod options;
mod partitions;
mod piece;
mod read;
mod session;
mod sql;
mod status;
mod store;
mod tail;
mod types;
mod upkeep;

use std::sync::Arc;

pub use options::Options;
use pipeline::{LogStore, Result};

/// Opens the store at a `postgres://` or `postgresql://` URL.
///
/// Waits for a server that is not there yet, saying so every few seconds, then brings
/// the schema up to date. Several nodes may do so at once.
///
/// # Errors
/// `Invalid` for a URL that is none, a refused login, a database that does not exist or
/// that a newer Logboom has used.
pub async fn connect(url: &str, options: Options) -> Result<Arc<dyn LogStore>> {
    Ok(Arc::new(store::Store::open(url, &options).await?))
}
