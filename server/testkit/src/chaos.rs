//! A TCP proxy that does to a connection what networks do.
//!
//! Put between an engine and its server; the engine is given [`Proxy::address`]. It can
//! be cut (connections are closed and new ones refused at once), slowed, and turned
//! into a black hole (everything is accepted, nothing arrives), and restored.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// What the proxy does with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Weather {
    #[default]
    Fair,
    /// Connections are closed, and new ones as soon as they are made.
    Cut,
    /// Each piece of up to 16 KiB, in either direction, is held up for so long.
    Slow(Duration),
    /// Connections stand, and nothing passes; what was sent meanwhile arrives after.
    BlackHole,
}

/// A proxy before one server; ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    /// How often every connection was to be closed.
    cuts: watch::Sender<u64>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy on a free port of the loopback interface.
    pub async fn start(target: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let weather = watch::Sender::new(Weather::Fair);
        let cuts = watch::Sender::new(0);
        let task = tokio::spawn(serve(listener, target, weather.clone(), cuts.subscribe()));
        Ok(Self { address, weather, cuts, task })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes every connection, and new ones as soon as they are made.
    pub fn cut(&self) {
        self.set(Weather::Cut);
        self.cut_once();
    }

    /// Closes every connection and takes new ones at once, as a restart would.
    pub fn cut_once(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Holds up each piece for so long.
    pub fn slow(&self, delay: Duration) {
        self.set(Weather::Slow(delay));
    }

    /// Lets nothing pass, and closes nothing.
    pub fn black_hole(&self) {
        self.set(Weather::BlackHole);
    }

    /// Lets everything pass again.
    pub fn restore(&self) {
        self.set(Weather::Fair);
    }

    fn set(&self, weather: Weather) {
        tracing::debug!(address = %self.address, ?weather, "the weather changes");
        self.weather.send_replace(weather);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    listener: TcpListener,
    target: SocketAddr,
    weather: watch::Sender<Weather>,
    mut cuts: watch::Receiver<u64>,
) {
    // Aborted together with this task.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            changed = cuts.changed() => match changed {
                Ok(()) => connections.abort_all(),
                Err(_) => return,
            },
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                if *weather.borrow() != Weather::Cut {
                    connections.spawn(forward(client, target, weather.subscribe()));
                }
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn forward(client: TcpStream, target: SocketAddr, weather: watch::Receiver<Weather>) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    let (_, _) = (client.set_nodelay(true), server.set_nodelay(true));
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    // Half-closed connections are closed in whole: no client under test needs them.
    tokio::select! {
        () = pump(client_reads, server_writes, weather.clone()) => {}
        () = pump(server_reads, client_writes, weather) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut weather: watch::Receiver<Weather>) {
    let mut piece = vec![0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let now = match weather.wait_for(|weather| *weather != Weather::BlackHole).await {
            Ok(weather) => *weather,
            Err(_) => return,
        };
        if let Weather::Slow(delay) = now {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
