//! Snippets to copy into a program so that it logs here: the files of `docs/snippets`, with this server's addresses
//! instead of the default ones.

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
            text: include_str!(concat!("../../docs/snippets/", $name, ".", $extension)),
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

/// The snippets for a page at `origin`, such as `http://127.0.0.1:3000`.
pub(crate) fn snippets(origin: &str, doors: &DoorAddresses) -> Vec<SnippetView> {
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
        let text = http.iter().chain(grpc).fold(plain, |text, (plain, secure)| text.replace(plain, secure));
        let (text, needs) = with_addresses(&text, origin, &mappings);
        SnippetView { name: snippet.name.to_owned(), title: snippet.title.to_owned(), text, needs }
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
        let found = snippets(origin, doors).into_iter().find(|snippet| snippet.name == name).unwrap();
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
        for snippet in snippets("https://logs.example.com", &doors) {
            assert!(!snippet.text.contains("http://") && !snippet.text.contains("insecure"), "{}", snippet.text);
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
    fn the_guide_shows_every_snippet_as_it_is() {
        let guide = include_str!("../../docs/sending.md");
        for snippet in SNIPPETS {
            assert!(guide.contains(snippet.text.trim_end()), "docs/sending.md lacks {}", snippet.name);
        }
    }
}
