//! What tests of several packages share.
//!
//! - [`contract`]: what every engine must do, as suites that each engine instantiates
//!   with one macro;
//! - [`memory`]: the reference engines, which the suites compare with;
//! - [`faulty`]: engines that fail, hang or slow down when told to;
//! - [`chaos`]: a TCP proxy that cuts, stalls and swallows;
//! - [`oracle`]: which records were lost, doubled or invented;
//! - [`records`]: deterministic corpora, awkward values included;
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
