//! Which kinds of documents there are. A feature adds its kind here, and files, export and import
//! know it.

use pipeline::Kind;

use crate::views::VIEW;

/// The kinds, sorted by name.
pub const KINDS: &[&Kind] = &[&VIEW];
