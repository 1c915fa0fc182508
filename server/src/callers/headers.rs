//! Security headers of every response.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// The policy for responses other than dashboard pages: nothing is run or loaded.
const NO_CONTENT: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
const VARY_ORIGIN: HeaderValue = HeaderValue::from_static("origin");
/// A response may depend on a key, a session, a certificate or an address. Some of these are no header that `Vary` could
/// name, so nothing is kept.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

const FIXED: [(HeaderName, HeaderValue); 2] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // Not `no-referrer`: browsers would then send the dashboard's own forms with `Origin: null`.
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
];

/// Adds the common headers. A page keeps a policy of its own, and so does a response that says how long it is kept:
/// files of the site are the same for everybody.
pub(super) fn secure(headers: &mut HeaderMap) {
    for (name, value) in FIXED {
        headers.insert(name, value);
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NO_CONTENT);
    headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
    // A cache must not serve the response for one origin to another.
    headers.append(header::VARY, VARY_ORIGIN);
}
