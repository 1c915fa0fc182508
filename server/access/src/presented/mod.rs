//! What the head of a call presents: a secret, a session, and how it came here.
//!
//! All of it is read before anybody is known, so it takes any bytes, and is fuzzed (`fuzz-targets`). A key is accepted
//! wherever a protocol carries secrets. A session counts only for calls of the dashboard's own pages: a browser sends
//! the cookie with calls of other pages, too.

pub mod cookie;
pub mod host;
mod local;

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::{HeaderMap, Method, request::Parts};

pub use self::local::local_path;
use crate::Caller;

/// Headers with nothing but a key. gRPC metadata is headers, too.
const KEY_HEADERS: [&str; 2] = ["x-api-key", "x-seq-apikey"];
/// Headers that proxies add, and clients do not.
const PROXY_HEADERS: [&str; 8] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-real-ip",
    "via",
    "cf-connecting-ip",
];
/// Schemes of `Authorization` whose parameter is the key.
const PLAIN_SCHEMES: [&str; 3] = ["bearer", "splunk", "key"];
/// The limit of a secret, in bytes. A longer one is none of ours.
const SECRET_BYTES: usize = 512;
/// Clients differ in the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// See [`source`].
    pub source: IpAddr,
    /// The name in its verified certificate.
    pub certificate: Option<Arc<str>>,
    pub is_tls: bool,
}

/// The address by which a peer is decided: loopback for one that calls an address of this machine from that same
/// address, because the system drops packets of others that claim it.
pub fn source(peer: IpAddr, own: Option<SocketAddr>) -> IpAddr {
    let peer = peer.to_canonical();
    let is_here = own.is_some_and(|own| own.ip().to_canonical() == peer);
    if is_here { Ipv4Addr::LOCALHOST.into() } else { peer }
}

/// By what failed log-ins are slowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slowed {
    pub address: IpAddr,
    /// Whether a log-in from this address may free its user of what others fail at. Only a connection's own address
    /// does: one that a header names can be forged by whoever passes the proxy by.
    pub may_prove: bool,
}

/// The address of a connection.
impl From<IpAddr> for Slowed {
    fn from(address: IpAddr) -> Self {
        Self { address: address.to_canonical(), may_prove: true }
    }
}

/// By what failed log-ins of a call are slowed. `is_proxied`: whether this server is known to be behind a proxy, by
/// `--public-url`. Otherwise the header is the caller's.
pub fn slowed(peer: IpAddr, headers: &HeaderMap, is_proxied: bool) -> Slowed {
    let peer = peer.to_canonical();
    let named = if is_proxied { named_client(peer, headers) } else { peer };
    Slowed { address: named, may_prove: named == peer }
}

/// The client of a call: behind a proxy of this machine or a private network, the one that the proxy names last. Clients
/// can write the header themselves, so nobody is trusted by it.
pub fn named_client(peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let peer = peer.to_canonical();
    let is_near = match peer {
        IpAddr::V4(peer) => peer.is_loopback() || peer.is_private(),
        IpAddr::V6(peer) => peer.is_loopback() || peer.is_unique_local(),
    };
    let named = || {
        let all = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        let last = all.rsplit(',').next()?.trim();
        let address = last.parse::<IpAddr>().or_else(|_| last.parse::<SocketAddr>().map(|address| address.ip()));
        let address = address.or_else(|_| last.trim_matches(['[', ']']).parse::<IpAddr>());
        address.ok().map(|address| address.to_canonical())
    };
    is_near.then(named).flatten().unwrap_or(peer)
}

/// What a call presents. It has no `Debug`, so that no secret is logged.
pub struct Credentials<'a> {
    secret: Option<Cow<'a, str>>,
    session: Option<&'a str>,
    is_forwarded: bool,
}

impl<'a> Credentials<'a> {
    /// Reads the head of a call. `public`: the origins of `--public-url`.
    pub fn of(parts: &'a Parts, is_tls: bool, public: &[String]) -> Self {
        let headers = &parts.headers;
        let session = cookie::token(parts, is_tls).filter(|_| is_of_own_page(parts, public));
        let secret = authorization(headers, session.is_some())
            .or_else(|| KEY_HEADERS.iter().find_map(|name| text(headers, name)).map(Cow::Borrowed))
            .or_else(|| query_key(parts))
            .filter(|secret| !secret.is_empty() && secret.len() <= SECRET_BYTES);
        let is_forwarded = PROXY_HEADERS.iter().any(|name| headers.contains_key(*name));
        Self { secret, session, is_forwarded }
    }

    /// Whether the call presents nothing.
    pub fn is_empty(&self) -> bool {
        self.secret.is_none() && self.session.is_none()
    }

    /// Whether the call presents a session, valid or not.
    pub fn has_session(&self) -> bool {
        self.session.is_some()
    }

