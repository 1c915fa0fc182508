//! Why a layer could not be built.

use std::{io, path::PathBuf};

/// Why no layer could be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The endpoint is no address that can be connected to.
    #[error("endpoint {endpoint}: {reason}")]
    Endpoint {
        /// As it was given.
        endpoint: String,
        /// What is wrong, and how to write it.
        reason: String,
    },
    /// An option is out of its bounds.
    #[error("{option} is {value}; it may be {bounds}")]
    Option {
        /// Its name, as in [`Builder`](crate::Builder).
        option: &'static str,
        /// As it was given.
        value: String,
        /// What it may be.
        bounds: &'static str,
    },
    /// The file of the fallback cannot be written to.
    #[error("the fallback's file {}: {source}", path.display())]
    Fallback {
        /// As it was given.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The sender's thread cannot be started.
    #[error("the sender's thread cannot be started")]
    Thread(#[source] io::Error),
}
