//! The session cookie: its names, and its value in a call.
//!
//! A browser sends a cookie to every port of its host. Two servers on one host would end each other's sessions if both
//! used the same name, so the name has the port that the browser has called.

use http::{header, request::Parts};

use super::host;

/// The beginning of the name over TLS. Browsers accept the prefix only for a cookie that is `Secure`, of one host and of
/// the whole site.
const SECURE: &str = "__Host-logboom";
/// The beginning of the name over plain HTTP.
const PLAIN: &str = "logboom";

/// The names for one call: `logboom-3000`, or `logboom` if the call names no port, which is then that of the scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    plain: String,
    secure: String,
}

impl Names {
    /// The names for the host and port that a call names.
    pub fn of(call: &Parts) -> Self {
        let host = call.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| call.uri.authority().map(|authority| authority.as_str()));
        let port = host.and_then(host::split).and_then(|(_, port)| port.parse::<u16>().ok());
        let end = port.map_or_else(String::new, |port| format!("-{port}"));
        Self { plain: format!("{PLAIN}{end}"), secure: format!("{SECURE}{end}") }
    }

    /// The name with TLS or without.
    pub fn get(&self, is_secure: bool) -> &str {
        if is_secure { &self.secure } else { &self.plain }
    }
}

/// The token of the session. Over TLS only the cookie with the prefix counts: a page of plain HTTP on the same host can
/// set the other one.
pub fn token(call: &Parts, is_tls: bool) -> Option<&str> {
    // Most calls are those of programs.
    if !call.headers.contains_key(header::COOKIE) {
        return None;
    }
    let names = Names::of(call);
    let named = |wanted: &str| {
        let all = call.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value.trim_matches('"'))
    };
    // A proxy that terminates TLS forwards the cookie with the prefix.
    let token = named(&names.secure).or_else(|| if is_tls { None } else { named(&names.plain) });
    token.filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn call(target: &str, headers: &[(&str, &str)]) -> Parts {
        let builder = headers.iter().fold(Request::get(target), |builder, (name, value)| builder.header(*name, *value));
        builder.body(()).unwrap().into_parts().0
    }

    #[test]
    fn over_tls_only_the_cookie_with_the_prefix_counts() {
        for (line, plain, secure) in [
            ("logboom=a", Some("a"), None),
            ("other=1; logboom=a; __Host-logboom=b", Some("b"), Some("b")),
            ("__Host-logboom=\"b\"", Some("b"), Some("b")),
            ("logboom=", None, None),
            ("xlogboom=a; logboom2=b; logboom-3000=c", None, None),
        ] {
            let call = call("/", &[("cookie", line)]);
            assert_eq!((token(&call, false), token(&call, true)), (plain, secure), "{line}");
        }
        assert_eq!(token(&call("/", &[]), false), None);
    }

    #[test]
    fn a_server_on_another_port_of_the_host_has_another_cookie() {
        let both = ("cookie", "logboom-3000=a; logboom-8080=b; logboom=c");
        for (host, expected) in [
            ("logs:3000", Some("a")),
            ("logs:8080", Some("b")),
            ("logs", Some("c")),
            ("[::1]:8080", Some("b")),
            ("[::1]", Some("c")),
            ("logs:9", None),
            ("not a host:3000", Some("c")),
            ("logs:99999", Some("c")),
        ] {
            assert_eq!(token(&call("/", &[("host", host), both]), false), expected, "{host}");
        }
        // HTTP/2 names the host in the target.
        let names = Names::of(&call("https://logs:3000/", &[]));
        assert_eq!((names.get(false), names.get(true)), ("logboom-3000", "__Host-logboom-3000"));
    }
}
