//! `POST /loki/api/v1/push`: the Loki door.

use access::{Need, Principal};
use axum::{
    Extension,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::map_request,
    response::{IntoResponse as _, Response},
};
use doors::loki;
use utoipa::OpenApi;

use super::{IngestState, Payload, idempotency::KeyHeader, problem, problem::Problem, store};
use crate::gate::Routes;

#[derive(OpenApi)]
#[openapi(paths(push_streams))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<IngestState> {
    Routes::new().post("/loki/api/v1/push", Need::Write("loki"), push_streams).layer(map_request(snappy_is_known))
}

/// Protobuf bodies are always compressed with Snappy; only some clients declare it.
async fn snappy_is_known(mut request: Request) -> Request {
    if request.headers().get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "snappy") {
        request.headers_mut().remove(header::CONTENT_ENCODING);
    }
    request
}

/// Stores the lines of Loki's clients.
#[utoipa::path(
    post,
    path = "/loki/api/v1/push",
    tag = "compatible",
    params(KeyHeader),
    request_body(
        description = "Streams of lines, as Loki takes them: JSON, or protobuf compressed with Snappy.",
        content(
            (Object = "application/json", example = json!({
                "streams": [{ "stream": { "service": "shop" }, "values": [["1764494104120000000", "started"]] }],
            })),
            ("application/x-protobuf"),
        ),
    ),
    responses(
        (status = 204, description = "The lines are durable."),
        (status = 400, description = "The body is invalid, or some lines are refused; the others are stored."),
    ),
)]
async fn push_streams(
    State(state): State<IngestState>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Response, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    // Some clients send no content type; Snappy-compressed protobuf rarely starts with `{`.
    let looks_so = || !kind.contains("protobuf") && body.trim_ascii_start().first() == Some(&b'{');
    let json = kind.trim_start().starts_with("application/json") || looks_so();
    let decoded = if json { loki::decode_json(&body)? } else { loki::decode_protobuf(&body)? };
    drop(body);
    let all = decoded.records.len() + decoded.rejections.len();
    let outcome = store(&state, &principal, &headers, "loki", decoded).await?;
    // Like Loki: valid lines are stored, and a resend of all lines gets the same response.
    Ok(match outcome.summary() {
        None => StatusCode::NO_CONTENT.into_response(),
        Some(reason) => {
            let detail =
                format!("{} of {all} lines are refused, the others are stored; {reason}", outcome.rejected.len());
            problem::document(StatusCode::BAD_REQUEST, &detail)
        }
    })
}
