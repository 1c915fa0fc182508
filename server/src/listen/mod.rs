//! Listeners: accept a limited number of connections, serve HTTP/1.1 and HTTP/2 on the same port, stop gracefully.
//!
//! Why not `axum-server`: its loop accepts without a limit and has one HTTP/2 configuration for all connections. This
//! one takes a slot before it accepts, and sizes the window of a connection by the number of open ones. hyper and
//! hyper-util do the rest in either case.

mod port;
mod protocol;
mod service;

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::service::service_fn;
use hyper_util::{
    rt::TokioIo,
    server::graceful::{GracefulConnection, GracefulShutdown},
};
use pipeline::Supervisor;
use tokio::{net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;
use wire::gathered::Gathered;

pub(crate) use self::port::Port;
use self::{
    protocol::{builder, open},
    service::service,
};
use crate::{
    callers::Callers,
    gate::Gate,
    tls::{Tls, Validity},
};

/// How long calls in flight may still take when the certificate of their client no longer counts.
const LAST: Duration = Duration::from_secs(5);

/// The end of the listeners, in two steps.
#[derive(Debug, Clone, Default)]
pub(crate) struct End {
    /// No connection is accepted any more. Open ones are served, and an answer over HTTP/1 asks its client to connect
    /// anew, so that a client that is busy meets no closed connection.
    pub(crate) accepting: CancellationToken,
    /// Connections without a request are closed, and each other one after its requests.
    pub(crate) serving: CancellationToken,
}

/// A port with its HTTP services.
pub(crate) struct Listener {
    port: Port,
    router: Router,
    callers: Arc<Callers>,
    gate: Arc<Gate>,
    tls: Option<Tls>,
}

impl Listener {
    /// As [`Port::new`]; `callers` and then `gate` check every call.
    pub(crate) fn new(
        listener: TcpListener,
        router: Router,
        callers: Arc<Callers>,
        gate: Arc<Gate>,
        max_connections: usize,
    ) -> Self {
        Self { port: Port::new(listener, max_connections), router, callers, gate, tls: None }
    }

    /// Speaks TLS alone, if there is a certificate.
    pub(crate) fn with_tls(mut self, tls: Option<&Tls>) -> Self {
        self.tls = tls.cloned();
        self
    }

    /// As [`Port::address`].
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.port.address()
    }

    /// Serves until `end`, then finishes the requests in flight. The accept loop is a task with this name; port and
    /// connections survive a panic of it.
    pub(crate) async fn serve(self, name: String, supervisor: Supervisor, end: End) {
        let connections = GracefulShutdown::new();
        supervisor.run(name, &end.accepting, || self.accept(&connections, &end)).await;
        drop(self.port);
        end.serving.cancelled().await;
        connections.shutdown().await;
    }

    async fn accept(&self, connections: &GracefulShutdown, end: &End) {
        while let Some((stream, peer, slot)) = self.port.accept(&end.accepting).await {
            let (builder, router, watcher) = (builder(self.port.open()), self.router.clone(), connections.watcher());
            let (callers, gate) = (Arc::clone(&self.callers), Arc::clone(&self.gate));
            let (tls, end) = (self.tls.clone(), end.clone());
            tokio::spawn(async move {
                // Browsers open connections that they may never use.
                let opened = tokio::select! {
                    biased;
                    opened = open(stream, tls.as_ref()) => opened,
                    () = end.serving.cancelled() => None,
                };
                if let Some(opened) = opened {
                    let service = service(router, callers, gate, &opened, peer, end.accepting);
                    let validity = opened.validity;
                    let stream = TokioIo::new(Gathered::new(opened.stream));
                    let connection = builder.serve_connection(stream, service_fn(service)).into_owned();
                    if let Err(error) = served(connection, &end.serving, &validity).await {
                        tracing::debug!(%peer, %error, "connection ended");
                    }
                }
                drop((watcher, slot));
            });
        }
    }
}

