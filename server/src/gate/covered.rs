//! Each call, each gRPC method and each listener goes through the gate. What nobody has declared fails here.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use access::{Options, Posture};
use axum::{
    Extension, Router,
    http::{Method, Request},
};
use chrono::FixedOffset;
use clap::{Args as _, FromArgMatches as _};
use metrics_exporter_prometheus::PrometheusBuilder;
use pipeline::{
    Supervisor,
    admit::{Ingest, IngestOptions},
    clock::Clock,
};
use prost::Message;
use regex::Regex;
use testkit::memory::MemoryQueue;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    agent, grpc, http,
    listen::{End, Listener},
    site::{self, Site},
    sockets::Sockets,
    streams::{Decoding, Doors, StreamDoors},
    testing::until,
};

const SECRET: &str = "lb_abcdefgh_0123456789abcdef0123456789abcdef";
/// Somebody on another machine.
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));

/// The calls that need nothing. A new one belongs here only if it tells a stranger nothing but versions and health.
const NEED_NOTHING: [&str; 23] = [
    "* /elasticsearch",
    "* /elasticsearch/",
    "GET /_cluster/health",
    "GET /_license",
    "GET /_xpack",
    "GET /elasticsearch/_cluster/health",
    "GET /elasticsearch/_license",
    "GET /elasticsearch/_xpack",
    "GET /healthz",
    "GET /login",
    "GET /login/oidc",
    "GET /login/oidc/callback",
    "GET /pkg/{*path}",
    "GET /readyz",
    "GET /readyz/read",
    "GET /readyz/write",
    "GET /setup",
    "GET /v/{version}/{*path}",
    "POST /grpc.health.v1.Health/Check",
    "POST /grpc.health.v1.Health/List",
    "POST /login",
    "POST /logout",
    "POST /setup",
];

fn access(keys: &[&str]) -> Access {
    let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    let options = Options { posture: Posture::Network, anonymous: Vec::new(), issuer: None, clock: Clock::system() };
    Access::fixed(&keys, options).unwrap()
}

fn gate(keys: &[&str], declared: Vec<Declared>) -> Gate {
    Gate::new(access(keys), Table::new(declared), Vec::new(), true)
}

/// What the calls of `logboom serve` need, as `serve` puts them together.
fn declared() -> Vec<Declared> {
    let collect = async || {
        let ingest = Ingest::start(Arc::new(MemoryQueue::new()), IngestOptions::default());
        let mut all = http::declared();
        all.extend(site::routes(Arc::new(Site::new(std::iter::empty()))).into_parts().1);
        all.extend(pages(Router::new(), &app::listed()).into_parts().1);
        all.extend(grpc::routes(&ingest, &CancellationToken::new()).unwrap().into_parts().1);
        all
    };
    // A page is one deep type, and takes more stack than a test has.
    let collect =
        move || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(collect());
    std::thread::Builder::new().stack_size(32 << 20).spawn(collect).unwrap().join().unwrap()
}

/// The status of a refusal to a stranger; `None` for an admitted call.
fn refusal(gate: &Gate, method: &Method, path: &str) -> Option<u16> {
    let target = Regex::new(r"\{[^}]*\}").unwrap().replace_all(path, "x").into_owned();
    let request = Request::builder().method(method).uri(target).body(()).unwrap();
    let peer = Peer { source: STRANGER, certificate: None, is_tls: false };
    match gate.decide(&mut request.into_parts().0, &peer) {
        Decision::Admitted => None,
        Decision::Refused(answer) => Some(answer.status().as_u16()),
        Decision::Unsure => panic!("{path}: no credentials, and not decided"),
    }
}

/// Checks all calls with a closed and a guarded gate, and returns those that a stranger may make.
fn admitted(declared: &[Declared]) -> BTreeSet<String> {
    let mut admitted = BTreeSet::new();
    for keys in [&[][..], &[SECRET]] {
        let gate = gate(keys, declared.to_vec());
        for Declared { path, method, need, .. } in declared {
            let methods = method.clone().map_or(vec![Method::GET, Method::POST, Method::DELETE], |method| vec![method]);
            for tried in methods {
                let Some(status) = refusal(&gate, &tried, path) else {
                    let method = method.as_ref().map_or("*", Method::as_str);
                    admitted.insert(format!("{method} {path}"));
                    continue;
                };
                let is_write = matches!(need, Need::Write(_));
                assert_eq!(status, if keys.is_empty() && is_write { 503 } else { 401 }, "{tried} {path}");
            }
        }
    }
    admitted
}

