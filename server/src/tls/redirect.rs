//! The listener without TLS beside those with it: `--http-redirect`. It sends browsers to https, and serves nothing.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, Method, Request, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use pipeline::Supervisor;
use tokio::net::TcpListener;

use crate::{
    callers::{self, Callers},
    listen::{End, Port},
};

/// The timeout of a request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
const USE_HTTPS: &str = "use https: this call came without encryption, and others may have read what it carried; \
                         replace the key or the password in it\n";

/// A bound listener that redirects.
pub(crate) struct Redirect {
    port: Port,
    target: Arc<Target>,
}

/// Where callers are sent.
struct Target {
    callers: Arc<Callers>,
    /// The port of `--listen`, unless a public URL has another.
    https: u16,
}

impl Redirect {
    /// `main` is the address of the listener with TLS.
    pub(crate) fn new(listener: TcpListener, callers: Arc<Callers>, main: SocketAddr, max_connections: usize) -> Self {
        let target = Arc::new(Target { callers, https: main.port() });
        Self { port: Port::new(listener, max_connections), target }
    }

    /// The bound address, with the port chosen by the system for port 0.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.port.address()
    }

    /// Answers until `end`. The accept loop is a task with this name; the port survives a panic of it.
    pub(crate) async fn serve(self, name: String, supervisor: Supervisor, end: End) {
        supervisor.run(name, &end.accepting, || self.accept(&end)).await;
    }

    async fn accept(&self, end: &End) {
        while let Some((stream, peer, slot)) = self.port.accept(&end.accepting).await {
            let (target, serving) = (Arc::clone(&self.target), end.serving.clone());
            tokio::spawn(async move {
                let service = service_fn(move |request: Request<Incoming>| {
                    let answer = callers::secured(target.answer(&request.map(Body::new)));
                    async move { Ok::<_, Infallible>(answer) }
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEADER_TIMEOUT)
                    .keep_alive(false)
                    .serve_connection(TokioIo::new(stream), service);
                tokio::select! {
                    ended = connection => {
                        if let Err(error) = ended {
                            tracing::debug!(%peer, %error, "connection ended");
                        }
                    }
                    () = serving.cancelled() => {}
                }
                drop(slot);
            });
        }
    }
}

impl Target {
    fn answer(&self, request: &Request<Body>) -> Response {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return (StatusCode::FORBIDDEN, USE_HTTPS).into_response();
        }
        let origin = match self.callers.secure_origin(request, self.https) {
            Ok(Some(origin)) => origin,
            Ok(None) => {
                let detail = "use https: the call has no Host header, so its https address is not known\n";
                return (StatusCode::BAD_REQUEST, detail).into_response();
            }
            Err(detail) => return (StatusCode::MISDIRECTED_REQUEST, format!("{detail}\n")).into_response(),
        };
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        match HeaderValue::try_from(format!("{origin}{path}")) {
            Ok(location) => {
                // A redirect for ever is kept by browsers, and a changed port would be unreachable for them.
                let headers =
                    [(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
                (StatusCode::PERMANENT_REDIRECT, headers).into_response()
            }
            Err(_) => (StatusCode::BAD_REQUEST, "use https\n").into_response(),
        }
    }
}
