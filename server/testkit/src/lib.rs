//! Test utilities shared by several packages.
//!
//! - [`contract`]: the contract of every engine, as suites that each engine instantiates with one macro;
//! - [`memory`]: the reference engines that the suites compare with;
//! - [`faulty`]: engines with injected failures and delays;
//! - [`chaos`]: a TCP proxy with injected network faults;
//! - [`oracle`]: detects lost, duplicated and invented records;
//! - [`records`]: deterministic corpora, including awkward values;
//! - [`servers`]: private PostgreSQL and RabbitMQ servers.

pub mod chaos;
pub mod contract;
pub mod faulty;
pub mod memory;
mod not_run;
pub mod oracle;
pub mod records;
pub mod servers;

pub use not_run::not_run;
