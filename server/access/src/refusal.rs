//! Why a call is refused. Each transport maps the class to its own codes.

use std::time::Duration;

/// When to try a closed server again.
pub const CLOSED_RETRY: Duration = Duration::from_secs(5);

/// A refused call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    pub class: RefusalClass,
    /// For the client: the reason and the way out. Of a key it has the public part alone.
    pub message: String,
    /// When to retry, where that helps.
    pub retry_after: Option<Duration>,
}

/// The kind of a refusal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefusalClass {
    /// The server cannot let the caller in now, whoever it is: it has no admin yet, a proxy leads the network to an open
    /// server, or the documents do not answer. 503 at doors that write, so that no sender drops its records.
    Closed,
    /// No credentials, or wrong ones: 401.
    Unknown,
    /// The caller is known, and may not: 403.
    Forbidden,
    /// Too many attempts: 429.
    TooMany,
}

impl Refusal {
    fn new(class: RefusalClass, message: impl Into<String>, retry_after: Option<Duration>) -> Self {
        Self { class, message: message.into(), retry_after }
    }

    pub(crate) fn closed() -> Self {
        Self::closed_because(
            "this server is closed until it has an admin; open the address that it printed last, or set \
             LOGBOOM_ADMIN_PASSWORD_FILE, or run `logboom user add NAME --role admin` with the server's --data or --store \
             (in a container: docker compose exec node-1 logboom user add …)",
        )
    }

    pub(crate) fn closed_agent() -> Self {
        Self::closed_because(
            "this agent is closed: it listens beyond this machine and has no key to accept; give it one, or start it \
             with --open",
        )
    }

    pub(crate) fn closed_because(message: &str) -> Self {
        Self::new(RefusalClass::Closed, message, Some(CLOSED_RETRY))
    }

    pub(crate) fn unknown(message: impl Into<String>) -> Self {
        Self::new(RefusalClass::Unknown, message, None)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(RefusalClass::Forbidden, message, None)
    }

    pub(crate) fn too_many(message: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(RefusalClass::TooMany, message, Some(retry_after))
    }
}
