//! Why a log-in has failed: a kind for the user, and the detail for the log.

use std::{error::Error, fmt};

use app::external::ExternalFailure;

/// A log-in that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: ExternalFailure,
    /// For the log. It has no secret and no token.
    pub(crate) detail: String,
}

impl Failure {
    pub(crate) fn new(kind: ExternalFailure, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
