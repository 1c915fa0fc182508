//! The store on a real PostgreSQL, plain and with TimescaleDB.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod contract;
mod documents;
mod faults;
mod locales;
mod nodes;
mod removal;
mod summaries;
mod support;
mod turns;
mod upkeep;
