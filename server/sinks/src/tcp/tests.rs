use std::{net::SocketAddr, sync::Arc};

use model::{Position, Record, RecordId, Severity, StoredRecord};
use pipeline::{BatchId, ErrorClass};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::*;

fn batch(id: u8, messages: &[&str]) -> Outgoing {
    let record = |message: &&str| Record {
        id: RecordId(1),
        time: 1_700_000_000_000_000_000,
        observed_time: 1_700_000_000_000_000_000,
        severity: Severity::INFO,
        level: "info".into(),
        service: "a".into(),
        node: "".into(),
        message: (*message).into(),
        attributes: Vec::new(),
        trace_id: None,
        span_id: None,
    };
    let stored = |message| StoredRecord { position: Position(1), record: record(message) };
    Outgoing { id: BatchId([id; 16]), records: messages.iter().map(stored).collect() }
}

/// More than the buffers of both kernels hold.
fn large(id: u8) -> Outgoing {
    let message = "x".repeat(1 << 20);
    batch(id, &[message.as_str(); 32])
}

fn sink_at(url: &str, parameters: &str) -> TcpSink {
    TcpSink::new(&Url::parse(url).unwrap(), &mut Parameters::read(parameters).unwrap()).unwrap()
}

fn sink(address: SocketAddr) -> TcpSink {
    sink_at(&format!("tcp://{address}"), "")
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn accept(listener: &TcpListener) -> Lines<BufReader<TcpStream>> {
    BufReader::new(listener.accept().await.unwrap().0).lines()
}

async fn messages<S: AsyncRead + Unpin>(lines: &mut Lines<BufReader<S>>, count: usize) -> Vec<String> {
    let mut messages = Vec::new();
    for _ in 0..count {
        let line = lines.next_line().await.unwrap().unwrap();
        let document: serde_json::Value = serde_json::from_str(&line).unwrap();
        messages.push(document["message"].as_str().unwrap().to_owned());
    }
    messages
}

#[tokio::test]
async fn records_are_lines_of_one_connection_in_their_order() {
    let (listener, address) = listen().await;
    let mut sink = sink(address);
    sink.open(None).await.unwrap();
    let mut lines = accept(&listener).await;
    for (id, records) in [(1, &["1", "two\nlines"][..]), (2, &["3"])] {
        assert_eq!(sink.send(&batch(id, records)).await.unwrap(), Sent::default());
        assert_eq!(messages(&mut lines, records.len()).await, records);
        // What the receiver sends is not for anyone.
        lines.get_mut().get_mut().write_all(b"ok\n").await.unwrap();
    }
    drop(sink);
    assert_eq!(lines.next_line().await.unwrap(), None);
}

#[tokio::test]
async fn a_receiver_that_was_restarted_swallows_no_batch() {
    let (listener, address) = listen().await;
    let mut sink = sink(address);
    for id in 0..5 {
        let number = id.to_string();
        sink.send(&batch(id, &[&number])).await.unwrap();
        let mut lines = accept(&listener).await;
        assert_eq!(messages(&mut lines, 1).await, [number]);
    }
    // With the end of the listener, too.
    drop(listener);
    let error = sink.send(&batch(5, &["5"])).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Unavailable);
    assert!(error.message.contains(&format!("tcp://{address}: cannot connect")), "{error}");
    let listener = TcpListener::bind(address).await.unwrap();
    sink.open(None).await.unwrap();
    sink.send(&batch(5, &["5"])).await.unwrap();
    assert_eq!(messages(&mut accept(&listener).await, 1).await, ["5"]);
}

#[tokio::test]
async fn a_batch_that_was_cut_off_is_sent_again_as_a_whole() {
    let (listener, address) = listen().await;
    let mut sink = sink(address);
    sink.open(None).await.unwrap();
    let mut lines = accept(&listener).await;
    sink.send(&batch(1, &["1"])).await.unwrap();
    messages(&mut lines, 1).await;
    let receiver = tokio::spawn(async move {
        // Closes in the middle of the batch, twice: over the old connection, and over a new one.
        lines.into_inner().read_exact(&mut [0; 100_000]).await.unwrap();
        listener.accept().await.unwrap().0.read_exact(&mut [0; 100_000]).await.unwrap();
        messages(&mut accept(&listener).await, 32).await.len()
    });
    let error = sink.send(&large(2)).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Unavailable, "{error}");
    sink.open(None).await.unwrap();
    sink.send(&large(2)).await.unwrap();
    assert_eq!(receiver.await.unwrap(), 32);
}

