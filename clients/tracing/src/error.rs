//! Errors of building a layer.

use std::{io, path::PathBuf};

/// The reason why no layer could be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The endpoint is not a valid address.
    #[error("endpoint {endpoint}: {reason}")]
    Endpoint {
        /// The given endpoint, without a user and password.
        endpoint: String,
        /// The problem, and how to write an endpoint.
        reason: String,
    },
    /// The certificates cannot be used.
    #[error("the certificates cannot be used: {reason}")]
    Tls {
        /// The problem.
        reason: String,
    },
    /// An option is out of range.
    #[error("{option} is {value}; it may be {bounds}")]
    Option {
        /// The name of the option, as in [`Builder`](crate::Builder).
        option: &'static str,
        /// The given value.
        value: String,
        /// The valid range.
        bounds: &'static str,
    },
    /// The fallback file cannot be written.
    #[error("the fallback's file {}: {source}", path.display())]
    Fallback {
        /// The given path.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The sender's thread cannot be started.
    #[error("the sender's thread cannot be started")]
    Thread(#[source] io::Error),
}
