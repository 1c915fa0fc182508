//! Snippets to copy into a program so that it logs here: the files of `docs/snippets`, with this server's addresses
//! instead of the default ones, and with a key if the server needs one.

mod keyed;

use std::net::SocketAddr;

use model::api::SnippetView;

/// The addresses of this server's doors; `None` for a disabled one.
#[derive(Debug, Clone, Default)]
pub(crate) struct DoorAddresses {
    pub(crate) grpc: Option<SocketAddr>,
    pub(crate) otlp: Option<SocketAddr>,
    pub(crate) tcp: Option<SocketAddr>,
    pub(crate) syslog: Option<SocketAddr>,
    pub(crate) gelf: Option<SocketAddr>,
    pub(crate) fluent: Option<SocketAddr>,
    /// Whether gRPC and OTLP are over TLS. The other doors here are without.
    pub(crate) tls: bool,
}

/// What a snippet for HTTP has instead if the page is at an origin with https, besides that origin.
const WITH_HTTPS: [(&str, &str); 2] = [
    ("host: '127.0.0.1', port: 3000,", "host: '127.0.0.1', port: 3000, ssl: true,"),
    ("serverport=\"3000\"", "serverport=\"3000\" usehttps=\"on\""),
];

/// What a snippet for gRPC and OTLP has instead with TLS.
const WITH_TLS: [(&str, &str); 5] = [
    ("http://127.0.0.1:4317", "https://127.0.0.1:4317"),
    ("http://127.0.0.1:4318", "https://127.0.0.1:4318"),
    (", insecure=True", ""),
    ("address: '127.0.0.1:4317'", "address: 'https://127.0.0.1:4317'"),
    ("get_by_endpoint(\"127.0.0.1:4317\")", "get_by_endpoint(\"127.0.0.1:4317\", ssl=True)"),
];

/// The default ports of the doors for gRPC and OTLP, which have TLS only if this server itself has it: a proxy in front of
/// the page is not in front of them.
const OWN_PORTS: [&str; 2] = ["4317", "4318"];

/// What stands in the place of a key that is not known.
pub(crate) const UNKNOWN_KEY: &str = "lb_…";

/// The default address of the dashboard and the HTTP doors in the files.
const MAIN: (&str, u16) = ("127.0.0.1", 3000);

/// A file, under the name used by tests and links.
struct Snippet {
    name: &'static str,
    title: &'static str,
    text: &'static str,
}

macro_rules! snippets {
    ($($name:literal $extension:literal $title:literal;)+) => {
        const SNIPPETS: &[Snippet] = &[$(Snippet {
            name: $name,
            title: $title,
            text: include_str!(concat!("../../../docs/snippets/", $name, ".", $extension)),
        },)+];
    };
}

snippets! {
    "curl" "sh" "curl";
    "lines" "sh" "Lines of any program";
    "winston" "mjs" "Node.js: winston, by gRPC";
    "winston-http" "mjs" "Node.js: winston, its own HTTP transport";
    "pino" "mjs" "Node.js: pino";
    "node" "mjs" "Node.js: fetch";
    "opentelemetry-node" "mjs" "Node.js: OpenTelemetry";
    "elasticsearch-node" "mjs" "Node.js: Elasticsearch client";
    "winston-elasticsearch" "mjs" "Node.js: winston-elasticsearch";
    "winston-loki" "mjs" "Node.js: winston-loki";
    "opentelemetry-python" "py" "Python: OpenTelemetry";
    "python" "py" "Python: standard library";
    "syslog-python" "py" "Python: SysLogHandler";
    "gelf-python" "py" "Python: pygelf";
    "fluent-python" "py" "Python: fluent-logger";
    "loki-python" "py" "Python: logging_loki";
    "elasticsearch-python" "py" "Python: Elasticsearch client";
    "grpc-python" "py" "Python: gRPC, by reflection";
    "tracing" "rs" "Rust: tracing";
    "go" "go" "Go";
    "logger" "sh" "logger";
    "rsyslog" "conf" "rsyslog";
    "rsyslog-elasticsearch" "conf" "rsyslog: omelasticsearch";
    "docker" "sh" "Docker";
    "tcp" "sh" "TCP";
}

