//! Tests of the stream door listeners under the supervisor.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use chrono::FixedOffset;
use clap::{Args as _, FromArgMatches as _};
use pipeline::{Content, Queue as _, admit::IngestOptions};
use testkit::memory::MemoryQueue;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpStream, UdpSocket},
};

use super::*;

const MESSAGE: &[u8] = b"{\"version\":\"1.1\",\"host\":\"here\",\"short_message\":\"hello\"}\0";

/// Waits until the queue has delivered `records` more records.
async fn wait_for_records(queue: &MemoryQueue, records: usize) {
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
    let ingest = Ingest::start(queue.clone(), IngestOptions::default());
    let options = StreamDoors::augment_args(clap::Command::new("test")).get_matches_from([
        "test",
        "--gelf-listen",
        "127.0.0.1:0",
    ]);
    let table = StreamDoors::from_arg_matches(&options).unwrap();
    let decoding = Decoding { assume_timezone: FixedOffset::east_opt(0).unwrap(), keep_packets: false };
    let open = (&Access::everybody(), &Audit::default());
    let doors = Doors::bind(&table, &Sockets::default(), decoding, 4, &ingest, open, None).await.unwrap();
    let (_, StreamAddress { address, .. }) = doors.addresses().unwrap()[0];
    let mut servers = JoinSet::new();
    doors.serve(&mut servers, &supervisor, &stop);

    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    socket.connect(address).await.unwrap();
    let mut open = TcpStream::connect(address).await.unwrap();
    open.write_all(MESSAGE).await.unwrap();
    socket.send(&MESSAGE[..MESSAGE.len() - 1]).await.unwrap();
    wait_for_records(&queue, 2).await;
    let names = [format!("gelf {address}"), format!("gelf udp {address}")];
    for name in &names {
        assert!(supervisor.panic_in(name), "{:?}", supervisor.tasks());
        open.write_all(MESSAGE).await.unwrap();
        let mut new = TcpStream::connect(address).await.unwrap();
        new.write_all(MESSAGE).await.unwrap();
        socket.send(&MESSAGE[..MESSAGE.len() - 1]).await.unwrap();
        wait_for_records(&queue, 3).await;
    }
    let restarts = supervisor.tasks().into_iter().map(|task| (task.name, task.restarts)).collect::<Vec<_>>();
    assert_eq!(restarts, names.map(|name| (name, 1)));
    stop.cancel();
    while servers.join_next().await.is_some() {}
}