#[tokio::test]
async fn a_receiver_that_accepts_nothing_is_given_up_after_the_limit() {
    let (listener, address) = listen().await;
    let mut sink = sink(address);
    sink.limits.write = Duration::from_millis(50);
    let error = sink.send(&large(1)).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Unavailable);
    assert!(error.message.contains("accepted nothing for 0.05 s"), "{error}");
    drop(listener);
}

#[tokio::test]
async fn a_slow_receiver_gets_the_whole_batch() {
    let (listener, address) = listen().await;
    let mut sink = sink(address);
    sink.open(None).await.unwrap();
    let mut lines = accept(&listener).await;
    let receiver = tokio::spawn(async move {
        let mut count = 0;
        while messages(&mut lines, 1).await.len() == 1 && count < 31 {
            count += 1;
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
        count + 1
    });
    sink.send(&large(1)).await.unwrap();
    assert_eq!(receiver.await.unwrap(), 32);
}

#[tokio::test]
async fn over_tls_the_certificate_must_be_of_the_given_authority() {
    let folder = tempfile::tempdir().unwrap();
    let own = rcgen::generate_simple_self_signed(vec!["localhost".into(), "127.0.0.1".into()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("own.pem"), own.cert.pem()).unwrap();
    std::fs::write(path("other.pem"), other.cert.pem()).unwrap();
    std::fs::write(path("none.pem"), "").unwrap();

    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![own.cert.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (listener, address) = listen().await;
    let url = format!("tcp+tls://{address}");
    for (ca, reason) in [("other.pem", "certificate"), ("none.pem", "no certificate"), ("missing.pem", "missing.pem")] {
        let mut sink = sink_at(&url, &format!("ca={}", path(ca).display()));
        let (opened, ()) = tokio::join!(sink.open(None), async {
            let stream = listener.accept().await.unwrap().0;
            let _ = acceptor.accept(stream).await;
        });
        let error = opened.unwrap_err();
        assert_eq!(error.class, ErrorClass::Unavailable);
        assert!(error.message.contains(&url) && error.message.contains(reason), "{error}");
    }
    let mut sink = sink_at(&url, &format!("ca={}", path("own.pem").display()));
    for id in 0..3 {
        let number = id.to_string();
        let receive = async {
            let stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
            let mut lines = BufReader::new(stream).lines();
            let received = messages(&mut lines, 1).await;
            // With `close_notify`.
            lines.get_mut().get_mut().shutdown().await.unwrap();
            received
        };
        let sending = batch(id, &[&number]);
        let (sent, received) = tokio::join!(sink.send(&sending), receive);
        assert_eq!(received, [number]);
        sent.unwrap();
    }
}

#[test]
fn errors_name_what_is_wrong_with_the_url() {
    for (url, parameters, reason) in [
        ("tcp://host", "", "the port is missing, as in tcp://host:5170"),
        ("tcp://host:1/path", "", "/path: a connection has no path"),
        ("tcp+tls://[::1]:1", "fields=x", "fields=x: expected plain or ecs"),
    ] {
        let mut parameters = Parameters::read(parameters).unwrap();
        let error = TcpSink::new(&Url::parse(url).unwrap(), &mut parameters).err().unwrap();
        assert!(error.class == ErrorClass::Invalid && error.message.contains(reason), "{error}");
    }
    let mut parameters = Parameters::read("ca=/x").unwrap();
    assert!(TcpSink::new(&Url::parse("tcp://host:1").unwrap(), &mut parameters).is_ok());
    assert!(parameters.finish().is_err(), "there is no certificate without TLS");
}
