//! Tests of the canary's tasks under the supervisor, over a store in memory. The door is a socket of the test.

use std::net::{Ipv4Addr, SocketAddr};

use chrono::FixedOffset;
use pipeline::{Content, Delivery, Log as _, Receipt, live::LiveOptions};
use serde_json::Value;
use testkit::memory::MemoryStore;
use tokio::net::{TcpListener, UdpSocket};

use super::*;
use crate::{streams::StreamAddress, testing::until};

/// A canary with one door, and the supervisor of its tasks.
fn start(store: &Arc<MemoryStore>, every: Duration, door: &str, address: SocketAddr) -> (Canary, Supervisor) {
    let (supervisor, stop) = (Supervisor::default(), CancellationToken::new());
    let doors = vec![("gelf", StreamAddress { tls: false, address })];
    let addresses =
        Addresses { main: address, grpc: Vec::new(), otlp: Vec::new(), doors, with_secret: Vec::new(), tls: None };
    let probes: Vec<Probe> = probes::probes(&addresses).into_iter().filter(|probe| probe.name() == door).collect();
    let options = LiveOptions { supervisor: supervisor.clone(), ..LiveOptions::default() };
    let clock = reading::Clock { clock: Clock::system(), assume_timezone: FixedOffset::east_opt(0).unwrap() };
    let shared = Shared {
        run: "0123456789abcdef".to_owned(),
        board: Mutex::new(Board::new(probes.iter().map(|probe| probe.name().to_owned()))),
        probes,
        tailed: Mutex::new(Some(Position(0))),
        reader: Reader::new(store.clone(), clock),
        live: LiveHub::start_with(store.clone(), stop.clone(), options),
        clock: Clock::system(),
    };
    (Canary::run(shared, every, &supervisor, &stop), supervisor)
}

/// Stores what arrives at the socket, as a door of the server would.
async fn store_datagrams(socket: UdpSocket, store: Arc<MemoryStore>) {
    let mut bytes = vec![0; 4096];
    for number in 1.. {
        let (length, _) = socket.recv_from(&mut bytes).await.unwrap();
        let gelf: Value = serde_json::from_slice(&bytes[..length]).unwrap();
        let mut batch = testkit::records::batch(number, 1);
        batch.records[0].message = gelf["short_message"].as_str().unwrap().into();
        batch.records[0].time = Clock::system().now();
        let content = Content::Batch(Arc::new(batch));
        store.append(&[Delivery { receipt: Receipt(0), content }]).await.unwrap();
    }
}

/// The number of restarts per task, by name.
fn restarts(supervisor: &Supervisor) -> BTreeMap<String, u64> {
    supervisor.tasks().into_iter().map(|task| (task.name, task.restarts)).collect()
}

#[tokio::test]
async fn a_panic_restarts_one_task_and_no_record_is_counted_as_doubled_or_missing() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (address, store) = (socket.local_addr().unwrap(), Arc::new(MemoryStore::new()));
    tokio::spawn(store_datagrams(socket, Arc::clone(&store)));
    let (canary, supervisor) = start(&store, Duration::from_millis(10), "gelf udp", address);
    let view = || canary.views().remove(0);
    let mut expected = BTreeMap::from(["canary", "canary-tail", "live"].map(|name| (name.to_owned(), 0)));
    for name in ["canary-tail", "canary"] {
        let before = view().arrived;
        until("records arrive", || view().arrived >= before + 3).await;
        assert!(supervisor.panic_in(name), "no task {name}");
        expected.insert(name.to_owned(), 1);
        until("the task runs again", || restarts(&supervisor) == expected).await;
        let before = view().arrived;
        until("records arrive again", || view().arrived >= before + 3).await;
        let CanaryView { doubled, missing, .. } = view();
        assert_eq!((doubled, missing), (0, 0), "after a panic in {name}");
        assert_eq!(restarts(&supervisor), expected, "after a panic in {name}");
    }
}

#[tokio::test]
async fn a_record_whose_sending_was_cut_off_by_a_panic_has_failed_and_is_not_waited_for() {
    // Accepts connections and never answers.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let store = Arc::new(MemoryStore::new());
    let (canary, supervisor) = start(&store, Duration::from_secs(3600), "http", silent.local_addr().unwrap());
    let view = || canary.views().remove(0);
    until("a record is on its way", || view().sent == 1).await;
    assert_eq!(view().failed, 0);
    assert!(supervisor.panic_in("canary"));
    until("it has failed", || view().failed == 1).await;
    assert_eq!(view().error.as_deref(), Some(CUT_OFF));
    canary.shared.show(&LiveEvent::Record(stored(&canary, 1)));
    assert_eq!((view().arrived, view().doubled), (0, 0), "it may arrive after all");
}

/// A record of the canary with this number.
fn stored(canary: &Canary, number: u64) -> StoredRecord {
    let mut record = testkit::records::batch(1, 1).records.remove(0);
    record.message = format!("canary {} {number} by http", canary.shared.run);
    StoredRecord { position: Position(7), record }
}