    /// The caller, as [`Access::decide`](crate::Access::decide) takes it.
    pub fn caller<'b>(&'b self, peer: &'b Peer) -> Caller<'b> {
        Caller {
            address: peer.source,
            secret: self.secret.as_deref(),
            session: self.session,
            certificate: peer.certificate.as_deref(),
            forwarded: self.is_forwarded,
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// The secret of the header `Authorization`.
fn authorization(headers: &HeaderMap, has_session: bool) -> Option<Cow<'_, str>> {
    let (scheme, parameter) = text(headers, "authorization")?.split_once(' ')?;
    let parameter = parameter.trim();
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        scheme if PLAIN_SCHEMES.contains(&scheme) => Some(Cow::Borrowed(parameter)),
        // Elasticsearch: base64 of `id:key`, or the key itself.
        "apikey" => Some(decoded(parameter).map_or(Cow::Borrowed(parameter), |(id, key)| second(id, key))),
        // A proxy may check users of its own, and forward their passwords. The session counts then.
        "basic" => {
            let secret = decoded(parameter).map(|(user, password)| second(user, password))?;
            (!has_session || secret.starts_with("lb_")).then_some(secret)
        }
        _ => None,
    }
}

/// The two halves of a text in base64, at its first colon.
fn decoded(parameter: &str) -> Option<(String, String)> {
    let text = String::from_utf8(BASE64.decode(parameter).ok()?).ok()?;
    let (first, second) = text.split_once(':')?;
    Some((first.to_owned(), second.to_owned()))
}

/// The second half; the first one if the second is empty, as in `curl -u KEY:`.
fn second<'a>(first: String, second: String) -> Cow<'a, str> {
    Cow::Owned(if second.is_empty() { first } else { second })
}

/// `?key=`, for senders that can set nothing but the URL.
fn query_key(parts: &Parts) -> Option<Cow<'_, str>> {
    if parts.uri.path() != "/put" {
        return None;
    }
    let query = parts.uri.query()?;
    url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "key").map(|(_, key)| key)
}

/// Whether no page of another origin has made the call. A link on another page may lead here.
fn is_of_own_page(parts: &Parts, public: &[String]) -> bool {
    let headers = &parts.headers;
    let is_safe = matches!(parts.method, Method::GET | Method::HEAD);
    match text(headers, "sec-fetch-site") {
        Some("same-origin" | "none") => true,
        Some(_) => is_safe && text(headers, "sec-fetch-mode") == Some("navigate"),
        // Browsers send it only to HTTPS and the local machine.
        None => match text(headers, "origin") {
            None => true,
            Some(origin) => public.iter().any(|own| own == origin) || is_at_host(parts, origin),
        },
    }
}

