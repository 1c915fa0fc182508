//! The log store on PostgreSQL, with TimescaleDB where that is installed.

mod options;

use std::sync::Arc;

pub use options::Options;
use pipeline::{Error, LogStore, Result};

/// Connects to the store at a `postgres://` URL, waiting for a server that is not there yet.
pub async fn connect(_url: &str, _options: Options) -> Result<Arc<dyn LogStore>> {
    Err(Error::unavailable("the store on PostgreSQL is not there yet"))
}
