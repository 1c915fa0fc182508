//! The gRPC doors, served on the main port (h2c) and on listeners of their own.

mod log_service;
mod logger;
mod status;

use axum::{
    Router,
    http::{HeaderValue, Response, header},
    response::IntoResponse,
};
use model::limits;
use pipeline::admit::Ingest;
use tonic::{Code, server::NamedService};
use wire::{logger::logger_server::LoggerServer, v1::log_service_server::LogServiceServer};

/// The gRPC services as routes: the doors, health and reflection.
pub(crate) fn routes(ingest: &Ingest) -> anyhow::Result<Router> {
    let logger =
        LoggerServer::new(logger::LoggerDoor::new(ingest.clone())).max_decoding_message_size(limits::BATCH_BYTES);
    let log_service = LogServiceServer::new(log_service::LogServiceDoor::new(ingest.clone()))
        .max_decoding_message_size(limits::BATCH_BYTES)
        .accept_compressed(tonic::codec::CompressionEncoding::Gzip)
        .accept_compressed(tonic::codec::CompressionEncoding::Zstd);
    let (_, health) = tonic_health::server::health_reporter();
    let reflection_v1 = reflection().build_v1()?;
    let reflection_v1alpha = reflection().build_v1alpha()?;
    Ok(Router::new()
        .route_service(&path(&logger), logger)
        .route_service(&path(&log_service), log_service)
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

/// The answer to a gRPC call of a service that is not here.
pub(crate) fn unimplemented(path: &str) -> axum::response::Response {
    let message = format!("no gRPC service answers at {path}; ask the reflection service for those that do");
    let mut response = Response::new(axum::body::Body::empty());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from(Code::Unimplemented as i32));
    if let Ok(message) = HeaderValue::from_str(&message) {
        headers.insert("grpc-message", message);
    }
    response.into_response()
}
