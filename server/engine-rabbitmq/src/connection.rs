//! One connection to the broker, and what its failures mean.

use std::time::Duration;

use lapin::{
    Channel, Connection, ConnectionProperties, ErrorKind,
    protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError},
};
use tokio::time::timeout;

use crate::{config::Address, state::Trouble};

/// For a handshake or one request to the broker. A network that swallows packets would
/// otherwise hold an attempt for minutes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why a connection cannot be had, or has ended.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Failure {
    /// Later it may do.
    #[error("{0}")]
    Away(String),
    /// Somebody has to change something first: the password, a right, the queue.
    #[error("{0}")]
    Refused(String),
    /// Another connection has it to itself for the moment.
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

/// Makes a connection that names itself `logboom` and its part to the broker.
pub(crate) async fn open(address: &Address, part: &str) -> Result<Connection, Failure> {
    let properties = ConnectionProperties::default().with_connection_name(format!("logboom {part}").into());
    patiently(Connection::connect_uri(address.uri.clone(), properties)).await
}

/// Opens a channel.
pub(crate) async fn channel(connection: &Connection) -> Result<Channel, Failure> {
    patiently(connection.create_channel()).await
}

/// Waits for the broker's answer, but not for ever.
pub(crate) async fn patiently<T>(request: impl Future<Output = lapin::Result<T>>) -> Result<T, Failure> {
    match timeout(PATIENCE, request).await {
        Ok(answer) => answer.map_err(Failure::from),
        Err(_) => Err(Failure::Away(format!("no answer within {PATIENCE:?}"))),
    }
}

/// Closes the connection in order; what was sent before is processed by the broker.
pub(crate) async fn close(connection: &Connection) {
    // Nothing follows from a failure: the broker treats a lost connection the same.
    let _ = patiently(connection.close(200, "closed by logboom".into())).await;
}
