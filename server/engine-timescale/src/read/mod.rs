//! The questions that readers ask.

mod aggregate;
mod minutes;
mod neighbours;
mod row;
mod search;
mod slices;

use sqlx::PgPool;

pub(crate) use aggregate::aggregate;
pub(crate) use neighbours::{context, get};
pub(crate) use row::stored_record;
pub(crate) use search::{read_after, search};

/// What answers questions.
#[derive(Debug, Clone)]
pub(crate) struct Readers {
    pub(crate) pool: PgPool,
    /// Whether there is a table of how many records each minute has.
    pub(crate) have_minutes: bool,
}
