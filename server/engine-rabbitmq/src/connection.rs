//! One connection to the broker, and the classes of its failures.

use std::time::Duration;

use lapin::{
    Channel, Connection, ConnectionProperties, ErrorKind,
    protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError},
};
use tokio::time::timeout;

use crate::{config::Address, state::Trouble};

/// The timeout of a handshake or a request to the broker. A network that drops packets would otherwise block an attempt
/// for minutes.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Why a connection failed or ended.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Failure {
    /// Temporary: a retry may succeed.
    #[error("{0}")]
    Away(String),
    /// Somebody must fix something first: the password, a permission, the queue.
    #[error("{0}")]
    Refused(String),
    /// Another connection holds the exclusive lock.
    #[error("{0}")]
    Locked(String),
}

impl From<lapin::Error> for Failure {
    fn from(error: lapin::Error) -> Self {
        let text = error.to_string();
        let ErrorKind::ProtocolError(protocol) = error.kind() else { return Self::Away(text) };
        match protocol.kind() {
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED | AMQPSoftError::PRECONDITIONFAILED)
            | AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED | AMQPHardError::NOTIMPLEMENTED) => Self::Refused(text),
            AMQPErrorKind::Soft(AMQPSoftError::RESOURCELOCKED) => Self::Locked(text),
            _ => Self::Away(text),
        }
    }
}

impl From<&Failure> for Trouble {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Away(reason) | Failure::Locked(reason) => Self::Away(reason.clone()),
            Failure::Refused(reason) => Self::Refused(reason.clone()),
        }
    }
}

/// Opens a connection with the client name `logboom` and the part's name.
pub(crate) async fn open(address: &Address, part: &str) -> Result<Connection, Failure> {
    let properties = ConnectionProperties::default().with_connection_name(format!("logboom {part}").into());
    with_timeout(Connection::connect_uri(address.uri.clone(), properties)).await
}

/// Opens a channel.
pub(crate) async fn channel(connection: &Connection) -> Result<Channel, Failure> {
    with_timeout(connection.create_channel()).await
}

/// Waits for the broker's response, with a timeout.
pub(crate) async fn with_timeout<T>(request: impl Future<Output = lapin::Result<T>>) -> Result<T, Failure> {
    match timeout(TIMEOUT, request).await {
        Ok(answer) => answer.map_err(Failure::from),
        Err(_) => Err(Failure::Away(format!("no response within {TIMEOUT:?}"))),
    }
}

/// Closes the connection cleanly; the broker still processes earlier frames.
pub(crate) async fn close(connection: &Connection) {
    // A failure is ignored: the broker treats a lost connection the same.
    let _ = with_timeout(connection.close(200, "closed by logboom".into())).await;
}
