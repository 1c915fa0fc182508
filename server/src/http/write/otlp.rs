//! `POST /v1/logs`: OTLP over HTTP, in protobuf and in JSON.

use access::{Need, Principal};
use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use doors::{Decoded, otlp};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use pipeline::Error;
use prost::Message;
use tonic_types::pb;
use utoipa::OpenApi;

use super::{IngestState, Payload, Refused, body::Content, idempotency::KeyHeader, problem, store};
use crate::{gate::Routes, grpc};

/// The name of the door in the terms of a key.
const DOOR: Need = Need::Write("otlp");

#[derive(OpenApi)]
#[openapi(paths(export))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<IngestState> {
    Routes::new().post("/v1/logs", DOOR, export).any("/v1/traces", DOOR, || async { other_signal("traces") }).any(
        "/v1/metrics",
        DOOR,
        || async { other_signal("metrics") },
    )
}

fn other_signal(signal: &str) -> Response {
    let detail = format!("Logboom accepts logs, not {signal}; disable the {signal} exporter or send it elsewhere");
    problem::document(StatusCode::NOT_FOUND, &detail)
}

/// The answer to a call that may not go on.
pub(crate) fn refusal(status: StatusCode, code: tonic::Code, detail: &str, headers: &HeaderMap) -> Response {
    match Encoding::of(headers) {
        Some(encoding) => encoding.status(status, code, detail.to_owned()),
        None => problem::document(status, detail),
    }
}

/// Stores the logs of OpenTelemetry's exporters: OTLP over HTTP.
#[utoipa::path(
    post,
    path = "/v1/logs",
    tag = "compatible",
    params(KeyHeader),
    request_body(
        description = "An `ExportLogsServiceRequest`.",
        content(
            (Object = "application/json", example = json!({ "resourceLogs": [{
                "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": "shop" } }] },
                "scopeLogs": [{ "logRecords": [{
                    "timeUnixNano": "1764494104120000000",
                    "severityNumber": 9,
                    "body": { "stringValue": "started" },
                }] }],
            }] })),
            ("application/x-protobuf"),
        ),
    ),
    responses(
        (
            status = 200,
            description = "The records are durable, or `partialSuccess` has the number of those that are refused.",
            content(
                (Object = "application/json", example = json!({})),
                ("application/x-protobuf"),
            ),
        ),
    ),
)]
async fn export(
    State(state): State<IngestState>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
    body: Result<Payload, Refused>,
) -> Response {
    let Some(encoding) = Encoding::of(&headers) else {
        let detail = "the content type must be application/x-protobuf or application/json";
        return problem::document(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail);
    };
    match body {
        Ok(Payload(body)) => match receive(&state, &principal, &headers, encoding, body).await {
            Ok(answer) => encoding.response(StatusCode::OK, &answer),
            Err(error) => encoding.error(&error),
        },
        Err(Refused::Full(error)) => encoding.error(&error),
        Err(Refused::Bad { status, detail }) => encoding.status(status, tonic::Code::InvalidArgument, detail),
    }
}

async fn receive(
    state: &IngestState,
    principal: &Principal,
    headers: &HeaderMap,
    encoding: Encoding,
    body: Content,
) -> Result<ExportLogsServiceResponse, Error> {
    let decoded = match encoding {
        Encoding::Protobuf => Decoded { records: otlp::decode_protobuf(&body)?, ..Decoded::default() },
        Encoding::Json => otlp::decode_json(&body)?,
    };
    drop(body);
    let outcome = store(state, principal, headers, "otlp http", decoded).await?;
    Ok(grpc::partial_success(outcome.rejected.len(), outcome.summary()))
}

/// The encoding of a request and its response.
#[derive(Debug, Clone, Copy)]
enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        match kind.split(';').next().unwrap_or_default().trim() {
            "application/x-protobuf" | "application/protobuf" => Some(Self::Protobuf),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }

    fn error(self, error: &Error) -> Response {
        let mut response = self.status(problem::status(error.class), grpc::code(error.class), error.message.clone());
        problem::retry_after(&mut response, error);
        response
    }

    /// The protocol requires a `google.rpc.Status` in the body of an error.
    fn status(self, status: StatusCode, code: tonic::Code, message: String) -> Response {
        match self {
            Self::Protobuf => {
                let status_body = pb::Status { code: code as i32, message, details: Vec::new() };
                self.body(status, status_body.encode_to_vec())
            }
            Self::Json => {
                let status_body = serde_json::json!({ "code": code as i32, "message": message });
                self.body(status, status_body.to_string().into_bytes())
            }
        }
    }

    fn response(self, status: StatusCode, answer: &ExportLogsServiceResponse) -> Response {
        match self {
            Self::Protobuf => self.body(status, answer.encode_to_vec()),
            // Full success is an empty object, without an empty field.
            Self::Json if answer.partial_success.is_none() => self.body(status, b"{}".to_vec()),
            Self::Json => self.body(status, serde_json::to_vec(answer).unwrap_or_else(|_| b"{}".to_vec())),
        }
    }

    fn body(self, status: StatusCode, body: Vec<u8>) -> Response {
        let kind = match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    #[tokio::test]
    async fn a_refusal_is_a_status_in_the_encoding_of_the_call() {
        let refused = async |kind: &'static str| {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
            let answer = refusal(StatusCode::FORBIDDEN, tonic::Code::PermissionDenied, "no", &headers);
            assert_eq!(answer.status(), StatusCode::FORBIDDEN);
            let kind = answer.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
            (kind, to_bytes(answer.into_body(), 1 << 10).await.unwrap())
        };
        let (kind, body) = refused("application/x-protobuf").await;
        let status = pb::Status::decode(body).unwrap();
        assert_eq!((kind.as_str(), status.code, status.message.as_str()), ("application/x-protobuf", 7, "no"));
        let (kind, body) = refused("application/json; charset=utf-8").await;
        let status: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((kind.as_str(), status), ("application/json", serde_json::json!({ "code": 7, "message": "no" })));
        assert_eq!(refused("text/plain").await.0, "application/problem+json");
    }
}
