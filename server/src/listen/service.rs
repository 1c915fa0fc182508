//! The router as the service of a connection: each call passes the checks of its caller first.

use std::{convert::Infallible, net::SocketAddr, panic::AssertUnwindSafe, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderValue, Request, StatusCode, Version, header, request::Parts},
    response::Response,
};
use futures::FutureExt as _;
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpConnectInfo;
use tower::ServiceExt as _;

use crate::{
    callers::Callers,
    gate::{self, Decision, Gate, Peer},
    http::{problem, write},
    tls::Opened,
};

/// The router as a service of one connection, with the peer address for axum and tonic. Refused calls do not reach it.
/// A panic in a call becomes a response, and affects no other call. Once `leaving`, HTTP/1 clients are sent elsewhere.
pub(super) fn service(
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
