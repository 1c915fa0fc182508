//! The engine on a real broker: the contract of the port, and faults.

// Clippy knows test functions, not what they share.
#![allow(clippy::unwrap_used)]

mod contract;
mod faults;
mod prefetch;
mod support;
