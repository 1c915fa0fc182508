//! Compiles queries of the model to SQL (C7).
//!
//! A filter becomes a condition and a flag whether it is exact. Whatever PostgreSQL evaluates like
//! [`Query::matches`](model::Query::matches) is compiled directly. Regular expressions, which it may evaluate
//! differently, become a condition that selects more rows; those are then verified in Rust. Values are always
//! parameters.

mod field;
mod filter;
mod parameters;
mod places;
mod statement;

pub(crate) use field::text_of;
pub(crate) use parameters::Parameters;
pub(crate) use places::{Places, RANGES};
pub(crate) use statement::Statement;
