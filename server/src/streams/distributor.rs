//! Registration with a distributor, which announces services to each other: a packet
//! `{"uri":"/distributes","method":"POST","key":0,"params":{"port":…,"name":"logs","urls":["POST/logs"]}}¶` on a
//! connection that stays open.

use std::{net::SocketAddr, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;

/// The delay between connection attempts.
const AGAIN: Duration = Duration::from_secs(3);
/// The timeout of a connection attempt.
const PATIENCE: Duration = Duration::from_secs(10);

/// The registration and its target.
#[derive(Debug, Clone)]
pub(crate) struct Distributor {
    /// `host:port` of the distributor.
    pub(crate) address: String,
    /// The host to announce, if it differs from the source address of this connection.
    pub(crate) advertise: Option<String>,
    /// The address that accepts packets.
    pub(crate) listening: SocketAddr,
}

impl Distributor {
    fn packet(&self) -> String {
        let mut params = json!({ "port": self.listening.port(), "name": "logs", "urls": ["POST/logs"] });
        if let Some(host) = &self.advertise {
            params["host"] = json!(host);
        }
        format!("{}¶", json!({ "uri": "/distributes", "method": "POST", "key": 0, "params": params }))
    }
}

/// Keeps the registration until `stop`.
pub(crate) async fn register(distributor: Distributor, stop: CancellationToken) {
    let address = &distributor.address;
    let mut is_logged = false;
    loop {
        let connected = tokio::select! {
            connected = register_once(&distributor) => connected,
            () = stop.cancelled() => return,
        };
        match connected {
            Ok(mut stream) => {
                tracing::info!(address, "registered with the distributor");
                is_logged = false;
                tokio::select! {
                    () = until_closed(&mut stream) => tracing::warn!(address, "the distributor has closed the connection"),
                    () = stop.cancelled() => return,
                }
            }
            // A long outage is logged once.
            Err(error) if !is_logged => {
                is_logged = true;
                tracing::warn!(address, %error, "the distributor cannot be reached; trying every {} s", AGAIN.as_secs());
            }
            Err(error) => tracing::debug!(address, %error, "the distributor cannot be reached"),
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn register_once(distributor: &Distributor) -> std::io::Result<TcpStream> {
    let connect = async {
        let mut stream = TcpStream::connect(&distributor.address).await?;
        stream.write_all(distributor.packet().as_bytes()).await?;
        Ok(stream)
    };
    tokio::time::timeout(PATIENCE, connect).await?
}

/// The distributor sends the list of other services, which is ignored.
async fn until_closed(stream: &mut TcpStream) {
    let mut ignored = [0; 4096];
    while matches!(stream.read(&mut ignored).await, Ok(1..)) {}
}
