//! What is read of a caller before anybody is known: any bytes are nobody, unless they have the key. The first byte says
//! which reader gets the rest.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::LazyLock,
};

use access::{
    Access, AnonymousRule, Options, Posture,
    presented::{Credentials, Peer, cookie::Names, host, local_path, named_client},
};
use bytes::BytesMut;
use doors::{
    fluent::{Challenge, Forward},
    stream::{Frame, Proof, Protocol as _},
};
use http::{HeaderName, HeaderValue, Request, header, request::Parts};
use pipeline::clock::Clock;
use url::Url;

/// The number of parsers. The first byte of an input selects one.
pub const COUNT: u8 = 5;

/// The only key that the server knows.
const KEY: &str = "lb_abcdefgh_0123456789abcdef0123456789abcdef";
const NONCE: &str = "0123456789abcdef";
/// The SHA-512 of `salt`, `web-1`, [`NONCE`] and [`KEY`], one after the other.
const PROOF: &str = "9456ac103e73570fd0100c75e5646fab5c29d9fcb1431f5fe8876d7608a98546\
                     be98dd557be413ae3e77979c83d7f82c75f1144cfd5ff71156f0899e5785ffce";
/// The limit of a secret, in bytes.
const SECRET_BYTES: usize = 512;
/// Somebody in a private network, which may be that of a proxy.
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));

/// A server that the network reaches, with one key.
static ACCESS: LazyLock<Access> = LazyLock::new(|| {
    let options = Options { posture: Posture::Network, anonymous: Vec::new(), issuer: None, clock: Clock::system() };
    Access::fixed(&[KEY.to_owned()], options).expect("a key within its limits")
});

pub fn run(bytes: &[u8]) {
    reads(bytes);
}

/// Whether something was read from them.
pub fn reads(bytes: &[u8]) -> bool {
    let Some((which, rest)) = bytes.split_first() else { return false };
    match which % COUNT {
        0 => head_of(rest).is_some_and(|call| presents(&call, rest.last().is_some_and(|last| last % 2 == 0))),
        1 => host_name(rest),
        2 => form(rest),
        3 => rule(&String::from_utf8_lossy(rest)),
        _ => handshake(rest),
    }
}

/// The initial inputs of the fuzzer: each is the number of a reader and a text that it reads.
pub fn seeds() -> Vec<Vec<u8>> {
    let texts: [(u8, &str); 21] = [
        (0, "POST /api/v1/push\nauthorization: Bearer lb_abcdefgh_0123456789abcdef0123456789abcdef"),
        (
            0,
            "POST /_bulk\nauthorization: ApiKey YWJjZGVmZ2g6bGJfYWJjZGVmZ2hfMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        ),
        (
            0,
            "POST /loki/api/v1/push\nauthorization: Basic YW55Ym9keTpsYl9hYmNkZWZnaF8wMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg",
        ),
        (0, "POST /services/collector\nauthorization: Splunk other"),
        (0, "POST /api/events/raw\nx-seq-apikey: lb_abcdefgh_ffffffffffffffffffffffffffffffff"),
        (0, "POST /put?a=b&key=lb_abcdefgh_0123456789abcdef0123456789abcdef\nhost: logs"),
        (0, "GET /\nhost: logs:3000\ncookie: a=b; logboom-3000=\"token\"\nsec-fetch-site: same-origin\nx: 1"),
        (
            0,
            "POST /logout\nhost: logs:3000\norigin: http://logs:3000\ncookie: logboom-3000=token; __Host-logboom=other\nx: 1",
        ),
        (0, "GET https://logs.example.com/\ncookie: __Host-logboom=token\nsec-fetch-site: none\nx: 2"),
        (0, "POST /login\nx-forwarded-for: unknown, [2001:db8::7]:4711\nforwarded: for=1.2.3.4\nx-api-key: x"),
        (1, "LOGS.internal.:3000"),
        (1, "[fe80::1%eth0]:3000"),
        (1, "127.0.0.1"),
        (2, "name=kim&password=a+b%20c&next=%2F%3Fq%3Dlevel%253Aerror"),
        (2, "next=/view/a%252Fb&next=//evil.example&next=/%5Cevil.example"),
        (2, "door=json&door=otlp&name=%F0%9F%92%A3"),
        (3, "write=10.0.0.0/8"),
        (3, "read=::1"),
        (3, "read=2001:db8::/32"),
        (3, "write=::ffff:10.0.0.1"),
        (3, "write=0.0.0.0/0"),
    ];
    let mut seeds: Vec<Vec<u8>> = texts.map(|(reader, text)| [&[reader], text.as_bytes()].concat()).into();
    // `PING`, a name, a salt, the proof, and no user; MessagePack. Then a message.
    let ping = [&b"\x96\xa4PING\xa5web-1\xc4\x04salt\xd9\x80"[..], PROOF.as_bytes(), b"\xa0\xa0"].concat();
    let message = b"\x93\xa4shop\xce\x65\x53\xf1\x00\x81\xa3log\xa4paid";
    seeds.extend([ping.clone(), [&ping[..], message].concat()].map(|bytes| [vec![4], bytes].concat()));
    seeds
}

/// A head: the method and the target, and a header in each line after it.
fn head_of(bytes: &[u8]) -> Option<Parts> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let (method, target) = str::from_utf8(lines.next()?).ok()?.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(target).body(()).ok()?;
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) =
            (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(line[colon + 1..].trim_ascii()));
        request.headers_mut().try_append(name.ok()?, value.ok()?).ok()?;
    }
    Some(request.into_parts().0)
}

