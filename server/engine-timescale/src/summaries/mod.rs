//! Summaries of blocks: what searches may skip, and what counts need not read.
//!
//! # Blocks
//!
//! A block is a range of consecutive positions, of at most 65,536 records. It is *sealed* once all its positions are
//! final, so nothing is added to it any more: a late record has a new position, and is in a later block. Blocks may
//! have any times and overlap in time. They are found by their bounds of time, and work alike on partitions, chunks of
//! rows and chunks in columns. What is after the last block is the *tail*, which is read as it is.
//!
//! A sealed block is *built*: its records are read once, and what the package [`indexes`] makes of them is stored.
//! `seal.rs` and `build.rs` do so, in a task of their own under a lease (`task.rs`), newest blocks first.
//!
//! # Staying true
//!
//! Stored records never change, and they only go. Whatever deletes some forgets the blocks they were in, in the same
//! transaction (`forget.rs`); these blocks are read from the records until they are built again.
//!
//! - Who builds a block reads `changed`, then the records, and stores the summary only if `changed` is still the same.
//!   A deletion increments it, also of blocks that are not built. If its transaction commits before the records are
//!   read, they are read without it; if later, the two meet at the row of the block, and the summary is not stored, or
//!   is forgotten.
//! - A deletion cannot forget a block that is sealed while it runs. So deletions hold an advisory lock, which they share,
//!   and sealing waits for nobody: it leaves its work for the next round unless it gets the lock alone.
//! - Rows that are deleted without this, by an older node or by hand, make a trigger of the plain table forget all blocks.
//!   A hypertable has no such trigger, nor notices a partition that somebody drops: those are noticed by counting, because
//!   now and then a block is looked at whether it still has as many records as when it was built.
//!
//! # Reading
//!
//! Readers use one snapshot for all statements of an answer, so that a summary and the records belong together. `heads.rs`
//! finds the blocks of a range, `probe.rs` leaves out those that cannot match, `texts.rs` finds texts in the pages of
//! sorted messages, and `values.rs` reads counts. A summary that is missing, of a newer version or damaged is an answer
//! too: the records of its block are read.

mod build;
mod cache;
mod collect;
pub(crate) mod forget;
mod heads;
mod probe;
pub(crate) mod runs;
mod seal;
mod task;
mod texts;
mod values;

pub(crate) use cache::Cache;
pub(crate) use heads::{Blocks, Head, load};
pub(crate) use probe::{keep, texts_of};
pub(crate) use task::Summaries;
pub(crate) use texts::{Wanted, matching};
pub(crate) use values::{OfBlock, count};