/// The snippets for a page at `origin`, such as `http://127.0.0.1:3000`, with the key if one is given. The protocols of
/// some carry none, and at a page with TLS none is filled in where it would go out in clear.
pub(crate) fn snippets(origin: &str, doors: &DoorAddresses, key: Option<&str>) -> Vec<SnippetView> {
    let host = host_of(origin);
    let own = |address: SocketAddr| reachable_address(address, host);
    let mappings = [
        PortMapping { port: MAIN.1, address: Some((host.to_owned(), port_of(origin))), option: "--listen" },
        PortMapping { port: 4317, address: doors.grpc.map(own), option: "--grpc-listen" },
        PortMapping { port: 4318, address: doors.otlp.map(own), option: "--otlp-listen" },
        PortMapping { port: 9040, address: doors.tcp.map(own), option: "--tcp-listen" },
        PortMapping { port: 5514, address: doors.syslog.map(own), option: "--syslog-listen" },
        PortMapping { port: 12201, address: doors.gelf.map(own), option: "--gelf-listen" },
        PortMapping { port: 24224, address: doors.fluent.map(own), option: "--fluent-listen" },
    ];
    let described = |snippet: &Snippet| {
        let http = if origin.starts_with("https://") { &WITH_HTTPS[..] } else { &[] };
        let grpc = if doors.tls { &WITH_TLS[..] } else { &[] };
        let plain = snippet.text.trim_end().to_owned();
        let keyed = keyed::with_key(snippet.name, &plain);
        let takes_key = keyed.is_some();
        let is_in_clear = origin.starts_with("https://") && !doors.tls;
        let is_key_left_out =
            key.is_some() && takes_key && is_in_clear && OWN_PORTS.iter().any(|port| snippet.text.contains(port));
        let key = key.filter(|_| !is_key_left_out);
        let plain = key.and(keyed).unwrap_or(plain);
        let text = http.iter().chain(grpc).fold(plain, |text, (plain, secure)| text.replace(plain, secure));
        let (text, needs) = with_addresses(&text, origin, &mappings);
        // Last, because a key may contain the digits of a port.
        let text = match key {
            Some(key) => text.replace(keyed::KEY, key),
            None => text,
        };
        let (name, title) = (snippet.name.to_owned(), snippet.title.to_owned());
        SnippetView { name, title, text, needs, takes_key, is_key_left_out, note: None }
    };
    SNIPPETS.iter().map(described).collect()
}

/// A default port, and this server's address instead of it.
struct PortMapping {
    port: u16,
    address: Option<(String, u16)>,
    option: &'static str,
}

/// Replaces the default addresses in a text, in any form, by those of this server. Also returns the options that enable
/// missing doors.
fn with_addresses(text: &str, origin: &str, mappings: &[PortMapping]) -> (String, Option<String>) {
    // In two steps, because one address may contain the digits of another.
    const ORIGIN: &str = "\u{1}origin\u{1}";
    let mut filled = text.replace(&format!("http://{}:{}", MAIN.0, MAIN.1), ORIGIN);
    let (mut found, mut needs) = (Vec::new(), Vec::new());
    for (number, place) in mappings.iter().enumerate() {
        let (default, port) = (format!("{}:{}", MAIN.0, place.port), place.port.to_string());
        match &place.address {
            _ if !filled.contains(&port) => {}
            None => needs.push(format!("{} {default}", place.option)),
            Some((host, own)) => {
                let (address, alone) = (format!("\u{1}a{number}\u{1}"), format!("\u{1}p{number}\u{1}"));
                filled = filled.replace(&default, &address);
                // A host and a port that are separate in the text belong to one door.
                if filled.contains(&port) {
                    filled = filled.replace(&port, &alone).replace(MAIN.0, "\u{1}host\u{1}");
                    found.push(("\u{1}host\u{1}".to_owned(), host.clone()));
                }
                found.push((address, format!("{host}:{own}")));
                found.push((alone, own.to_string()));
            }
        }
    }
    found.push((ORIGIN.to_owned(), origin.to_owned()));
    let filled = found.iter().fold(filled, |text, (token, value)| text.replace(token, value));
    (filled, (!needs.is_empty()).then(|| needs.join(" ")))
}

fn port_of(origin: &str) -> u16 {
    let port = origin.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    port.unwrap_or(if origin.starts_with("https") { 443 } else { 80 })
}

