//! The origin of this server, as the browser reached it.

use leptos::prelude::*;

/// Scheme, host and port.
#[cfg(feature = "ssr")]
pub(crate) fn origin() -> String {
    let parts = use_context::<http::request::Parts>();
    let header = |name: &str| {
        let value = parts.as_ref().and_then(|parts| parts.headers.get(name)).and_then(|value| value.to_str().ok());
        value.map(str::to_owned)
    };
    let own = if crate::request_extension::<crate::Secure>().is_some() { "https" } else { "http" };
    let scheme = header("x-forwarded-proto").unwrap_or_else(|| own.into());
    // A call over HTTP/2 has its host in the target.
    let target = || Some(parts.as_ref()?.uri.authority()?.to_string());
    let host = header("host").or_else(target);
    format!("{scheme}://{}", host.unwrap_or_else(|| "127.0.0.1:3000".into()))
}

#[cfg(not(feature = "ssr"))]
pub(crate) fn origin() -> String {
    location().origin().unwrap_or_default()
}
