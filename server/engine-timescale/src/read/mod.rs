//! The read side: search, aggregation and lookups.

mod aggregate;
mod by_texts;
mod by_values;
mod found;
mod grouping;
mod minutes;
mod neighbours;
mod row;
mod search;
mod slices;
mod sweep;

use std::sync::Arc;

use sqlx::PgPool;

use crate::{minutes::Minutes, summaries::Cache};

pub(crate) use aggregate::aggregate;
pub(crate) use neighbours::{context, get};
pub(crate) use row::{columns_for, stored_record};
pub(crate) use search::{read_by_position, search, selects_traces};
pub(crate) use slices::{Pace, last_of};

/// What reads need.
#[derive(Debug, Clone)]
pub(crate) struct Readers {
    pub(crate) pool: PgPool,
    /// What counts the records of each minute.
    pub(crate) minutes: Minutes,
    pub(crate) sets: Arc<Cache>,
}
