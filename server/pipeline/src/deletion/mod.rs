//! Deletions: the records that match a query are removed from the store for good, and from the archive on request.
//!
//! A deletion is a job. Its document names the query, the times and the newest position that it may take, so it has an
//! end, and it takes nothing that arrived after the preview that its user confirmed. One node at a time runs the
//! deletions of a store, one after another, under one lease, and each write of the progress is fenced by the lease.
//!
//! The steps:
//!
//! 1. Count: what will go is counted by hour and service, and noted in the loss ledger, before anything is removed. So a
//!    deletion never looks like a loss, wherever a crash or a cancellation ends it (C10).
//! 2. Remove: passes of [`Log::remove`](crate::Log::remove), until a pass leaves nothing.
//! 3. Archive: each archived day is written again without the records, if the user asked for it.
//! 4. Settle: what is still there is counted once more, and the difference is what the ledger shows as deleted. If other
//!    parts are set aside than at the first count, nobody can tell the difference, and the note of step 1 stays as it is.
//!
//! Live tails do not show removed records: before each step the live hub of the node forgets the blocks that may hold
//! them, and the other nodes do when they see that the deletion has counted.
//!
//! A deletion and a replay to the store exclude each other. Each looks for the other one before it is stored, once more
//! after that, and before it begins to run.
//!
//! Audit records are never removed ([`audit::query`](model::audit::query)): who may delete must not be able to remove
//! the traces of it. Dead letters are not touched.
//!
//! | file | content |
//! |---|---|
//! | `archives` | the port to the archive |
//! | `deletions` | starting, listing and cancelling |
//! | `document` | a deletion as it is stored |
//! | `run` | the steps of one deletion |
//! | `shared` | what the task and the calls of users share |
//! | `slot` | the task that runs deletions, and the lease |

mod archives;
mod deletions;
mod document;
mod run;
mod shared;
mod slot;

use std::sync::Arc;

use model::{Query, audit};

pub(crate) use self::document::deleting;
pub use self::{
    archives::ArchiveRemoval,
    deletions::{Deletions, Request, check_query},
    document::{Deletion, DeletionState},
    shared::Needs,
};
pub use crate::jobs::{KEPT, UNFINISHED};

/// The most characters of the reason that a user gives.
pub const REASON: usize = 500;

/// Is called when a deletion has ended, on the node that ran it.
pub type Ended = Arc<dyn Fn(&Deletion) + Send + Sync>;

/// The records that a deletion with this query takes: no audit records.
pub fn without_audit(query: Query) -> Query {
    query.and(audit::query().not())
}
