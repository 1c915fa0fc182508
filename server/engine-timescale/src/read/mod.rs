//! The read side: search, aggregation and lookups.

mod aggregate;
mod minutes;
mod neighbours;
mod row;
mod search;
mod slices;

use sqlx::PgPool;

pub(crate) use aggregate::aggregate;
pub(crate) use neighbours::{context, get};
pub(crate) use row::{columns_for, stored_record};
pub(crate) use search::{read_by_position, search, selects_traces};
pub(crate) use slices::{Pace, last_of};

/// The connections and layout for reads.
#[derive(Debug, Clone)]
pub(crate) struct Readers {
    pub(crate) pool: PgPool,
    /// Whether the table of records per minute exists.
    pub(crate) have_minutes: bool,
}