#[test]
fn each_call_is_refused_to_a_stranger_but_for_a_short_list() {
    let declared = declared();
    assert!(declared.len() > 80, "only {} calls were found", declared.len());
    let expected: BTreeSet<String> = NEED_NOTHING.iter().map(|call| (*call).to_owned()).collect();
    assert_eq!(admitted(&declared), expected);
    for path in
        ["/", "/overview", "/system", "/api/dashboard/ask", "/api/v1/logs", "/logs", "/metrics", "/_bulk", "/put"]
    {
        assert!(declared.iter().any(|declared| declared.path == path), "{path} is not among the calls");
    }
    let gate = gate(&[SECRET], declared);
    assert_eq!(refusal(&gate, &Method::GET, "/nobody/has/declared/it"), Some(401));
    assert_eq!(refusal(&gate, &Method::TRACE, "/api/v1/logs"), Some(401));
}

#[test]
fn each_call_of_an_agent_is_refused_to_a_stranger_but_for_its_health() {
    let health = ["GET /healthz", "GET /readyz", "GET /readyz/write"];
    assert_eq!(admitted(&agent::routes::declared()), health.map(str::to_owned).into());
}

/// The parts of a descriptor set that name methods.
#[derive(Clone, PartialEq, Message)]
struct DescriptorSet {
    #[prost(message, repeated, tag = "1")]
    files: Vec<File>,
}

#[derive(Clone, PartialEq, Message)]
struct File {
    #[prost(string, tag = "2")]
    package: String,
    #[prost(message, repeated, tag = "6")]
    services: Vec<Service>,
}

#[derive(Clone, PartialEq, Message)]
struct Service {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    methods: Vec<NamedMethod>,
}

#[derive(Clone, PartialEq, Message)]
struct NamedMethod {
    #[prost(string, tag = "1")]
    name: String,
}

#[test]
fn each_grpc_method_is_declared() {
    let declared: BTreeSet<String> = declared().into_iter().map(|declared| declared.path).collect();
    let mut methods = vec!["/opentelemetry.proto.collector.logs.v1.LogsService/Export".to_owned()];
    for set in [wire::DESCRIPTORS, tonic_health::pb::FILE_DESCRIPTOR_SET] {
        for File { package, services } in DescriptorSet::decode(set).unwrap().files {
            let prefix = if package.is_empty() { String::new() } else { format!("{package}.") };
            for Service { name, methods: of_service } in services {
                methods.extend(of_service.iter().map(|method| format!("/{prefix}{name}/{}", method.name)));
            }
        }
    }
    assert!(methods.len() > 4, "{methods:?}");
    for method in methods {
        assert!(declared.contains(&method), "{method} is not declared in grpc/mod.rs");
    }
}

/// How the names of files end that are compiled for tests alone.
const OF_TESTS: [&str; 3] = ["tests.rs", "covered.rs", "panics.rs"];

/// The files of the program whose code outside of tests contains a text.
fn files_with(text: &str) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut found) = (vec![root.clone()], BTreeSet::new());
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".rs") && !OF_TESTS.iter().any(|end| name.ends_with(end)) {
                let source = fs::read_to_string(&path).unwrap();
                let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                found.extend(code.contains(text).then_some(name));
            }
        }
    }
    found
}

#[test]
fn routers_and_listeners_are_made_only_where_the_gate_stands() {
    let set = |files: &[&str]| files.iter().map(|file| (*file).to_owned()).collect::<BTreeSet<_>>();
    // The wrapper, and the complete routers of the listeners.
    assert_eq!(files_with("Router::new()"), set(&["gate/routes.rs", "listeners.rs"]));
    // HTTP and gRPC, streams, and the redirect to https, which serves nothing.
    assert_eq!(files_with("Port::new("), set(&["listen/mod.rs", "streams/mod.rs", "tls/redirect.rs"]));
}

