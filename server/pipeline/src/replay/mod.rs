//! Replays: the records of a range of time are sent once more to a sink, after its destination lost them.
//!
//! The records come from the store, or a day's from the archive. The destination is a sink, or the store itself.
//!
//! A replay is a job. Its document names the range, the sink and the filter, and holds the progress. One node at a time
//! runs it, under a lease of its own, and each write of the progress is fenced by the lease. Records of the store go in
//! the order of positions, up to the newest position at the start of the replay. So the order is that of the first
//! delivery. Records of the archive go in the order of times, and are counted. In both cases, one number is enough to
//! resume. The progress moves only after the destination has acknowledged a batch, and the end of a batch is stored
//! before it is sent: a repetition has the same records and the same id.
//!
//! A replay has its own instance of the sink. It neither moves the cursor of the sink nor delays new records.
//!
//! | file | content |
//! |---|---|
//! | `archived` | the port to the archive, and reading from it |
//! | `document` | a replay as it is stored |
//! | `origin` | whether the records come from the store or from the archive |
//! | `progress` | the progress of a running replay |
//! | `replays` | starting, listing and cancelling |
//! | `restore` | the store as the destination |
//! | `run` | the loop: read, send, acknowledge, retry |
//! | `shared` | what the tasks that run replays share |
//! | `slots` | these tasks, and the leases |
//! | `source` | the batches of one replay |

mod archived;
mod document;
mod origin;
mod progress;
mod replays;
mod restore;
mod run;
mod shared;
mod slots;
mod source;

use std::{fmt, sync::Arc};

use model::Query;

pub(crate) use self::document::restoring;
pub use self::{
    archived::{ArchivedDay, ArchivedDays},
    document::{Origin, Replay, ReplayState},
    replays::{Replays, Request},
    restore::store_target,
};
pub use crate::jobs::{KEPT, UNFINISHED};
use crate::{
    Result,
    follow::{Address, Sink},
};

/// The name of the store as a destination.
pub const STORE: &str = "store";

/// Builds an instance of a sink for a replay.
pub type Build = Arc<dyn Fn(&Replay) -> Result<Box<dyn Sink>> + Send + Sync>;

/// A sink that replays can send to.
#[derive(Clone)]
pub struct Target {
    /// The name of the sink, or [`STORE`].
    pub name: String,
    /// A replay ends if it changes under the same name.
    pub target: Address,
    /// The filter of the sink, which a replay applies too.
    pub query: Query,
    pub build: Build,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({} to {})", self.name, self.target)
    }
}
