//! The reference engines: as simple as can be, so that they can be believed.
//!
//! They live in the memory of the process. What they hold survives
//! [`MemoryQueue::reopen`] and [`MemoryStore::reopen`], as a disk would keep it.

mod documents;
mod letters;
mod questions;
mod queue;
mod store;

pub use queue::MemoryQueue;
pub use store::MemoryStore;

use pipeline::Error;

fn closed() -> Error {
    Error::unavailable("closed")
}
