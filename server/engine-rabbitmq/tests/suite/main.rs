//! The engine on a real broker: the contract of the port, and failures.

// Clippy recognises test functions, but not their helpers.
#![allow(clippy::unwrap_used)]

mod contract;
mod faults;
mod prefetch;
mod support;
