//! Answers in the format of Elasticsearch.

use axum::{
    Json,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use pipeline::Error;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Refused, problem};

/// Adds the product header, which official clients require.
pub(super) fn add_product_header(mut response: Response) -> Response {
    response.headers_mut().insert("x-elastic-product", HeaderValue::from_static("Elasticsearch"));
    response
}

/// A response in the requested format.
pub(super) struct Answer<T>(pub(super) StatusCode, pub(super) T);

impl Answer<Value> {
    pub(super) fn error(status: StatusCode, kind: &str, reason: &str) -> Self {
        let error = json!({ "type": kind, "reason": reason, "root_cause": [{ "type": kind, "reason": reason }] });
        Self(status, json!({ "error": error, "status": status.as_u16() }))
    }
}

impl<T: Serialize> Answer<T> {
    pub(super) fn ok(value: T) -> Self {
        Self(StatusCode::OK, value)
    }

    pub(super) fn into_response_for(self, headers: &HeaderMap) -> Response {
        let Self(status, value) = self;
        let mut response = (status, Json(value)).into_response();
        // `application/vnd.elasticsearch+json;compatible-with=9`, as requested.
        let wanted = headers.get(header::ACCEPT).filter(|accept| {
            accept.to_str().is_ok_and(|accept| accept.starts_with("application/vnd.elasticsearch+json"))
        });
        if let Some(wanted) = wanted {
            let first = wanted.as_bytes().split(|byte| *byte == b',').next().unwrap_or_default();
            if let Ok(wanted) = HeaderValue::from_bytes(first) {
                response.headers_mut().insert(header::CONTENT_TYPE, wanted);
            }
        }
        response
    }
}

/// An error in the format of Elasticsearch.
pub(super) fn refused(error: &Error, headers: &HeaderMap) -> Response {
    let status = problem::status(error.class);
    let kind = match status {
        StatusCode::BAD_REQUEST => "illegal_argument_exception",
        StatusCode::TOO_MANY_REQUESTS => "es_rejected_execution_exception",
        _ => "unavailable_exception",
    };
    let mut response = Answer::error(status, kind, &error.message).into_response_for(headers);
    problem::retry_after(&mut response, error);
    response
}

/// A call that may not be made, in the format of Elasticsearch.
pub(crate) fn refusal(status: StatusCode, reason: &str, headers: &HeaderMap) -> Response {
    let kind = match status {
        StatusCode::TOO_MANY_REQUESTS => "es_rejected_execution_exception",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable_exception",
        _ => "security_exception",
    };
    add_product_header(Answer::error(status, kind, reason).into_response_for(headers))
}

/// The response to a body that was not read.
pub(super) fn not_read(refusal: Refused, headers: &HeaderMap) -> Response {
    match refusal {
        Refused::Full(error) => refused(&error, headers),
        Refused::Bad { status, detail } => {
            Answer::error(status, "illegal_argument_exception", &detail).into_response_for(headers)
        }
    }
}
