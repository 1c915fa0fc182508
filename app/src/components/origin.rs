//! The origin of this server, as the browser reached it.

use leptos::prelude::*;

/// Scheme, host and port.
#[cfg(feature = "ssr")]
pub(crate) fn origin() -> String {
    let is_secure = crate::request_extension::<crate::Secure>().is_some();
    match use_context::<http::request::Parts>() {
        Some(parts) => origin_of(&parts.headers, &parts.uri, is_secure),
        None => origin_of(&http::HeaderMap::new(), &http::Uri::default(), is_secure),
    }
}

/// Scheme, host and port of a call with these headers and this target. `is_secure`: its connection is encrypted.
#[cfg(feature = "ssr")]
pub fn origin_of(headers: &http::HeaderMap, target: &http::Uri, is_secure: bool) -> String {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = header("x-forwarded-proto").unwrap_or(if is_secure { "https" } else { "http" });
    // A call over HTTP/2 has its host in the target.
    let host = header("host").or_else(|| target.authority().map(|authority| authority.as_str()));
    format!("{scheme}://{}", host.unwrap_or("127.0.0.1:3000"))
}

#[cfg(not(feature = "ssr"))]
pub(crate) fn origin() -> String {
    location().origin().unwrap_or_default()
}
