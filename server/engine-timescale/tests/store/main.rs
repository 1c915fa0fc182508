//! The store on a real PostgreSQL, plain and with TimescaleDB.

mod contract;
mod faults;
mod nodes;
mod support;
