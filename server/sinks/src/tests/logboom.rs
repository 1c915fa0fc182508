//! Another Logboom, reduced to its answers.

use std::{collections::VecDeque, net::SocketAddr, sync::Arc, time::Duration};

use pipeline::{ErrorClass, follow::Sent};
use tokio::{net::TcpListener, sync::Mutex};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status, Streaming, codec::CompressionEncoding, transport::Server};
use tonic_types::{ErrorDetails, StatusExt as _};
use wire::v1::{
    PushRequest, PushResponse, Rejection, StreamResponse, attribute,
    log_service_server::{LogService, LogServiceServer},
};

use super::{server::closed, sink, sink_with};
use crate::{
    examples::{full, outgoing, record},
    secrets::Credentials,
};

type Answer = Result<PushResponse, Status>;
/// The header `authorization`, and the request.
type Seen = (Option<String>, PushRequest);

#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Option<Answer>>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

#[tonic::async_trait]
impl LogService for Script {
    async fn push(&self, request: Request<PushRequest>) -> Result<Response<PushResponse>, Status> {
        let authorization = request.metadata().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        self.seen.lock().await.push((authorization, request.into_inner()));
        match self.answers.lock().await.pop_front().expect("a request that the script expects") {
            Some(answer) => answer.map(Response::new),
            None => std::future::pending().await,
        }
    }

    type StreamStream = tokio_stream::Pending<Result<StreamResponse, Status>>;

    async fn stream(&self, _: Request<Streaming<PushRequest>>) -> Result<Response<Self::StreamStream>, Status> {
        Err(Status::unimplemented("not here"))
    }
}

/// A server with these answers; `None` is no answer.
async fn start<const N: usize>(answers: [Option<Answer>; N]) -> (SocketAddr, Script) {
    let script = Script { answers: Arc::new(Mutex::new(answers.into())), ..Script::default() };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = LogServiceServer::new(script.clone())
        .accept_compressed(CompressionEncoding::Zstd)
        .accept_compressed(CompressionEncoding::Gzip);
    let server = Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(server);
    (address, script)
}

fn accepted() -> Option<Answer> {
    Some(Ok(PushResponse::default()))
}

#[tokio::test]
async fn a_batch_goes_with_its_id_and_every_field() {
    for compress in ["none", "gzip", "zstd"] {
        let (address, script) = start([accepted()]).await;
        let token = Credentials::Bearer("s3cret".into());
        let mut sink = sink_with("logboom+http", &format!("http://{address}/?compress={compress}"), token);
        let batch = outgoing([full(), record("m")]);
        assert_eq!(sink.send(&batch).await.unwrap(), Sent::default());
        let seen = script.seen.lock().await;
        let (authorization, request) = &seen[0];
        assert_eq!(authorization.as_deref(), Some("Bearer s3cret"));
        assert_eq!(request.batch_id, batch.id.0);
        let [first, second] = &request.records[..] else { panic!("{request:?}") };
        let sent = full();
        assert_eq!((first.time_unix_nano, first.severity, first.level.as_str()), (sent.time, 14, "notice"));
        assert_eq!((first.trace_id.len(), first.span_id.len()), (16, 8));
        let values: Vec<_> = first.attributes.iter().map(|one| one.value.clone().unwrap()).collect();
        assert_eq!(
            values[..3],
            [attribute::Value::Boolean(true), attribute::Value::Number(2.0), attribute::Value::Integer(-503)]
        );
        assert_eq!((second.message.as_str(), second.service.as_str(), second.node.as_str()), ("m", "shop", "a1"));
    }
}

#[tokio::test]
async fn rejections_are_refused_records() {
    let rejected = vec![Rejection { index: 1, reason: "message: too long".into() }];
    let (address, _script) = start([Some(Ok(PushResponse { accepted: 1, rejected, sequence: 0 }))]).await;
    let sent =
        sink("logboom+http", &format!("http://{address}")).send(&outgoing(["a", "b"].map(record))).await.unwrap();
    assert_eq!((sent.refused[0].index, sent.refused[0].reason.as_str()), (1, "message: too long"));
}

#[tokio::test]
async fn a_large_batch_goes_in_parts_and_continues_after_an_error() {
    let failed = Some(Err(Status::unavailable("closing")));
    let (address, script) = start([accepted(), failed, accepted()]).await;
    let mut sink = sink("logboom+http", &format!("http://{address}"));
    let large = "x".repeat(3 << 20);
    let batch = outgoing([&large, &large].map(|text| record(text)));
    assert!(sink.send(&batch).await.is_err());
    assert_eq!(sink.send(&batch).await.unwrap(), Sent::default());
    let seen = script.seen.lock().await;
    let ids: Vec<_> = seen.iter().map(|(_, request)| &request.batch_id).collect();
    assert_ne!(ids[0], ids[1]);
    assert_eq!(ids[1], ids[2]);
}

#[tokio::test]
async fn a_code_decides_whether_the_records_or_the_sink_is_at_fault() {
    let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(3)));
    let overloaded = Status::with_error_details(Code::ResourceExhausted, "full", details);
    for (status, class, after, part) in [
        (Status::invalid_argument("bad"), ErrorClass::Invalid, None, "bad"),
        (Status::out_of_range("too large"), ErrorClass::Invalid, None, "too large"),
        (overloaded, ErrorClass::Overloaded, Some(3), "full"),
        (Status::resource_exhausted("full"), ErrorClass::Overloaded, None, "full"),
        (Status::unauthenticated("who"), ErrorClass::Unavailable, None, "check the user"),
        (Status::unimplemented("what"), ErrorClass::Unavailable, None, "gRPC port"),
        (Status::internal("oh"), ErrorClass::Unavailable, None, "oh"),
    ] {
        let (address, _script) = start([Some(Err(status))]).await;
        let error =
            sink("logboom+http", &format!("http://{address}")).send(&outgoing([record("m")])).await.unwrap_err();
        assert_eq!((error.class, error.retry_after), (class, after.map(Duration::from_secs)), "{error}");
        assert!(error.message.contains(part) && error.message.contains(&address.to_string()), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_down_or_slow_is_unavailable() {
    let (slow, _script) = start([None]).await;
    for (address, part) in [(closed().await, "cannot be reached"), (slow, "no answer in")] {
        let error =
            sink("logboom+http", &format!("http://{address}")).send(&outgoing([record("m")])).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Unavailable);
        assert!(error.message.contains(part) && error.message.contains(&address.to_string()), "{error}");
    }
}
