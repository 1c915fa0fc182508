//! The listeners of stream doors under the supervisor.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use pipeline::{Content, Queue as _, admit::IngestOptions};
use testkit::memory::MemoryQueue;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpStream, UdpSocket},
};

use super::*;

const MESSAGE: &[u8] = b"{\"version\":\"1.1\",\"host\":\"here\",\"short_message\":\"hello\"}\0";

/// Waits until the queue has given so many records more.
async fn came(queue: &MemoryQueue, records: usize) {
    let mut count = 0;
    while count < records {
        let received = tokio::time::timeout(Duration::from_secs(60), queue.receive(usize::MAX));
        for delivery in received.await.expect("records").unwrap() {
            match delivery.content {
                Content::Batch(batch) => count += batch.records.len(),
                Content::Undecodable { reason, .. } => panic!("{reason}"),
            }
        }
    }
    assert_eq!(count, records);
}

#[tokio::test]
async fn a_panic_of_a_listener_costs_neither_its_connections_nor_another_listener() {
    let (supervisor, stop) = (Supervisor::default(), CancellationToken::new());
    let queue = Arc::new(MemoryQueue::new());
    let inlet = Inlet::new(Ingest::start(queue.clone(), IngestOptions::default()), "gelf");
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    let streams = Streams::bind(any, Speech::Gelf, inlet.clone(), 4).await.unwrap();
    let address = streams.address().unwrap();
    let reader = datagrams::Reader::Gelf(gelf::Chunks::default());
    let datagrams = Datagrams::bind(address, reader, inlet).await.unwrap();
    let mut servers = JoinSet::new();
    Doors { streams: vec![streams], datagrams: vec![datagrams] }.serve(&mut servers, &supervisor, &stop);

    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    socket.connect(address).await.unwrap();
    let mut open = TcpStream::connect(address).await.unwrap();
    open.write_all(MESSAGE).await.unwrap();
    socket.send(&MESSAGE[..MESSAGE.len() - 1]).await.unwrap();
    came(&queue, 2).await;
    let names = [format!("gelf {address}"), format!("gelf udp {address}")];
    for name in &names {
        assert!(supervisor.panic_in(name), "{:?}", supervisor.tasks());
        open.write_all(MESSAGE).await.unwrap();
        let mut new = TcpStream::connect(address).await.unwrap();
        new.write_all(MESSAGE).await.unwrap();
        socket.send(&MESSAGE[..MESSAGE.len() - 1]).await.unwrap();
        came(&queue, 3).await;
    }
    let restarts = supervisor.tasks().into_iter().map(|task| (task.name, task.restarts)).collect::<Vec<_>>();
    assert_eq!(restarts, names.map(|name| (name, 1)));
    stop.cancel();
    while servers.join_next().await.is_some() {}
}
