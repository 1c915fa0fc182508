//! Who may call: pages of other sites, and names that are not this server's, on every listener.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::{Code, Request, transport::Endpoint};
use wire::logger::{LogRequest, logger_client::LoggerClient};

use crate::{
    load::{a_fresh_record_gets_through, count},
    node::{Node, PATIENCE, client},
};

/// The head of the answer to a raw request, whose body may go on for ever.
async fn head(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = async {
        while !answer.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
            let mut bytes = [0; 1024];
            match stream.read(&mut bytes).await.unwrap() {
                0 => break,
                length => answer.extend_from_slice(&bytes[..length]),
            }
        }
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap();
    String::from_utf8_lossy(&answer).split("\r\n\r\n").next().unwrap().to_ascii_lowercase()
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no answer: {head:?}"))
}

fn post(path: &str, headers: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing_and_reads_nothing() {
    let node = Node::start("embedded", "embedded").await;
    let addresses = [node.url.trim_start_matches("http://"), &node.grpc];
    let body = r#"{"service":"by-a-page","message":"smuggled"}"#;
    let foreign = "origin: https://evil.example\r\ncontent-type: text/plain\r\n";
    // Each that changes something: no preflight comes before `text/plain`.
    let paths = [
        "/api/v1/push",
        "/put",
        "/v1/logs",
        "/loki/api/v1/push",
        "/_bulk",
        "/logs/_doc",
        "/api/dashboard/ask",
        "/api/v1/dead-letters/1/replay",
        "/api/v1/documents",
        "/LoggerService.Logger/SendLog",
        "/nowhere",
    ];
    for address in addresses {
        for path in paths {
            for headers in [
                foreign,
                "origin: null\r\ncontent-type: text/plain\r\n",
                "sec-fetch-site: cross-site\r\n",
                "origin: https://evil.example\r\ncontent-type: application/grpc-web+proto\r\n",
                "origin: https://evil.example\r\nsec-fetch-site: same-origin\r\n",
            ] {
                assert_eq!(status(&head(address, &post(path, headers, body)).await), 403, "{path} {headers}");
            }
        }
    }
    let main = addresses[0];
    for method in ["PUT", "DELETE"] {
        let request =
            format!("{method} /api/v1/views/a HTTP/1.1\r\nhost: localhost\r\n{foreign}content-length: 0\r\n\r\n");
        assert_eq!(status(&head(main, &request).await), 403, "{method}");
    }
    let http = client(Duration::from_secs(30));
    let refusal = http.post(format!("{}/put", node.url)).header("origin", "https://evil.example").body(body);
    let text = refusal.send().await.unwrap().text().await.unwrap();
    assert!(text.contains("https://evil.example") && text.contains("--cors-origin"), "{text}");
    // What may be read is read by its own pages alone.
    let readable = [
        "/logs",
        "/historical-logs",
        "/api/v1/tail",
        "/api/v1/logs",
        "/api/v1/figures",
        "/metrics",
        "/healthz",
        "/nowhere",
    ];
    for path in readable {
        for (origin, allowed) in [("https://evil.example", false), ("null", false), ("http://localhost:8080", true)] {
            let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\norigin: {origin}\r\n\r\n");
            let head = head(main, &request).await;
            let says = format!("access-control-allow-origin: {origin}\r\n");
            assert_eq!(head.contains(&says), allowed, "{path} {origin}: {head}");
            assert_eq!(head.contains("access-control-allow-origin"), allowed, "{path} {origin}: {head}");
            for always in [
                "\r\nvary: origin",
                "\r\nx-content-type-options: nosniff",
                "\r\nreferrer-policy: same-origin",
                "frame-ancestors 'none'",
            ] {
                assert!(head.contains(always), "{path}: {always} in {head}");
            }
        }
    }
    for (origin, expected) in [("https://evil.example", 403), ("http://127.0.0.1:8080", 200)] {
        let request = format!(
            "OPTIONS /put HTTP/1.1\r\nhost: localhost\r\norigin: {origin}\r\naccess-control-request-method: POST\r\n\r\n"
        );
        assert_eq!(status(&head(main, &request).await), expected, "{origin}");
    }
    a_fresh_record_gets_through(&node.url, "after-the-page").await;
    assert_eq!(count(&node.url, "by-a-page").await, 0);
}

#[tokio::test]
async fn a_name_that_is_not_this_servers_leads_to_nothing() {
    let public = ("LOGBOOM_PUBLIC_URL", "https://logs.example.com".to_owned());
    let node = Node::start_with("embedded", "embedded", &[public]).await;
    let main = node.url.trim_start_matches("http://");
    for (address, path) in
        [(main, "/"), (main, "/logs"), (main, "/api/v1/logs"), (&*node.grpc, "/"), (main, "/api/v1/tail")]
    {
        for (line, headers, refused) in [
            (path.to_owned(), "host: evil.example\r\n", true),
            (path.to_owned(), "host: localhost.\r\nhost: localhost\r\n", true),
            (path.to_owned(), "host: user@localhost\r\n", true),
            (format!("http://evil.example{path}"), "host: localhost\r\n", true),
            (path.to_owned(), "host: localhost\r\nx-forwarded-host: evil.example\r\n", false),
            (path.to_owned(), "host: LOCALHOST.:80\r\n", false),
            (path.to_owned(), "host: [::1]:80\r\n", false),
            (path.to_owned(), "host: logs.example.com\r\n", false),
            (path.to_owned(), "host: \r\n", false),
        ] {
            let answer = head(address, &format!("GET {line} HTTP/1.1\r\n{headers}\r\n")).await;
            assert_eq!(status(&answer) == 421, refused, "{line} {headers}: {answer}");
        }
        let probe = head(address, &format!("GET {path} HTTP/1.0\r\n\r\n")).await;
        assert_ne!(status(&probe), 421, "{probe}");
    }
    let body = r#"{"service":"any-name","message":"a program"}"#;
    let program = format!("POST /put HTTP/1.1\r\nhost: evil.example\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    assert_eq!(status(&head(main, &program).await), 200);
    let page = program.replace("host:", "origin: http://evil.example\r\nhost:");
    assert_eq!(status(&head(main, &page).await), 421);
    let own = program.replace("host: evil.example", "origin: https://logs.example.com\r\nhost: 127.0.0.1:3000");
    assert_eq!(status(&head(main, &own).await), 200);
}

#[tokio::test]
async fn grpc_is_for_programs_under_any_name_and_for_no_page_of_another_site() {
    let node = Node::start("embedded", "embedded").await;
    for address in [node.url.clone(), format!("http://{}", node.grpc)] {
        for (name, origin, expected) in [
            ("http://evil.example", None, Code::Ok),
            ("http://localhost", Some("http://localhost:8080"), Code::Ok),
            ("http://localhost", Some("https://evil.example"), Code::PermissionDenied),
            ("http://localhost", Some("null"), Code::PermissionDenied),
            ("http://evil.example", Some("http://evil.example"), Code::PermissionDenied),
        ] {
            let channel = Endpoint::from_shared(address.clone()).unwrap().origin(name.parse().unwrap());
            let mut logger = LoggerClient::new(channel.connect().await.unwrap());
            let mut request = Request::new(LogRequest {
                node: "n".to_owned(),
                timestamp: String::new(),
                level: "info".to_owned(),
                message: "m".to_owned(),
            });
            if let Some(origin) = origin {
                request.metadata_mut().insert("origin", origin.parse().unwrap());
            }
            let answer = logger.send_log(request).await;
            if let Err(refusal) = &answer {
                assert!(refusal.message().contains("evil.example") || origin == Some("null"), "{refusal:?}");
            }
            assert_eq!(answer.map_or_else(|status| status.code(), |_| Code::Ok), expected, "{name} {origin:?}");
        }
    }
}
