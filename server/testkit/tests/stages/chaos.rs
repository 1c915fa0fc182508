//! The chaos proxy itself.

use std::time::Duration;

use testkit::chaos::Proxy;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::soon;

/// A server that echoes all bytes.
async fn echo() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

async fn said_back(stream: &mut TcpStream, text: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(text).await?;
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn a_proxy_passes_cuts_swallows_slows_and_recovers() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(soon("an answer", said_back(&mut stream, b"fair")).await.unwrap(), b"fair");

    proxy.slow(Duration::from_millis(20));
    assert_eq!(soon("an answer", said_back(&mut stream, b"slow")).await.unwrap(), b"slow");

    proxy.black_hole();
    let silence = tokio::time::timeout(Duration::from_millis(100), said_back(&mut stream, b"hole")).await;
    assert!(silence.is_err(), "something came out of the black hole");
    proxy.restore();
    let mut late = [0; 4];
    soon("what was sent meanwhile", stream.read_exact(&mut late)).await.unwrap();
    assert_eq!(&late, b"hole");

    proxy.cut();
    assert!(soon("the end", said_back(&mut stream, b"gone")).await.is_err());
    let mut refused = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(soon("the end", said_back(&mut refused, b"gone")).await.is_err());

    proxy.restore();
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(soon("an answer", said_back(&mut stream, b"back")).await.unwrap(), b"back");
    proxy.cut_once();
    assert!(soon("the end", said_back(&mut stream, b"gone")).await.is_err());
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(soon("an answer", said_back(&mut stream, b"again")).await.unwrap(), b"again");
}
