//! Errors of the HTTP doors: the class of an error becomes a status and a problem
//! document (RFC 9457).

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use model::{Query, api::QueryHint};
use pipeline::{Error, ErrorClass};
use reading::hints;
use serde::Serialize;

/// An error on its way to an HTTP client.
#[derive(Debug)]
pub(crate) struct Problem {
    error: Error,
    hints: Vec<QueryHint>,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self { error, hints: Vec::new() }
    }
}

/// Parses the query of a request. An error comes with queries to try instead.
pub(crate) async fn parse_query(text: Option<&str>) -> Result<Query, Problem> {
    let refused = |error| Problem { error, hints: hints(text.unwrap_or_default(), true) };
    reading::parse_query(text).await.map_err(refused)
}

#[derive(Serialize)]
struct Document<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
    /// Queries to try instead, if the query is invalid.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    hints: &'a [QueryHint],
}

/// The HTTP status of an error class.
pub(crate) fn status(class: ErrorClass) -> StatusCode {
    match class {
        ErrorClass::Invalid => StatusCode::BAD_REQUEST,
        ErrorClass::Forbidden => StatusCode::FORBIDDEN,
        ErrorClass::NotFound => StatusCode::NOT_FOUND,
        ErrorClass::Conflict => StatusCode::CONFLICT,
        ErrorClass::Overloaded => StatusCode::TOO_MANY_REQUESTS,
        ErrorClass::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorClass::Corrupt | ErrorClass::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A problem document with the given status, if no class fits.
pub(crate) fn document(status: StatusCode, detail: &str) -> Response {
    document_with(status, detail, &[])
}

fn document_with(status: StatusCode, detail: &str, hints: &[QueryHint]) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = Json(Document { title, status: status.as_u16(), detail, hints });
    let mut response = (status, body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { error, hints } = self;
        if matches!(error.class, ErrorClass::Corrupt | ErrorClass::Internal) {
            tracing::error!(error = %error, "request failed");
        }
        let mut response = document_with(status(error.class), &error.message, &hints);
        retry_after(&mut response, &error);
        response
    }
}

/// Adds the header `Retry-After` to errors for which a retry can help.
pub(crate) fn retry_after(response: &mut Response, error: &Error) {
    let Some(delay) = error.retry_after else { return };
    // Whole seconds, at least one: the header has no finer unit.
    let seconds = delay.as_millis().div_ceil(1000).max(1);
    if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
}
