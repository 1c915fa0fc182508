//! From a query of the model to SQL (invariant C7).
//!
//! A filter becomes a condition and the word on whether it is exact. What PostgreSQL
//! sees as [`Query::matches`](model::Query::matches) does is compiled as it is; what it
//! may see differently, which is regular expressions alone, becomes a condition that
//! holds for more, and the rows are then verified in Rust. Values only ever go in as
//! parameters.

mod field;
mod filter;
mod parameters;
mod statement;

pub(crate) use field::text_of;
pub(crate) use parameters::Parameters;
pub(crate) use statement::Statement;