/// Whether the origin is the host of the call.
fn is_at_host(parts: &Parts, origin: &str) -> bool {
    let host = text(&parts.headers, "host").or_else(|| parts.uri.authority().map(|authority| authority.as_str()));
    let named = origin.split_once("://").map(|(_, named)| named);
    matches!((named, host), (Some(named), Some(host)) if named.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const KEY: &str = "lb_abcdefgh_0123456789abcdef0123456789abcdef";

    fn parts(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
        let builder = Request::builder().method(method).uri(target);
        let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
        builder.body(()).unwrap().into_parts().0
    }

    fn secret(target: &str, headers: &[(&str, &str)]) -> Option<String> {
        Credentials::of(&parts("POST", target, headers), false, &[]).secret.map(Cow::into_owned)
    }

    #[test]
    fn a_key_is_found_wherever_protocols_carry_secrets() {
        let basic = |text: &str| format!("Basic {}", BASE64.encode(text));
        let api_key = format!("ApiKey {}", BASE64.encode(format!("abcdefgh:{KEY}")));
        for (name, value) in [
            ("authorization", format!("Bearer {KEY}")),
            ("authorization", format!("bearer  {KEY}")),
            ("authorization", format!("Splunk {KEY}")),
            ("authorization", format!("Key {KEY}")),
            ("authorization", format!("ApiKey {KEY}")),
            ("authorization", api_key.clone()),
            ("authorization", api_key.trim_end_matches('=').to_owned()),
            ("authorization", basic(&format!("anybody:{KEY}"))),
            ("authorization", basic(&format!(":{KEY}"))),
            ("authorization", basic(&format!("{KEY}:"))),
            ("x-api-key", KEY.to_owned()),
            ("x-seq-apikey", KEY.to_owned()),
        ] {
            assert_eq!(secret("/api/v1/push", &[(name, &value)]).as_deref(), Some(KEY), "{name}: {value}");
        }
        assert_eq!(secret(&format!("/put?key={KEY}"), &[]).as_deref(), Some(KEY));
        assert_eq!(secret(&format!("/api/v1/push?key={KEY}"), &[]), None);
        for wrong in ["", "Bearer", "Bearer ", "Digest a=b", "Basic !", "Basic bm9jb2xvbg=="] {
            assert_eq!(secret("/", &[("authorization", wrong)]), None, "{wrong}");
        }
        assert_eq!(secret("/", &[("x-api-key", &"x".repeat(SECRET_BYTES + 1))]), None);
    }

    #[test]
    fn a_peer_with_the_address_that_it_calls_is_this_machine() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let own = |text: &str| Some(SocketAddr::new(address(text), 3000));
        assert_eq!(source(address("10.0.0.5"), own("10.0.0.5")), address("127.0.0.1"));
        assert_eq!(source(address("::ffff:10.0.0.5"), own("10.0.0.5")), address("127.0.0.1"));
        assert_eq!(source(address("10.0.0.6"), own("10.0.0.5")), address("10.0.0.6"));
        assert_eq!(source(address("::ffff:10.0.0.6"), None), address("10.0.0.6"));
    }

    #[test]
    fn a_call_through_a_proxy_is_known_by_each_header_that_proxies_add() {
        for (name, is_forwarded) in [
            ("Forwarded", true),
            ("X-Forwarded-For", true),
            ("X-Forwarded-Proto", true),
            ("X-Real-IP", true),
            ("Via", true),
            ("CF-Connecting-IP", true),
            ("X-Request-Id", false),
        ] {
            let parts = parts("GET", "/", &[(name, "a")]);
            assert_eq!(Credentials::of(&parts, false, &[]).is_forwarded, is_forwarded, "{name}");
        }
    }

    #[test]
    fn log_ins_are_slowed_by_the_address_that_the_nearest_proxy_names() {
        let cases: [(&str, &[&str], &str); 7] = [
            ("127.0.0.1", &["203.0.113.7"], "203.0.113.7"),
            ("172.18.0.5", &["1.2.3.4", "5.6.7.8, ::ffff:203.0.113.7"], "203.0.113.7"),
            ("fd00::1", &["203.0.113.7:4711"], "203.0.113.7"),
            ("::1", &["[2001:db8::7]"], "2001:db8::7"),
            ("127.0.0.1", &["unknown"], "127.0.0.1"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("198.51.100.1", &["203.0.113.7"], "198.51.100.1"),
        ];
        for (peer, headers, expected) in cases {
            let pairs: Vec<_> = headers.iter().map(|value| ("x-forwarded-for", *value)).collect();
            let (peer, expected) = (peer.parse::<IpAddr>().unwrap(), expected.parse::<IpAddr>().unwrap());
            let headers = parts("POST", "/login", &pairs).headers;
            assert_eq!(named_client(peer, &headers), expected, "{peer} {headers:?}");
            let proxied = Slowed { address: expected, may_prove: expected == peer };
            assert_eq!(slowed(peer, &headers, true), proxied, "{peer} {headers:?}");
            // Without `--public-url` there is no proxy whose header counts.
            assert_eq!(slowed(peer, &headers, false), Slowed { address: peer, may_prove: true }, "{headers:?}");
        }
    }

    #[test]
    fn a_session_counts_only_for_calls_of_own_pages() {
        let public = ["https://logs.example.com".to_owned()];
        let host = ("host", "10.0.0.5:3000");
        type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], bool);
        let cases: [Case<'_>; 9] = [
            ("POST", &[host], true),
            ("POST", &[host, ("origin", "http://10.0.0.5:3000")], true),
            ("POST", &[host, ("origin", "https://logs.example.com")], true),
            ("POST", &[host, ("origin", "http://10.0.0.5:8080")], false),
            ("POST", &[host, ("origin", "null")], false),
            ("POST", &[host, ("sec-fetch-site", "same-origin"), ("origin", "https://proxied")], true),
            ("POST", &[host, ("sec-fetch-site", "same-site"), ("sec-fetch-mode", "navigate")], false),
            ("GET", &[host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], true),
            ("GET", &[host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors")], false),
        ];
        for (method, headers, counts) in cases {
            let headers = [headers, &[("cookie", "logboom-3000=token")]].concat();
            let parts = parts(method, "/system/parts", &headers);
            let credentials = Credentials::of(&parts, false, &public);
            assert_eq!(credentials.session.is_some(), counts, "{method} {headers:?}");
        }
    }

    #[test]
    fn a_password_of_a_proxy_does_not_hide_the_session() {
        let of_proxy = format!("Basic {}", BASE64.encode("kim:secret"));
        let with_session = parts("GET", "/", &[("authorization", &of_proxy), ("cookie", "logboom=token")]);
        let credentials = Credentials::of(&with_session, false, &[]);
        assert_eq!((credentials.secret.as_deref(), credentials.session), (None, Some("token")));
        assert_eq!(secret("/", &[("authorization", &of_proxy)]).as_deref(), Some("secret"));
    }
}
