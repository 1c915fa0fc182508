//! The TCP doors: most of them never respond. Written records count as acknowledged; `--settle` checks whether they
//! are stored.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use reqwest::Url;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Mutex,
};

use super::{Fate, Parcel};

/// One connection; clones share it.
#[derive(Clone)]
pub(crate) struct SocketDoor {
    address: String,
    /// Whether each parcel is acknowledged.
    answers: bool,
    stream: Arc<Mutex<Option<TcpStream>>>,
}

impl SocketDoor {
    /// `url` is `tcp://host:port`.
    pub(crate) fn new(url: Option<&Url>, answers: bool) -> Result<Self> {
        let url = url.context("this door needs --socket-url tcp://host:port")?;
        let (host, port) = (url.host_str().unwrap_or_default(), url.port().context("--socket-url names no port")?);
        Ok(Self { address: format!("{host}:{port}"), answers, stream: Arc::default() })
    }

    pub(crate) async fn send(&self, parcel: &Parcel) -> Fate {
        match tokio::time::timeout(Duration::from_secs(60), self.write(parcel)).await {
            Ok(Ok(())) => Fate::Acknowledged { refused: Vec::new() },
            Ok(Err(error)) => Fate::Unknown { reason: error.to_string() },
            Err(_) => Fate::Unknown { reason: "nothing was taken for 60 s".to_owned() },
        }
    }

    async fn write(&self, parcel: &Parcel) -> std::io::Result<()> {
        let mut slot = self.stream.lock().await;
        let mut stream = match slot.take() {
            Some(stream) => stream,
            None => TcpStream::connect(&self.address).await?,
        };
        stream.write_all(&parcel.body).await?;
        if self.answers {
            // A response has a few bytes; each parcel waits for its own.
            let mut answer = [0; 64];
            if stream.read(&mut answer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        *slot = Some(stream);
        Ok(())
    }
}
