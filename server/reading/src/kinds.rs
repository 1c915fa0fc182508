//! The kinds of documents that users export and import. The files of `--config-dir` may have them, too.
//!
//! A kind that only its feature reads and writes, such as a cursor or a replay, is a constant beside that feature and
//! not listed here. Sinks are in files alone: the program adds their kind to these.

use pipeline::Kind;

use crate::views::VIEW;

/// These kinds, sorted by name.
pub const KINDS: &[&Kind] = &[&VIEW];
