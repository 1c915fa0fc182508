//! Overload before decoding: what thousands of calls hold back, compressed, does not fill the
//! memory, and each of them is answered.

use std::{convert::Infallible, io::Write as _, time::Duration};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use futures::StreamExt as _;
use http_body_util::StreamBody;
use hyper::{
    Request, StatusCode,
    body::Frame,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, sync::watch};

use crate::{
    load::count,
    node::{Node, PATIENCE},
};

const SERVICE: &str = "held-back";
/// Of HTTP/1.1, each with a body that becomes 8 MiB.
const CONNECTIONS: usize = 300;
/// Of HTTP/2, on so many connections, each with a body that becomes 1 MiB.
const STREAMS: usize = 1000;
const STREAM_CONNECTIONS: usize = 2;
/// The bytes of a body that come last; pieces that are much smaller are a fault to h2.
const HELD_BACK: usize = 300;
/// The most that the program may take, all in, as it is built for tests.
const PEAK_BYTES: usize = 400 << 20;

/// A record and so many blanks in one member of gzip: all of it is inflated before the last bytes
/// come.
fn bomb(blanks: usize) -> Bytes {
    let record = serde_json::json!({"service": SERVICE, "message": "held back"}).to_string();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(record.as_bytes()).unwrap();
    gzip.write_all(&vec![b' '; blanks]).unwrap();
    gzip.finish().unwrap().into()
}

/// A request whose body comes at once, save its last bytes, which come when `gate` opens.
fn request(
    url: &str,
    bomb: Bytes,
    mut gate: watch::Receiver<bool>,
) -> Request<impl hyper::body::Body<Data = Bytes, Error = Infallible> + use<>> {
    let mut begin = bomb;
    let end = begin.split_off(begin.len() - HELD_BACK);
    let length = begin.len() + end.len();
    let pieces = async_stream::stream! {
        yield Ok(Frame::data(begin));
        let _ = gate.wait_for(|open| *open).await;
        yield Ok(Frame::data(end));
    };
    Request::post(format!("{url}/api/v1/push"))
        .header("host", "127.0.0.1")
        .header("content-encoding", "gzip")
        .header("content-length", length)
        .body(StreamBody::new(Box::pin(pieces)))
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_held_back_leave_memory_for_others() {
    let memory = [("LOGBOOM_BODY_MEMORY", "32MiB".to_owned())];
    let node = Node::start_with("embedded", "embedded", &memory).await;
    let address = node.url.trim_start_matches("http://").to_owned();
    let (open, gate) = watch::channel(false);
    let (large, small) = (bomb((8 << 20) - 1024), bomb(1 << 20));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let stream = TokioIo::new(TcpStream::connect(&address).await.unwrap());
        let (mut sender, connection) = http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let request = request(&node.url, large.clone(), gate.clone());
        calls.spawn(async move { sender.send_request(request).await.map(|answer| answer.status()) });
    }
    for _ in 0..STREAM_CONNECTIONS {
        let stream = TokioIo::new(TcpStream::connect(&address).await.unwrap());
        let (sender, connected) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connected);
        for _ in 0..STREAMS {
            let request = request(&node.url, small.clone(), gate.clone());
            let mut sender = sender.clone();
            calls.spawn(async move { sender.send_request(request).await.map(|answer| answer.status()) });
        }
    }
    // Everything is there that can be; and not all of it found room.
    node.until_idle().await;
    let (mut accepted, mut refused) = (0, 0);
    let mut answers = std::pin::pin!(futures::stream::poll_fn(|context| calls.poll_join_next(context)));
    while let Some(answer) = tokio::time::timeout(PATIENCE, answers.next()).await.unwrap() {
        match answer.unwrap() {
            Ok(StatusCode::OK) => accepted += 1,
            // The first one comes before the gate opens.
            Ok(StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE | StatusCode::REQUEST_TIMEOUT) => {
                refused += 1;
                open.send_replace(true);
            }
            other => {
                panic!("{other:?} after {accepted} that were taken, {refused} refused; it said:\n{}", node.log())
            }
        }
    }
    assert_eq!(accepted + refused, CONNECTIONS + STREAM_CONNECTIONS * STREAMS);
    assert!(accepted > 0 && refused > 0, "{accepted} were taken, {refused} were refused");
    let stored = async {
        while count(&node.url, SERVICE).await < accepted as u64 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, stored).await.unwrap();
    assert_eq!(count(&node.url, SERVICE).await, accepted as u64);
    let peak = node.peak_bytes();
    eprintln!("{accepted} were taken, {refused} were refused, at most {} MiB", peak >> 20);
    assert!(peak <= PEAK_BYTES, "{} MiB were taken", peak >> 20);
}
