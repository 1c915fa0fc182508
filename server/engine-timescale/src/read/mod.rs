//! The questions that readers ask.

mod count;
mod facets;
mod histogram;
mod neighbours;
mod row;
mod search;

pub(crate) use count::count;
pub(crate) use facets::facets;
pub(crate) use histogram::histogram;
pub(crate) use neighbours::{context, get};
pub(crate) use row::stored_record;
pub(crate) use search::{read_after, search};