/// Whether the call presents a secret, a session or another address. Nobody gets in without the key.
fn presents(call: &Parts, is_tls: bool) -> bool {
    let public = ["https://logs.example.com".to_owned()];
    let credentials = Credentials::of(call, is_tls, &public);
    let peer = Peer { source: PEER, certificate: None, is_tls };
    let caller = credentials.caller(&peer);
    assert_eq!(credentials.is_empty(), caller.secret.is_none() && caller.session.is_none());
    assert!(caller.secret.is_none_or(|secret| !secret.is_empty() && secret.len() <= SECRET_BYTES));
    let lines = || call.headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let names = Names::of(call);
    let of_cookie = |session: &str| {
        let is_named = |name: &str| lines().any(|line| line.contains(name));
        !session.is_empty() && (is_named(names.get(true)) || (!is_tls && is_named(names.get(false))))
    };
    assert!(caller.session.is_none_or(of_cookie));
    for is_secure in [false, true] {
        assert!(names.get(is_secure).bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    }
    assert!(ACCESS.decide(&caller).is_err() || caller.secret == Some(KEY));
    !credentials.is_empty() || named_client(PEER, &call.headers) != PEER
}

/// Whether the bytes name a host of a private network. No other one is accepted without `--public-url`.
fn host_name(bytes: &[u8]) -> bool {
    let Ok(Some(named)) = host::checked(bytes, |_| false) else { return false };
    assert!(host::split(&named).is_some_and(|(name, _)| host::is_private(&name)), "{named:?}");
    true
}

/// Whether the bytes are fields of a form. Its address to go to is one of this server.
fn form(bytes: &[u8]) -> bool {
    let own = Url::parse("http://logs.example.com/login").expect("a URL");
    let mut has_fields = false;
    for (name, value) in url::form_urlencoded::parse(bytes) {
        has_fields |= !value.is_empty();
        if let Some(path) = (name == "next").then(|| local_path(&value)).flatten() {
            assert!(own.join(path).is_ok_and(|next| next.origin() == own.origin()), "{path:?}");
        }
    }
    has_fields
}

/// Whether the text is a rule for callers without credentials. It is written as it is read.
fn rule(text: &str) -> bool {
    let Ok(rule) = text.parse::<AnonymousRule>() else { return false };
    assert_eq!(rule.to_string().parse::<AnonymousRule>().as_ref(), Ok(&rule));
    true
}

/// Whether the bytes prove the shared key. Nothing else is read before.
fn handshake(bytes: &[u8]) -> bool {
    let mut forward = Forward::guarded(Challenge { key: KEY.into(), nonce: NONCE.to_owned() });
    let mut buffer = BytesMut::new();
    let piece = usize::from(bytes.last().copied().unwrap_or(1)).max(1);
    for piece in bytes.chunks(piece) {
        buffer.extend_from_slice(piece);
        let (had_proof, mut frame) = (forward.proof() == Proof::Given, Frame::default());
        let is_refused = forward.read(&mut buffer, &mut frame).is_err();
        assert!(frame.records.is_empty() || had_proof || forward.proof() == Proof::Given);
        if is_refused {
            break;
        }
    }
    forward.proof() == Proof::Given
}