#[tokio::test]
async fn a_closed_server_takes_nothing_by_any_stream_door() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let queue = Arc::new(MemoryQueue::new());
    let ingest = Ingest::start(queue.clone(), IngestOptions::default());
    let command = StreamDoors::augment_args(clap::Command::new("test"));
    let named = command.get_arguments().filter_map(|argument| argument.get_long());
    let listening = named.filter(|name| name.ends_with("-listen"));
    let arguments = listening.flat_map(|name| [format!("--{name}"), "127.0.0.1:0".to_owned()]);
    let arguments: Vec<String> = std::iter::once("test".to_owned()).chain(arguments).collect();
    let options = command.get_matches_from(arguments);
    let table = StreamDoors::from_arg_matches(&options).unwrap();
    let decoding = Decoding { assume_timezone: FixedOffset::east_opt(0).unwrap(), keep_packets: false };
    let closed = (&access(&[]), &Audit::default());
    let doors = Doors::bind(&table, &Sockets::default(), decoding, 4, &ingest, closed, None).await.unwrap();
    let addresses = doors.addresses().unwrap();
    assert!(addresses.len() >= 4, "{addresses:?}");
    let (mut servers, stop) = (JoinSet::new(), CancellationToken::new());
    doors.serve(&mut servers, &Supervisor::default(), &stop);
    for (door, listening) in addresses {
        let mut stream = TcpStream::connect(listening.address).await.unwrap();
        let _ = stream.write_all(b"{\"message\":\"m\"}\n").await;
        // It is closed, or reset because of what it has sent.
        assert!(matches!(stream.read(&mut [0; 64]).await, Ok(0) | Err(_)), "{door}");
        if matches!(door, "syslog" | "gelf") {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            socket
                .send_to(b"{\"short_message\":\"m\",\"host\":\"h\",\"version\":\"1.1\"}", listening.address)
                .await
                .unwrap();
            let counted = format!("logboom_refused_datagrams_total{{door=\"{door}\"}} 1");
            until("the datagram is refused", || metrics.render().contains(&counted)).await;
        }
        assert!(
            metrics.render().contains(&format!("logboom_refused_connections_total{{door=\"{door}\"}} 1")),
            "{door}"
        );
    }
    assert_eq!(queue.depth(), 0);
    stop.cancel();
    while servers.join_next().await.is_some() {}
}

async fn answer(address: SocketAddr, key: Option<&str>) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let key = key.map(|key| format!("authorization: Bearer {key}\r\n")).unwrap_or_default();
    let call =
        format!("POST /put HTTP/1.1\r\nhost: localhost\r\n{key}content-length: 2\r\nconnection: close\r\n\r\n{{}}");
    stream.write_all(call.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_call_reaches_its_handler_with_its_principal_or_not_at_all() {
    let name = async |Extension(principal): Extension<Principal>| principal.name().to_owned();
    let (router, declared) = Routes::<()>::new().post("/put", Need::Write("put"), name).into_parts();
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let gate = Arc::new(gate(&[SECRET], declared));
    let listener = Listener::new(socket, router, Arc::default(), gate, 4);
    let (address, end) = (listener.address().unwrap(), End::default());
    let server = tokio::spawn(listener.serve("http".to_owned(), Supervisor::default(), end.clone()));
    let admitted = answer(address, Some(SECRET)).await;
    assert!(admitted.starts_with("HTTP/1.1 200") && admitted.ends_with("key lb_abcdefgh"), "{admitted}");
    for key in [None, Some("lb_abcdefgh_ffffffffffffffffffffffffffffffff")] {
        let refused = answer(address, key).await;
        assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
        let head = refused.to_ascii_lowercase();
        for header in ["www-authenticate: bearer", "cache-control: no-store", "x-content-type-options: nosniff"] {
            assert!(head.contains(header), "{header}: {refused}");
        }
    }
    end.accepting.cancel();
    end.serving.cancel();
    server.await.unwrap();
}