/// Serves a connection until its client ends it; or, after its calls, until the end of the server or of the client's
/// certificate.
async fn served<C: GracefulConnection>(
    connection: C,
    serving: &CancellationToken,
    validity: &Validity,
) -> Result<(), C::Error> {
    let mut connection = pin!(connection);
    tokio::select! {
        served = connection.as_mut() => return served,
        () = serving.cancelled() => {}
        () = validity.ended() => {
            connection.as_mut().graceful_shutdown();
            // Streams do not end by themselves.
            return timeout(LAST, connection).await.unwrap_or(Ok(()));
        }
    }
    connection.as_mut().graceful_shutdown();
    connection.await
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };

    use super::*;

    async fn listener(router: Router) -> Listener {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        Listener::new(listener, router, Arc::default(), Arc::new(Gate::open()), 4)
    }

    fn close(end: &End) {
        end.accepting.cancel();
        end.serving.cancel();
    }

    async fn asked(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_call_that_panics_is_answered_and_costs_no_other() {
        async fn broken() {
            panic!("a fault on purpose");
        }
        let router = Router::new().route("/broken", get(broken)).route("/sound", get(async || "sound"));
        let listener = listener(router).await;
        let address = listener.address().unwrap();
        let end = End::default();
        let server = tokio::spawn(listener.serve("http".to_owned(), Supervisor::default(), end.clone()));
        let broken = asked(address, "/broken").await;
        assert!(broken.starts_with("HTTP/1.0 500") && broken.contains("fault in the server"), "{broken}");
        let sound = asked(address, "/sound").await;
        assert!(sound.starts_with("HTTP/1.0 200") && sound.ends_with("sound"), "{sound}");
        close(&end);
        server.await.unwrap();
    }

    #[tokio::test]
    async fn a_listener_that_leaves_answers_on_open_connections_and_asks_for_new_ones() {
        let listener = listener(Router::new().route("/", get(async || "sound"))).await;
        let address = listener.address().unwrap();
        let end = End::default();
        let server = tokio::spawn(listener.serve("http".to_owned(), Supervisor::default(), end.clone()));
        // Accepted in this order, so both are once the second one is answered.
        let mut silent = TcpStream::connect(address).await.unwrap();
        let mut busy = TcpStream::connect(address).await.unwrap();
        let mut buffer = [0; 1024];
        let mut heads = Vec::new();
        for leaving in [false, true] {
            if leaving {
                end.accepting.cancel();
            }
            busy.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
            let read = busy.read(&mut buffer).await.unwrap();
            heads.push(String::from_utf8_lossy(&buffer[..read]).into_owned());
        }
        assert!(heads[0].starts_with("HTTP/1.1 200") && !heads[0].contains("connection: close"), "{heads:?}");
        assert!(heads[1].starts_with("HTTP/1.1 200") && heads[1].contains("connection: close"), "{heads:?}");
        assert_eq!(busy.read(&mut buffer).await.unwrap(), 0);
        // One that has sent nothing stays open for its first request.
        assert!(tokio::time::timeout(Duration::from_millis(50), silent.read(&mut buffer)).await.is_err());
        end.serving.cancel();
        assert_eq!(silent.read(&mut buffer).await.unwrap(), 0);
        server.await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_of_the_listener_costs_neither_its_connections_nor_another_listener() {
        let router = || Router::new().route("/", get(async || "sound"));
        let (supervisor, end) = (Supervisor::default(), End::default());
        let mut addresses = Vec::new();
        let mut servers = tokio::task::JoinSet::new();
        for name in ["one", "other"] {
            let listener = listener(router()).await;
            addresses.push(listener.address().unwrap());
            servers.spawn(listener.serve(name.to_owned(), supervisor.clone(), end.clone()));
        }
        let mut open = TcpStream::connect(addresses[0]).await.unwrap();
        let mut buffer = [0; 1024];
        for round in 0..2 {
            open.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
            let read = open.read(&mut buffer).await.unwrap();
            assert!(buffer[..read].starts_with(b"HTTP/1.1 200"), "round {round}");
            if round == 0 {
                assert!(supervisor.panic_in("one"));
            }
            // Waits until the listener is back.
            for address in &addresses {
                assert!(asked(*address, "/").await.ends_with("sound"));
            }
        }
        let restarts: Vec<u64> = supervisor.tasks().iter().map(|task| task.restarts).collect();
        assert_eq!(restarts, [1, 0]);
        drop(open);
        close(&end);
        while servers.join_next().await.is_some() {}
    }
}
