//! Indexes of a block of records: what a search may skip, and what a count need not read.
//!
//! A block is a run of consecutive records of a store. The engine decides what a block is, and where its indexes are
//! kept. This package specifies their bytes. All of them are derived, so a missing or damaged index makes an answer
//! slower and never wrong: each reader returns [`Damaged`] instead of a guess.
//!
//! | module | answers | size |
//! |---|---|---|
//! | [`messages`] | may a message of the block contain this text? | up to 16 KiB a set |
//! | [`filter`] | may a record of the block have this value in this field? | 10 bits a distinct value |
//! | [`texts`] | which records contain this text? The messages once more, sorted by likeness and compressed | about 22 bytes a record |
//! | [`positions`] | at which position is the record with this ordinal? | a few bytes |
//! | [`values`] | how many records have each value of a field, by service and level class? | up to 4 bytes a record |

mod bytes;
pub mod filter;
pub mod messages;
pub mod positions;
pub mod texts;
pub mod values;

pub use bytes::Damaged;

/// The version of all formats of this package. A reader ignores indexes of another version.
pub const FORMAT: i16 = 1;
