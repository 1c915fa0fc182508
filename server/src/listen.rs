//! Listeners: accept a limited number of connections, serve HTTP/1.1 and HTTP/2 on the same port, stop gracefully.
//!
//! Why not `axum-server`: its loop accepts without a limit and has one HTTP/2 configuration for all connections. This
//! one takes a slot before it accepts, and sizes the window of a connection by the number of open ones. hyper and
//! hyper-util do the rest in either case.

use std::{convert::Infallible, io, net::SocketAddr, panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderValue, Request, StatusCode, Version, header, request::Parts},
    response::Response,
};
use futures::FutureExt as _;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto,
        graceful::{GracefulConnection, GracefulShutdown},
    },
};
use metrics::gauge;
use pipeline::Supervisor;
use rustix::net::sockopt;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpConnectInfo;
use tower::ServiceExt as _;
use wire::gathered::Gathered;

use crate::{
    callers::Callers,
    gate::{self, Decision, Gate, Peer},
    http::{problem, write},
    tls::{Opened, Tls, Validity},
};

/// The timeout of a request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// How long calls in flight may still take when the certificate of their client no longer counts.
const LAST: Duration = Duration::from_secs(5);
/// TCP keep-alive: the idle time before the first probe, the number of probes, and their interval.
const ALIVE_AFTER: Duration = Duration::from_secs(60);
const ALIVE_EVERY: Duration = Duration::from_secs(15);
const ALIVE_TIMES: u32 = 4;
/// HTTP/2: the limit of concurrent calls per connection.
const STREAMS: u32 = 1024;
/// HTTP/2: the flow-control windows per call and per connection. Batches are large, and a smaller window costs a round
/// trip each.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// HTTP/2: the total of the windows of all connections. Bytes sent ahead stay in memory, so the more connections are
/// open, the smaller is the window of a new one.
const WINDOWS: u32 = 64 << 20;
/// The minimum window of a connection. h2 closes a connection whose unread small frames cost more than half its window,
/// at 256 bytes each: this has room for one per call.
const LEAST_WINDOW: u32 = 2 * 256 * STREAMS;
/// HTTP/2: a peer that does not answer a ping within the timeout is disconnected.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// A bound port with a connection limit.
pub(crate) struct Port {
    listener: TcpListener,
    most: usize,
    connections: Arc<Semaphore>,
}

impl Port {
    /// Serves at most `max_connections` at once; others wait.
    pub(crate) fn new(listener: TcpListener, max_connections: usize) -> Self {
        Self { listener, most: max_connections, connections: Arc::new(Semaphore::new(max_connections)) }
    }

    /// The bound address, with the port chosen by the system for port 0.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The number of open connections.
    fn open(&self) -> usize {
        self.most - self.connections.available_permits()
    }

