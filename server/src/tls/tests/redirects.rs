//! The listener without TLS that sends browsers to https.

use super::*;
use crate::{callers::Callers, testing::until, tls::Redirect};

const MAIN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8443);

async fn redirect(supervisor: &Supervisor) -> Served {
    let public = ["https://logs.example.com", "http://plain.example.com"].map(|url| url.parse().unwrap());
    let callers = Arc::new(Callers::new(&public, &[]));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let redirect = Redirect::new(listener, callers, MAIN, CONNECTIONS);
    let (address, end) = (redirect.address().unwrap(), End::default());
    let task = tokio::spawn(redirect.serve("redirect".to_owned(), supervisor.clone(), end.clone()));
    Served { address, end, task }
}

#[tokio::test]
async fn a_browser_is_sent_to_the_same_page_under_a_name_of_this_server() {
    let served = redirect(&Supervisor::default()).await;
    for (request, target) in [
        ("GET /logs?query=a%20b HTTP/1.1\r\nhost: 127.0.0.1:80", "https://127.0.0.1:8443/logs?query=a%20b"),
        ("HEAD / HTTP/1.1\r\nhost: Node-1", "https://node-1:8443/"),
        ("GET / HTTP/1.1\r\nhost: [::1]:8080", "https://[::1]:8443/"),
        ("GET //evil.example/ HTTP/1.1\r\nhost: localhost", "https://localhost:8443//evil.example/"),
        // The port of the public URL with this name.
        ("GET /a HTTP/1.1\r\nhost: logs.example.com", "https://logs.example.com/a"),
        ("GET /a HTTP/1.1\r\nhost: plain.example.com", "https://plain.example.com:8443/a"),
        ("GET http://localhost:80/a HTTP/1.1\r\nhost: localhost:80", "https://localhost:8443/a"),
    ] {
        let answer = answer_without_tls(served.address, &format!("{request}\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 308 "), "{answer}");
        assert!(answer.contains(&format!("location: {target}\r\n")), "{answer}");
    }
    served.stop().await;
}

#[tokio::test]
async fn other_calls_and_names_are_refused_and_go_nowhere() {
    let served = redirect(&Supervisor::default()).await;
    for (request, status, hint) in [
        ("POST /api/v1/push HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}", "403", "use https"),
        ("PUT / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n", "403", "may have read"),
        ("OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n", "403", "use https"),
        ("GET / HTTP/1.1\r\nhost: evil.example\r\n\r\n", "421", "--public-url"),
        ("GET / HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n\r\n", "421", "several Host headers"),
        ("GET / HTTP/1.0\r\n\r\n", "400", "Host"),
    ] {
        let answer = answer_without_tls(served.address, request).await;
        let is_status = answer.split(' ').nth(1) == Some(status);
        assert!(is_status && answer.contains(hint) && !answer.contains("location:"), "{request}: {answer}");
    }
    served.stop().await;
}

#[tokio::test]
async fn a_panic_of_the_listener_that_redirects_is_outlived() {
    let supervisor = Supervisor::default();
    let served = redirect(&supervisor).await;
    let request = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
    assert!(answer_without_tls(served.address, request).await.contains("308"));
    assert!(supervisor.panic_in("redirect"));
    until("it has panicked", || supervisor.tasks()[0].restarts == 1).await;
    assert!(answer_without_tls(served.address, request).await.contains("308"));
    served.stop().await;
}
