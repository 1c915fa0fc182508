//! The gRPC doors, served on the main port (h2c) and on additional listeners.

mod log_service;
mod logger;
mod metered;
mod otlp;
mod status;

use std::time::Duration;

use access::{Need, Principal};
use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, header},
};
use compact_str::format_compact;
use metered::Metered;
use model::{Text, limits};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::LogsServiceServer;
pub(crate) use otlp::partial_success;
use pipeline::admit::Ingest;
pub(crate) use status::code;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, server::NamedService};
use tonic_types::{ErrorDetails, StatusExt as _};
use wire::{logger::logger_server::LoggerServer, v1::log_service_server::LogServiceServer};

use crate::gate::Routes;

/// What calls of the own services need.
const DOOR: Need = Need::Write("grpc");
/// The callable methods of each service. A method that is not here needs what an unknown call needs.
const LOGGER: &[(&str, Need)] = &[("SendLog", DOOR)];
const LOG_SERVICE: &[(&str, Need)] = &[("Push", DOOR), ("Stream", DOOR)];
const OTLP: &[(&str, Need)] = &[("Export", Need::Write("otlp"))];
/// `Check` and `List` tell the state of the process. `Watch` and reflection are streams that stay open.
const HEALTH: &[(&str, Need)] = &[("Check", Need::Nothing), ("Watch", Need::Read), ("List", Need::Nothing)];
const REFLECTION: &[(&str, Need)] = &[("ServerReflectionInfo", Need::Read)];
/// The limit of their messages, which have a name each. tonic's is 4 MiB.
const NAME_MESSAGE_BYTES: usize = 4 << 10;

/// The gRPC services as routes: the doors, health and reflection. Streams are closed at `stop`.
pub(crate) fn routes(ingest: &Ingest, stop: &CancellationToken) -> anyhow::Result<Routes> {
    let logger =
        LoggerServer::new(logger::LoggerDoor::new(ingest.clone())).max_decoding_message_size(limits::BATCH_BYTES);
    let log_service = LogServiceServer::new(log_service::LogServiceDoor::new(ingest.clone(), stop.clone()))
        .max_decoding_message_size(limits::BATCH_BYTES)
        .accept_compressed(tonic::codec::CompressionEncoding::Gzip)
        .accept_compressed(tonic::codec::CompressionEncoding::Zstd);
    let otlp = LogsServiceServer::new(otlp::OtlpDoor::new(ingest.clone()))
        .max_decoding_message_size(limits::BATCH_BYTES)
        .accept_compressed(tonic::codec::CompressionEncoding::Gzip)
        .accept_compressed(tonic::codec::CompressionEncoding::Zstd);
    let (_, health) = tonic_health::server::health_reporter();
    let health = health.max_decoding_message_size(NAME_MESSAGE_BYTES);
    let reflection_v1 = reflection().build_v1()?.max_decoding_message_size(NAME_MESSAGE_BYTES);
    let reflection_v1alpha = reflection().build_v1alpha()?.max_decoding_message_size(NAME_MESSAGE_BYTES);
    Ok(Routes::new()
        .grpc(name_of(&logger), LOGGER, Metered::new(logger, ingest))
        .grpc(name_of(&log_service), LOG_SERVICE, Metered::new(log_service, ingest))
        .grpc(name_of(&otlp), OTLP, Metered::new(otlp, ingest))
        .grpc(name_of(&health), HEALTH, health)
        .grpc(name_of(&reflection_v1), REFLECTION, reflection_v1)
        .grpc(name_of(&reflection_v1alpha), REFLECTION, reflection_v1alpha))
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(wire::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

fn name_of<S: NamedService>(_: &S) -> &'static str {
    S::NAME
}

/// Whether it is a gRPC call. gRPC-Web is not supported; a page that tries it can read a document.
pub(crate) fn is_call(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    kind.strip_prefix(b"application/grpc").is_some_and(|rest| !rest.starts_with(b"-web"))
}

/// The response to a call whose caller may not make it, or not now.
pub(crate) fn denied(code: Code, message: &str, retry_after: Option<Duration>) -> axum::response::Response {
    let status = match retry_after {
        Some(delay) => Status::with_error_details(code, message, ErrorDetails::with_retry_info(Some(delay))),
        None => Status::new(code, message),
    };
    status.into_http::<Body>()
}

/// The response to a gRPC call of an unknown service.
pub(crate) fn unimplemented(path: &str) -> axum::response::Response {
    let message = format!("unknown gRPC service {path}; the reflection service lists the available ones");
    answer(Code::Unimplemented, message)
}

/// The response to a forbidden gRPC call. The HTTP status is for clients other than gRPC.
pub(crate) fn refused(status: StatusCode, message: &str) -> axum::response::Response {
    let mut response = answer(Code::PermissionDenied, message);
    *response.status_mut() = status;
    response
}

fn answer(code: Code, message: impl Into<String>) -> axum::response::Response {
    Status::new(code, message).into_http::<Body>()
}

/// The caller, whom the gate has put in front of the call.
///
/// # Errors
/// There is none: the call came around the gate.
fn principal<T>(request: &tonic::Request<T>) -> Result<Principal, Status> {
    let principal = request.extensions().get::<Principal>().cloned();
    principal.ok_or_else(|| Status::internal("the call has no principal; this is a fault in the server"))
}

/// The door and the peer, for dead letters and diagnosis.
fn producer(door: &str, peer: Option<std::net::SocketAddr>) -> Text {
    match peer {
        Some(peer) => format_compact!("{door} {}", peer.ip()),
        None => Text::from(door),
    }
}