    /// The next connection, with its slot; `None` once `stop` is cancelled.
    pub(crate) async fn accept(&self, stop: &CancellationToken) -> Option<(TcpStream, SocketAddr, ConnectionSlot)> {
        // The slot is taken first: beyond the limit, connections wait in the system's backlog and cost this process
        // nothing.
        let permit = tokio::select! {
            permit = Arc::clone(&self.connections).acquire_owned() => permit.ok()?,
            () = stop.cancelled() => return None,
        };
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stop.cancelled() => return None,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let _ = stream.set_nodelay(true);
                    keep_alive(&stream);
                    return Some((stream, peer, ConnectionSlot::new(permit)));
                }
                Err(error) => {
                    // Probably out of file descriptors: waiting frees some.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

/// Enables TCP keep-alive. If that fails, a dead peer keeps its slot for longer.
fn keep_alive(stream: &TcpStream) {
    let _ = sockopt::set_socket_keepalive(stream, true)
        .and_then(|()| sockopt::set_tcp_keepidle(stream, ALIVE_AFTER))
        .and_then(|()| sockopt::set_tcp_keepintvl(stream, ALIVE_EVERY))
        .and_then(|()| sockopt::set_tcp_keepcnt(stream, ALIVE_TIMES));
}

/// The slot of a connection, released on drop.
pub(crate) struct ConnectionSlot {
    _permit: OwnedSemaphorePermit,
}

impl ConnectionSlot {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        gauge!("logboom_connections").increment(1.0);
        Self { _permit: permit }
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        gauge!("logboom_connections").decrement(1.0);
    }
}

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

/// Waits for the first bytes of a request, with TLS after the handshake; `None` if they do not come.
async fn open(stream: TcpStream, tls: Option<&Tls>) -> Option<Opened> {
    match tls {
        Some(tls) => tls.open_http(stream, HEADER_TIMEOUT).await,
        None => protocol_begins(&stream).await.then(|| Opened::plain(stream)),
    }
}

/// Waits until the first bytes show HTTP/1 or HTTP/2; `false` on a timeout or a disconnect. hyper would wait forever.
async fn protocol_begins(stream: &TcpStream) -> bool {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let first_bytes = async {
        let mut begin = [0; PREFACE.len()];
        loop {
            match stream.peek(&mut begin).await {
                Ok(0) | Err(_) => return false,
                Ok(length) if length < begin.len() && PREFACE.starts_with(&begin[..length]) => {
                    // Peeking does not signal further bytes, so this polls.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Ok(_) => return true,
            }
        }
    };
    tokio::time::timeout(HEADER_TIMEOUT, first_bytes).await.unwrap_or(false)
}

/// The window of a connection when `open` connections are open.
fn window(open: usize) -> u32 {
    (WINDOWS / u32::try_from(open).unwrap_or(u32::MAX).max(1)).clamp(LEAST_WINDOW, CONNECTION_WINDOW)
}

fn builder(open: usize) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size((window(open) / 4).min(STREAM_WINDOW))
        .initial_connection_window_size(window(open))
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

/// The router as a service of one connection, with the peer address for axum and tonic. Refused calls do not reach it.
/// A panic in a call becomes a response, and affects no other call. Once `leaving`, HTTP/1 clients are sent elsewhere.
fn service(
    router: Router,
    callers: Arc<Callers>,
    gate: Arc<Gate>,
    opened: &Opened,
    peer: SocketAddr,
    leaving: CancellationToken,
) -> impl Fn(Request<Incoming>) -> futures::future::BoxFuture<'static, Result<Response, Infallible>> + Clone + use<> {
    let info = TcpConnectInfo { local_addr: opened.local_addr().ok(), remote_addr: Some(peer) };
    let marks = opened.marks();
    let connect = ConnectInfo(peer);
    let peer = Peer {
        source: gate::source(peer.ip(), info.local_addr),
        certificate: opened.certificate.as_ref().map(|certificate| certificate.0.as_str().into()),
        is_tls: opened.is_secure(),
    };
    let peer = Arc::new(peer);
    move |request: Request<Incoming>| -> futures::future::BoxFuture<'static, Result<Response, Infallible>> {
        let mut request = request.map(Body::new);
        let request_version = request.version();
        request.extensions_mut().insert(connect);
        request.extensions_mut().insert(info.clone());
        marks.insert(request.extensions_mut());
        let admission = match callers.admit(&request, gate.is_open()) {
            Ok(admission) => admission,
            Err(refusal) => return Box::pin(std::future::ready(Ok(*refusal))),
        };
        let (head, body) = request.into_parts();
        // The plain session cookie does not count behind a proxy with TLS, as it does not with TLS of its own.
        let peer = if !peer.is_tls && callers.is_proxied_https(&head.headers) {
            Arc::new(Peer { is_tls: true, ..Peer::clone(&peer) })
        } else {
            Arc::clone(&peer)
        };
        let (router, gate) = (router.clone(), Arc::clone(&gate));
        let answer = AssertUnwindSafe(admitted(router, gate, peer, head, body)).catch_unwind();
        let may_leave = (request_version < Version::HTTP_2).then(|| leaving.clone());
        Box::pin(async move {
            let answer = answer.await.unwrap_or_else(|_| Ok(panicked()));
            answer.map(|answer| {
                let mut answer = admission.finish(answer);
                if may_leave.is_some_and(|leaving| leaving.is_cancelled()) {
                    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                answer
            })
        })
    }
}

/// Answers a call if its caller may make it.
async fn admitted(
    router: Router,
    gate: Arc<Gate>,
    peer: Arc<Peer>,
    mut head: Parts,
    mut body: Body,
) -> Result<Response, Infallible> {
    let admitted = match gate.decide(&mut head, &peer) {
        Decision::Admitted => Ok(()),
        Decision::Refused(answer) => Err(answer),
        Decision::Unsure => gate.decide_fresh(&mut head, &peer).await,
    };
    match admitted {
        Ok(()) => router.oneshot(Request::from_parts(head, body)).await,
        Err(answer) => {
            write::drain(head.version, &head.headers, &mut body).await;
            Ok(*answer)
        }
    }
}

fn panicked() -> Response {
    problem::document(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the call failed because of a fault in the server; see its log",
    )
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

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

    #[test]
    fn connections_share_the_windows() {
        for (open, bytes) in [(1, 8 << 20), (8, 8 << 20), (16, 4 << 20), (100, 671_088), (4096, 512 << 10)] {
            assert_eq!(window(open), bytes, "{open}");
        }
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
