//! What every answer tells the browser.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// For answers that are no pages of the dashboard: nothing in them is run or loaded.
const NO_CONTENT: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
const VARY_ORIGIN: HeaderValue = HeaderValue::from_static("origin");

const FIXED: [(HeaderName, HeaderValue); 2] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // Not `no-referrer`: with it a browser sends the dashboard's own forms as `Origin: null`.
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
];

/// Adds what is the same for all answers. A page has a policy of its own, which stays.
pub(super) fn secure(headers: &mut HeaderMap) {
    for (name, value) in FIXED {
        headers.insert(name, value);
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NO_CONTENT);
    // A cache must not give the answer of one origin to another.
    headers.append(header::VARY, VARY_ORIGIN);
}
