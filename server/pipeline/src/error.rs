//! What can go wrong between a door and the store, by class.
//!
//! The class decides what a client is told and whether trying again can help; the
//! text says which field, limit or server it is about. Each transport turns a class
//! into its own codes in one file.

use std::time::Duration;

/// The pipeline's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The input is at fault; the same again fails again.
    Invalid,
    /// There is no such thing.
    NotFound,
    /// What is stored is not what the caller expected; it has to read it again first.
    Conflict,
    /// A bound is reached; later it will do.
    Overloaded,
    /// An engine cannot be reached, or is shutting down; later it will do.
    Unavailable,
    /// What was stored does not read back as written.
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
    /// When to try again, for the classes where that helps.
    pub retry_after: Option<Duration>,
}

impl Error {
    fn new(class: ErrorClass, message: impl Into<String>, retry_after: Option<Duration>) -> Self {
        Self { class, message: message.into(), retry_after }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Invalid, message, None)
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
