//! The reference engines: as simple as possible, so that they are evidently correct.
//!
//! They keep everything in memory. Their content survives [`MemoryQueue::reopen`] and [`MemoryStore::reopen`], like
//! that of a disk.

mod documents;
mod letters;
mod questions;
mod queue;
mod removal;
mod store;

pub use queue::MemoryQueue;
pub use store::MemoryStore;

use pipeline::Error;

fn closed() -> Error {
    Error::unavailable("closed")
}
