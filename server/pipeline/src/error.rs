//! Errors between a door and the store, by class.
//!
//! The class decides the client's status and whether a retry can help. The message names the field, limit or server.
//! Each transport maps a class to its own codes in one file.

use std::time::Duration;

/// The pipeline's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The input is invalid; a retry fails again.
    Invalid,
    /// The caller may not have this; a retry fails again.
    Forbidden,
    /// The requested item does not exist.
    NotFound,
    /// The stored state is not the expected one; the caller must read it again first.
    Conflict,
    /// A limit is reached; a retry may succeed.
    Overloaded,
    /// An engine cannot be reached, or is shutting down; a retry may succeed.
    Unavailable,
    /// Stored data does not read back as written.
    Corrupt,
    /// A fault of this program.
    Internal,
}

/// A failure with its class.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub class: ErrorClass,
    /// For the client: names the field, the limit and the way out. No secrets.
    pub message: String,
    /// When to retry, for the classes where that helps.
    pub retry_after: Option<Duration>,
}

impl Error {
    fn new(class: ErrorClass, message: impl Into<String>, retry_after: Option<Duration>) -> Self {
        Self { class, message: message.into(), retry_after }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Invalid, message, None)
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Forbidden, message, None)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::NotFound, message, None)
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Conflict, message, None)
    }

    pub fn overloaded(message: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(ErrorClass::Overloaded, message, Some(retry_after))
    }

    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Unavailable, message, Some(Duration::from_secs(1)))
    }

    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Corrupt, message, None)
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Internal, message, None)
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self.class, ErrorClass::Overloaded | ErrorClass::Unavailable)
    }
}
