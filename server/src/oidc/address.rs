//! The address of this server, as the browser of a call knows it: the provider sends the browser back there.

use url::Url;

/// The address for a call to `host`, the value of `Host`, which `callers` has checked. `public` are those of
/// `--public-url`: the one with this host and port, or with this host, or else the first one, because a proxy may call this
/// server by another name. Without any, it is the host of the call. `None` if the call has no host.
pub(crate) fn own_address(public: &[Url], host: &str, is_secure: bool) -> Option<Url> {
    let scheme = if is_secure { "https" } else { "http" };
    let called = Url::parse(&format!("{scheme}://{host}/")).ok();
    let called = called.filter(|url| {
        let is_alone = url.username().is_empty() && url.password().is_none() && url.path() == "/";
        is_alone && url.query().is_none() && url.fragment().is_none()
    });
    let is_host = |url: &&Url| called.as_ref().is_some_and(|called| called.host_str() == url.host_str());
    // Behind a proxy that ends TLS, a host without a port stands for the port of the public URL's own scheme.
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let port = |url: &Url| {
        let of_call = called.as_ref().and_then(Url::port_or_known_default);
        if has_port { url.port_or_known_default() == of_call } else { url.port().is_none() }
    };
    let exact = public.iter().find(|&url| is_host(&url) && port(url));
    exact.or_else(|| public.iter().find(is_host)).or(public.first()).cloned().or(called)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_counts_first_and_otherwise_the_host_of_the_call() {
        let public = ["https://logs.example.com/", "https://logs.internal:8443/"].map(|url| Url::parse(url).unwrap());
        let two_ports = ["http://logs:3000/", "http://logs:3001/", "https://logs/"].map(|url| Url::parse(url).unwrap());
        for (public, host, is_secure, expected) in [
            (&public[..], "logs.example.com", false, Some("https://logs.example.com/")),
            (&public[..], "logs.internal:3000", true, Some("https://logs.internal:8443/")),
            (&public[..], "10.0.0.5:3000", false, Some("https://logs.example.com/")),
            (&public[..], "", false, Some("https://logs.example.com/")),
            (&two_ports[..], "logs:3001", false, Some("http://logs:3001/")),
            (&two_ports[..], "logs:3000", false, Some("http://logs:3000/")),
            (&two_ports[..], "logs", false, Some("https://logs/")),
            (&two_ports[..], "logs:443", true, Some("https://logs/")),
            (&two_ports[..], "logs:4000", false, Some("http://logs:3000/")),
            (&[], "127.0.0.1:3000", false, Some("http://127.0.0.1:3000/")),
            (&[], "logs:3000", true, Some("https://logs:3000/")),
            (&[], "[::1]:3000", false, Some("http://[::1]:3000/")),
            (&[], "kim@logs", false, None),
            (&[], "logs/path", false, None),
            (&[], "logs?a", false, None),
            (&[], "", false, None),
        ] {
            let own = own_address(public, host, is_secure);
            assert_eq!(own.as_ref().map(Url::as_str), expected, "{host}");
        }
    }
}
