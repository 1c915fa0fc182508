//! The gRPC doors, served on the main port (h2c) and on additional listeners.

mod log_service;
mod logger;
mod metered;
mod otlp;
mod status;

use axum::{Router, body::Body, http::StatusCode};
use compact_str::format_compact;
use metered::Metered;
use model::{Text, limits};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::LogsServiceServer;
pub(crate) use otlp::partial_success;
use pipeline::admit::Ingest;
pub(crate) use status::code;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, server::NamedService};
use wire::{logger::logger_server::LoggerServer, v1::log_service_server::LogServiceServer};

/// The gRPC services as routes: the doors, health and reflection. Streams are closed at `stop`.
pub(crate) fn routes(ingest: &Ingest, stop: &CancellationToken) -> anyhow::Result<Router> {
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
    let reflection_v1 = reflection().build_v1()?;
    let reflection_v1alpha = reflection().build_v1alpha()?;
    Ok(Router::new()
        .route_service(&path(&logger), Metered::new(logger, ingest))
        .route_service(&path(&log_service), Metered::new(log_service, ingest))
        .route_service(&path(&otlp), Metered::new(otlp, ingest))
        .route_service(&path(&health), health)
        .route_service(&path(&reflection_v1), reflection_v1)
        .route_service(&path(&reflection_v1alpha), reflection_v1alpha))
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(wire::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

fn path<S: NamedService>(_: &S) -> String {
    format!("/{}/{{*method}}", S::NAME)
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

/// The door and the peer, for dead letters and diagnosis.
fn producer(door: &str, peer: Option<std::net::SocketAddr>) -> Text {
    match peer {
        Some(peer) => format_compact!("{door} {}", peer.ip()),
        None => Text::from(door),
    }
}
