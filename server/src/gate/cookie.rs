//! The session cookie: its name, and its value in a request.

use axum::http::{HeaderMap, header};

/// The name over TLS. Browsers accept the prefix only for a cookie that is `Secure`, of one host and of the whole site.
pub(crate) const SECURE: &str = "__Host-logboom";
/// The name over plain HTTP.
pub(crate) const PLAIN: &str = "logboom";

/// The token of the session. Over TLS only the cookie with the prefix counts: a page of plain HTTP on the same host can
/// set the other one.
pub(super) fn token(headers: &HeaderMap, is_tls: bool) -> Option<&str> {
    let named = |wanted: &str| {
        let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value.trim_matches('"'))
    };
    // A proxy that terminates TLS forwards the cookie with the prefix.
    let token = named(SECURE).or_else(|| if is_tls { None } else { named(PLAIN) });
    token.filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn over_tls_only_the_cookie_with_the_prefix_counts() {
        let headers = |line: &'static str| HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(line))]);
        for (line, plain, secure) in [
            ("logboom=a", Some("a"), None),
            ("other=1; logboom=a; __Host-logboom=b", Some("b"), Some("b")),
            ("__Host-logboom=\"b\"", Some("b"), Some("b")),
            ("logboom=", None, None),
            ("xlogboom=a; logboom2=b", None, None),
        ] {
            let headers = headers(line);
            assert_eq!((token(&headers, false), token(&headers, true)), (plain, secure), "{line}");
        }
    }
}
