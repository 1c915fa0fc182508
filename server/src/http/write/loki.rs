//! `POST /loki/api/v1/push`: what Loki's clients send.

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::map_request,
    response::{IntoResponse as _, Response},
    routing::post,
};
use doors::loki;

use super::{IngestState, Payload, problem, problem::Problem, store};

pub(super) fn routes() -> Router<IngestState> {
    Router::new().route("/loki/api/v1/push", post(push_streams)).layer(map_request(snappy_is_known))
}

/// Some clients say that a body in protobuf is compressed by Snappy, and others do not, though
/// it always is.
async fn snappy_is_known(mut request: Request) -> Request {
    if request.headers().get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "snappy") {
        request.headers_mut().remove(header::CONTENT_ENCODING);
    }
    request
}

async fn push_streams(
    State(state): State<IngestState>,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Response, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    // Some clients do not say; protobuf within Snappy hardly ever begins so.
    let looks_so = || !kind.contains("protobuf") && body.trim_ascii_start().first() == Some(&b'{');
    let json = kind.trim_start().starts_with("application/json") || looks_so();
    let decoded = if json { loki::decode_json(&body)? } else { loki::decode_protobuf(&body)? };
    drop(body);
    let all = decoded.records.len() + decoded.rejections.len();
    let outcome = store(&state, &headers, "loki", decoded).await?;
    // As Loki does it: the good lines are kept, and a client that sends all of them again
    // would be told the same.
    Ok(match outcome.summary() {
        None => StatusCode::NO_CONTENT.into_response(),
        Some(reason) => {
            let detail =
                format!("{} of {all} lines are refused, the others are stored; {reason}", outcome.rejected.len());
            problem::document(StatusCode::BAD_REQUEST, &detail)
        }
    })
}