fn host_of(origin: &str) -> &str {
    let authority = origin.split_once("://").map_or(origin, |(_, authority)| authority);
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// The reachable form of an address: an unspecified address is replaced by the host of the page.
fn reachable_address(address: SocketAddr, host: &str) -> (String, u16) {
    let name = if address.ip().is_unspecified() { host.to_owned() } else { address.ip().to_string() };
    (name, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(origin: &str, doors: &DoorAddresses, name: &str) -> (String, Option<String>) {
        let found = snippets(origin, doors, None).into_iter().find(|snippet| snippet.name == name).unwrap();
        (found.text, found.needs)
    }

    #[test]
    fn the_addresses_are_this_servers() {
        let doors = DoorAddresses {
            grpc: Some("127.0.0.1:7001".parse().unwrap()),
            syslog: Some("0.0.0.0:7002".parse().unwrap()),
            ..DoorAddresses::default()
        };
        let origin = "https://logs.example.com";
        assert!(text(origin, &doors, "curl").0.contains("https://logs.example.com/api/v1/push"));
        assert!(text(origin, &doors, "winston").0.contains("'127.0.0.1:7001'"));
        // One address may contain the digits of another.
        assert!(text("http://127.0.0.1:43179", &doors, "curl").0.contains("http://127.0.0.1:43179/api"));
        let (http, _) = text("http://logs:24224", &doors, "winston-http");
        assert!(http.contains("host: 'logs', port: 24224"), "{http}");
        let (logger, needs) = text("http://logs:3000", &doors, "logger");
        assert!(logger.contains("--server logs --port 7002") && needs.is_none(), "{logger}");
        let (_, needs) = text(origin, &doors, "gelf-python");
        assert_eq!(needs.as_deref(), Some("--gelf-listen 127.0.0.1:12201"));
    }

    #[test]
    fn with_tls_no_snippet_sends_in_the_open() {
        let doors = DoorAddresses {
            grpc: Some("10.0.0.1:7001".parse().unwrap()),
            otlp: Some("10.0.0.1:7002".parse().unwrap()),
            tls: true,
            ..DoorAddresses::default()
        };
        for key in [None, Some(UNKNOWN_KEY)] {
            for snippet in snippets("https://logs.example.com", &doors, key) {
                assert!(!snippet.text.contains("http://") && !snippet.text.contains("insecure"), "{}", snippet.text);
            }
        }
        for (name, part) in [
            ("winston", "address: 'https://10.0.0.1:7001'"),
            ("tracing", "https://10.0.0.1:7001"),
            ("opentelemetry-python", "endpoint=\"https://10.0.0.1:7001\")"),
            ("opentelemetry-node", "https://10.0.0.1:7002/v1/logs"),
            ("grpc-python", "get_by_endpoint(\"10.0.0.1:7001\", ssl=True)"),
            ("winston-http", "host: 'logs.example.com', port: 443, ssl: true"),
            ("rsyslog-elasticsearch", "serverport=\"443\" usehttps=\"on\""),
        ] {
            let (text, _) = text("https://logs.example.com", &doors, name);
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn at_a_page_with_tls_no_key_is_filled_in_for_a_door_without() {
        let address = |port| Some(std::net::SocketAddr::from(([10, 0, 0, 1], port)));
        let key = "lb_ab12cd34_0123456789abcdef0123456789abcdef";
        for (origin, tls, is_left_out) in [
            ("https://logs.example.com", false, true),
            ("https://logs.example.com", true, false),
            ("http://logs.example.com", false, false),
        ] {
            let doors = DoorAddresses { grpc: address(7001), otlp: address(7002), tls, ..DoorAddresses::default() };
            for snippet in snippets(origin, &doors, Some(key)).iter().filter(|snippet| snippet.takes_key) {
                let is_own = ["10.0.0.1:7001", "10.0.0.1:7002"].iter().any(|door| snippet.text.contains(door));
                assert_eq!(snippet.is_key_left_out, is_own && is_left_out, "{} at {origin}", snippet.name);
                assert_eq!(snippet.text.contains(key), !snippet.is_key_left_out, "{}", snippet.text);
            }
            let found = snippets(origin, &doors, Some(key));
            assert_eq!(found.iter().filter(|snippet| snippet.is_key_left_out).count() > 2, is_left_out, "{origin}");
        }
        // Without a key there is nothing to leave out.
        let doors = DoorAddresses { grpc: address(7001), ..DoorAddresses::default() };
        let plain = snippets("https://logs.example.com", &doors, None);
        assert!(plain.iter().all(|snippet| !snippet.is_key_left_out));
    }

    #[test]
    fn a_key_is_filled_in_as_it_is_and_only_if_one_is_given() {
        // The digits of default ports and addresses are not replaced within it.
        let key = "lb_30004317_4318904055141220124224000000000000";
        let (origin, doors) = ("http://logs:80", DoorAddresses::default());
        for (plain, filled) in snippets(origin, &doors, None).into_iter().zip(snippets(origin, &doors, Some(key))) {
            assert_eq!(plain.takes_key, filled.takes_key);
            assert!(!plain.text.contains(keyed::KEY) && !filled.text.contains(keyed::KEY), "{}", plain.name);
            assert_eq!(filled.text.matches(key).count(), usize::from(filled.takes_key), "{}", filled.text);
            assert_eq!(plain.text == filled.text, !filled.takes_key, "{}", plain.name);
        }
        let curl = snippets(origin, &doors, Some(key)).remove(0).text;
        assert!(curl.contains("curl http://logs:80/api") && curl.contains(&format!("Bearer {key}'")), "{curl}");
    }

    #[test]
    fn each_snippet_takes_a_key_but_those_of_protocols_without_one() {
        let without = snippets("http://logs:80", &DoorAddresses::default(), None);
        let without: Vec<String> =
            without.into_iter().filter(|snippet| !snippet.takes_key).map(|snippet| snippet.name).collect();
        // `grpc-python` reads the methods by reflection, without a key.
        let expected =
            ["syslog-python", "gelf-python", "fluent-python", "grpc-python", "logger", "rsyslog", "docker", "tcp"];
        assert_eq!(without, expected);
    }

    #[test]
    fn the_guide_shows_every_snippet_as_it_is() {
        let guide = include_str!("../../../docs/sending.md");
        for snippet in SNIPPETS {
            assert!(guide.contains(snippet.text.trim_end()), "docs/sending.md lacks {}", snippet.name);
        }
    }
}
