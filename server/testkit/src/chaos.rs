//! A TCP proxy that injects network faults.
//!
//! It runs between an engine and its server; the engine connects to [`Proxy::address`]. It can cut (close connections
//! and refuse new ones), slow down, and drop traffic silently (accept everything, forward nothing), and recover.

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

/// The fault mode of the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    #[default]
    None,
    /// Connections are closed, and new ones right after they are accepted.
    Cut,
    /// Each chunk of up to 16 KiB, in either direction, is delayed.
    Slow(Duration),
    /// Connections stay open without traffic; the bytes are forwarded afterwards.
    BlackHole,
}

/// A proxy in front of one server; it stops when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    /// The number of times all connections were closed.
    cuts: watch::Sender<u64>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy on a free port of the loopback interface.
    pub async fn start(target: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let fault = watch::Sender::new(Fault::None);
        let cuts = watch::Sender::new(0);
        let task = tokio::spawn(serve(listener, target, fault.clone(), cuts.subscribe()));
        Ok(Self { address, fault, cuts, task })
    }

    /// The address for clients.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes every connection, and new ones right after they are accepted.
    pub fn cut(&self) {
        self.set(Fault::Cut);
        self.cut_once();
    }

    /// Closes every connection, but accepts new ones, like a restart.
    pub fn cut_once(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Delays each chunk.
    pub fn slow(&self, delay: Duration) {
        self.set(Fault::Slow(delay));
    }

    /// Forwards nothing, and closes nothing.
    pub fn black_hole(&self) {
        self.set(Fault::BlackHole);
    }

    /// Forwards everything again.
    pub fn restore(&self) {
        self.set(Fault::None);
    }

    fn set(&self, fault: Fault) {
        tracing::debug!(address = %self.address, ?fault, "the proxy changes its mode");
        self.fault.send_replace(fault);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, target: SocketAddr, fault: watch::Sender<Fault>, mut cuts: watch::Receiver<u64>) {
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
                if *fault.borrow() != Fault::Cut {
                    connections.spawn(forward(client, target, fault.subscribe()));
                }
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn forward(client: TcpStream, target: SocketAddr, fault: watch::Receiver<Fault>) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    let (_, _) = (client.set_nodelay(true), server.set_nodelay(true));
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    // Half-closed connections are closed entirely: no client under test needs them.
    tokio::select! {
        () = pump(client_reads, server_writes, fault.clone()) => {}
        () = pump(server_reads, client_writes, fault) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut fault: watch::Receiver<Fault>) {
    let mut piece = vec![0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let now = match fault.wait_for(|fault| *fault != Fault::BlackHole).await {
            Ok(fault) => *fault,
            Err(_) => return,
        };
        if let Fault::Slow(delay) = now {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
