//! The engine on a real broker: the contract of the port, and faults.

mod contract;
mod faults;
mod support;
