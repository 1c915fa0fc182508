//! Handshakes: protocols, client certificates, and clients that do not speak TLS.

use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;

#[tokio::test]
async fn the_client_chooses_http_1_or_2() {
    let files = Files::new();
    let served = serve(&open(&files.options())).await;
    let offers: [&[&[u8]]; 2] = [&[], &[b"http/1.1"]];
    for protocols in offers {
        let mut stream = connect(&files.client(None, protocols), served.address).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), protocols.first().copied());
        assert_eq!(call(&mut stream).await.unwrap(), "HTTP/1.1, secure: true, certificate: None");
    }
    let stream = connect(&files.client(None, &[b"h2", b"http/1.1"]), served.address).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = hyper::Request::get("https://localhost/").body(Empty::<bytes::Bytes>::new()).unwrap();
    let body = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(&body[..], b"HTTP/2.0, secure: true, certificate: None");
    drop(sender);
    let _ = connection.await;
    // Without an agreement, HTTP/2 is known by its first bytes, also if they come one by one.
    let mut stream = connect(&files.client(None, &[]), served.address).await.unwrap();
    for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" {
        stream.write_all(&[*byte]).await.unwrap();
        stream.flush().await.unwrap();
    }
    // An empty SETTINGS frame; the server's own is the answer.
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "{head:?}");
    drop(stream);
    served.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_certificate_goes_away() {
    let files = Files::new();
    let served = serve(&open(&files.options())).await;
    let stranger = Files::new();
    let error = connect(&stranger.client(None, &[]), served.address).await.unwrap_err();
    assert!(error.to_string().contains("invalid peer certificate"), "{error}");
    let stream = TcpStream::connect(served.address).await.unwrap();
    let name = ServerName::try_from("other.example").unwrap();
    let error = files.client(None, &[]).connect(name, stream).await.unwrap_err();
    assert!(error.to_string().contains("not valid for name"), "{error}");
    served.stop().await;
}

#[tokio::test]
async fn a_client_certificate_is_verified_and_one_without_is_a_caller_like_any_other() {
    let (files, clients) = (Files::new(), Authority::new());
    let served = serve(&open(&files.with_clients_of(&clients))).await;
    let by_name = |name: &str| clients.sign(|wanted| wanted.distinguished_name.push(rcgen::DnType::CommonName, name));
    let nameless = clients.sign(|wanted| wanted.subject_alt_names.clear());
    for (own, seen) in [
        (None, "None"),
        (Some(by_name("web-1")), "Some(\"web-1\")"),
        // Without a common name, the DNS name.
        (Some(clients.sign(|_| ())), "Some(\"localhost\")"),
        // Not for a log.
        (Some(by_name("\u{1b}[31mweb")), "Some(\"localhost\")"),
        (Some(nameless), "None"),
    ] {
        let mut stream = connect(&files.client(own.as_ref(), &[]), served.address).await.unwrap();
        let body = call(&mut stream).await.unwrap();
        assert_eq!(body, format!("HTTP/1.1, secure: true, certificate: {seen}"));
    }
    let expired = clients.sign(|wanted| wanted.not_after = rcgen::date_time_ymd(2021, 1, 1));
    for refused in [Authority::new().sign(|_| ()), expired] {
        // In TLS 1.3 the handshake of a client is over before the server has seen its certificate.
        let refusal = match connect(&files.client(Some(&refused), &[]), served.address).await {
            Ok(mut stream) => stream.read(&mut [0]).await.unwrap_err(),
            Err(error) => error,
        };
        assert!(refusal.to_string().contains("alert"), "{refusal}");
    }
    served.stop().await;

    // Without --tls-client-ca, the server asks for no client certificate.
    let served = serve(&open(&files.options())).await;
    let mut stream = connect(&files.client(Some(&by_name("web-1")), &[]), served.address).await.unwrap();
    assert!(call(&mut stream).await.unwrap().ends_with("certificate: None"));
    drop(stream);
    served.stop().await;
}

#[tokio::test]
async fn http_without_tls_is_told_what_to_do() {
    let files = Files::new();
    let served = serve(&open(&files.options())).await;
    let long = format!("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9999\r\n\r\n{}", "x".repeat(9999));
    for request in ["GET /healthz HTTP/1.0\r\n\r\n", &long] {
        let answer = answer_without_tls(served.address, request).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 TLS Required\r\n"), "{answer}");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{answer}");
        assert_eq!(body, "this port speaks TLS; use https://\r\n");
    }
    served.stop().await;
}

#[tokio::test]
async fn a_handshake_that_stalls_holds_a_slot_and_nobody_else() {
    let files = Files::new();
    let served = serve(&open(&files.options())).await;
    let client = files.client(None, &[]);
    let mut stalled = Vec::new();
    for begin in [&b""[..], b"\x16", b"\x16\x03\x01"] {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(begin).await.unwrap();
        stalled.push(stream);
    }
    assert_eq!(stalled.len(), CONNECTIONS - 1);
    for _ in 0..2 {
        let mut stream = connect(&client, served.address).await.unwrap();
        assert!(call(&mut stream).await.is_ok());
    }
    // The end of the server waits for none of them.
    served.stop().await;
}

#[tokio::test]
async fn a_client_that_leaves_during_the_handshake_frees_its_slot() {
    let files = Files::new();
    let served = serve(&open(&files.options())).await;
    let client = files.client(None, &[]);
    // More of them than there are slots.
    for _ in 0..2 * CONNECTIONS {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(b"\x16\x03\x01\x00").await.unwrap();
    }
    assert!(call(&mut connect(&client, served.address).await.unwrap()).await.is_ok());
    served.stop().await;
}

#[tokio::test]
async fn a_stream_door_gets_the_bytes_after_the_handshake_and_none_without() {
    let (files, clients) = (Files::new(), Authority::new());
    let tls = open(&files.with_clients_of(&clients));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let own = clients.sign(|wanted| wanted.distinguished_name.push(rcgen::DnType::CommonName, "router-1"));
    let client = files.client(Some(&own), &[]);
    let sent = tokio::spawn(async move {
        let mut stream = connect(&client, address).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), None);
        stream.write_all(b"<13>hello\n").await.unwrap();
        stream.shutdown().await.unwrap();
        stream
    });
    let mut opened = tls.open_stream(listener.accept().await.unwrap().0).await.unwrap();
    assert_eq!(opened.certificate, Some(ClientCertificate("router-1".to_owned())));
    let mut received = String::new();
    opened.stream.read_to_string(&mut received).await.unwrap();
    assert_eq!(received, "<13>hello\n");
    sent.await.unwrap();

    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"<13>hello\n").await.unwrap();
    assert!(tls.open_stream(listener.accept().await.unwrap().0).await.is_none());
}
