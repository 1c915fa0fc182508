//! The queue's contract in both modes, and the behaviour specific to the embedded queue.

use std::{path::Path, sync::Arc, time::Duration};

use pipeline::{Queue, Receipt, Result, Supervisor};
use testkit::{contract::QueueHarness, records};

use super::*;
use crate::{
    filesystem::{Disk, faulty::Faulty},
    wal::WalOptions,
};

fn small() -> WalOptions {
    WalOptions { segment_bytes: 64 << 10, disk_bytes: 1 << 20, memory_bytes: 64 << 10 }
}

/// Opens once the former owner has released the folder; an aborted task does so with a delay.
async fn open_with_retry<T, F: Future<Output = Result<T>>>(open: impl Fn() -> F) -> T {
    let mut tries = 0;
    loop {
        match open().await {
            Ok(opened) => return opened,
            Err(error) if tries < 500 => {
                assert!(error.is_retryable(), "{error}");
                tries += 1;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

mod alone {
    use super::*;

    struct Harness(tempfile::TempDir);

    #[async_trait]
    impl QueueHarness for Harness {
        async fn open(&self) -> Arc<dyn Queue> {
            let (folder, supervisor) = (self.0.path(), Supervisor::default());
            Arc::new(
                open_with_retry(|| WalQueue::alone(folder, Arc::new(Disk), WalOptions::default(), &supervisor)).await,
            )
        }
    }

    async fn harness() -> Harness {
        Harness(tempfile::tempdir().unwrap())
    }

    testkit::queue_contract!(harness);

    #[tokio::test]
    async fn a_crowded_queue_names_what_must_go_and_has_room_again_once_it_is_acknowledged() {
        let folder = tempfile::tempdir().unwrap();
        let queue = WalQueue::alone(folder.path(), Arc::new(Disk), small(), &Supervisor::default()).await.unwrap();
        let crowded = || queue.status().space.unwrap().crowded;
        let mut number = 0;
        while crowded().is_none() {
            // Nothing is refused before.
            queue.publish(Arc::new(records::batch(number, 500))).await.unwrap();
            number += 1;
        }
        let held = queue.count(Receipt(0), queue.last()).await.unwrap();
        assert_eq!(held.records, number * 500);

        let upto = crowded().unwrap();
        assert!(upto < queue.last(), "{upto:?}");
        let mut received = Vec::new();
        while received.last().is_none_or(|last| *last < upto) {
            received.extend(queue.receive(500).await.unwrap().into_iter().map(|delivery| delivery.receipt));
        }
        received.retain(|receipt| *receipt <= upto);
        queue.acknowledge(&received).await.unwrap();
        tokio::time::timeout(Duration::from_secs(30), async {
            while crowded().is_some() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .unwrap();
        assert_eq!(queue.count(upto, queue.last()).await.unwrap().records, (number - upto.0) * 500);
    }
}

mod shared {
    use pipeline::{Delivery, QueueStatus};

    use super::*;

    /// Also stands for the store, which knows its stored position.
    struct Harness {
        folder: tempfile::TempDir,
        stored: Arc<Mutex<u64>>,
    }

    struct WithStore {
        queue: WalQueue,
        stored: Arc<Mutex<u64>>,
    }

    #[async_trait]
    impl QueueHarness for Harness {
        async fn open(&self) -> Arc<dyn Queue> {
            let stored = *self.stored.lock();
            let open = || Wal::open(self.folder.path(), Arc::new(Disk), WalOptions::default(), stored);
            let (wal, recovery) = open_with_retry(open).await;
            let queue = WalQueue::shared(wal, recovery.first_frame - 1);
            Arc::new(WithStore { queue, stored: self.stored.clone() })
        }
    }

    #[async_trait]
    impl Queue for WithStore {
        async fn publish(&self, batch: Arc<Batch>) -> Result<()> {
            self.queue.publish(batch).await
        }

        async fn receive(&self, max_records: usize) -> Result<Vec<Delivery>> {
            self.queue.receive(max_records).await
        }

        async fn acknowledge(&self, receipts: &[Receipt]) -> Result<()> {
            self.queue.acknowledge(receipts).await?;
            *self.stored.lock() = self.queue.inner.deliveries.lock().acknowledged();
            Ok(())
        }

        async fn release(&self, receipts: &[Receipt]) -> Result<()> {
            self.queue.release(receipts).await
        }

        fn status(&self) -> QueueStatus {
            self.queue.status()
        }

        async fn close(&self) {
            self.queue.close().await;
        }
    }

    async fn harness() -> Harness {
        Harness { folder: tempfile::tempdir().unwrap(), stored: Arc::default() }
    }

    testkit::queue_contract!(harness);
}

async fn open(file_system: &Faulty) -> WalQueue {
    supervised(file_system, &Supervisor::default()).await
}

async fn supervised(file_system: &Faulty, supervisor: &Supervisor) -> WalQueue {
    open_with_retry(|| WalQueue::alone(Path::new("/queue"), Arc::new(file_system.clone()), small(), supervisor)).await
}

async fn publish(queue: &WalQueue, numbers: std::ops::Range<u64>) {
    for number in numbers {
        queue.publish(Arc::new(records::batch(number, 2))).await.unwrap();
    }
}

async fn receive(queue: &WalQueue, count: usize) -> Vec<u64> {
    let mut received = Vec::new();
    while received.len() < count {
        received.extend(queue.receive(2).await.unwrap().iter().map(|delivery| delivery.receipt.0));
    }
    received
}

#[tokio::test]
async fn acknowledged_in_any_order_only_what_is_open_comes_again_after_a_restart() {
    let file_system = Faulty::default();
    let queue = open(&file_system).await;
    publish(&queue, 0..6).await;
    assert_eq!(receive(&queue, 6).await, [1, 2, 3, 4, 5, 6]);
    for receipt in [6, 1, 4, 2] {
        queue.acknowledge(&[Receipt(receipt)]).await.unwrap();
    }
    assert_eq!(queue.status().depth, 2);
    queue.close().await;
    let queue = open(&file_system).await;
    // 4 and 6 are redelivered as well: only one position is persisted.
    assert_eq!(receive(&queue, 4).await, [3, 4, 5, 6]);
    queue.acknowledge(&[3, 4, 5, 6].map(Receipt)).await.unwrap();
    queue.close().await;
    let queue = open(&file_system).await;
    assert_eq!(queue.status().depth, 0);
    publish(&queue, 6..7).await;
    assert!(receive(&queue, 1).await[0] > 6);
}

#[tokio::test]
async fn what_is_acknowledged_is_written_down_in_time_and_its_segments_go() {
    let file_system = Faulty::default();
    let queue = open(&file_system).await;
    for round in 0..400 {
        publish(&queue, round..round + 1).await;
        let received = receive(&queue, 1).await;
        queue.acknowledge(&[Receipt(received[0])]).await.unwrap();
    }
    while queue.inner.wal.status().depth > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // As after a kill: nothing is left to deliver.
    drop(queue);
    assert_eq!(open(&file_system.crash(|| false)).await.status().depth, 0);
}

#[tokio::test]
async fn released_deliveries_come_again_first_and_wake_a_waiting_receiver() {
    let queue = Arc::new(open(&Faulty::default()).await);
    publish(&queue, 0..3).await;
    receive(&queue, 3).await;
    let release = async {
        queue.acknowledge(&[Receipt(2)]).await.unwrap();
        queue.release(&[3, 2, 1].map(Receipt)).await.unwrap();
    };
    // The first future is polled first, so it is waiting when the second begins.
    let (waiting, ()) = tokio::join!(queue.receive(100), release);
    let again: Vec<_> = waiting.unwrap().iter().map(|delivery| delivery.receipt.0).collect();
    assert_eq!(again, [1, 3], "not what was acknowledged meanwhile");
    publish(&queue, 3..4).await;
    assert_eq!(receive(&queue, 1).await, [4], "once each");
    assert_eq!(queue.status().depth, 3);
}

#[tokio::test]
async fn a_damaged_cursor_delivers_all_there_is_again() {
    let file_system = Faulty::default();
    let queue = open(&file_system).await;
    publish(&queue, 0..3).await;
    receive(&queue, 3).await;
    queue.acknowledge(&[1, 2, 3].map(Receipt)).await.unwrap();
    queue.close().await;
    let path = Path::new("/queue/acknowledged");
    let intact = file_system.bytes(path);
    for place in 0..intact.len() {
        let mut bytes = intact.clone();
        bytes[place] ^= 4;
        let file_system = file_system.crash(|| true);
        file_system.set_bytes(path, bytes);
        assert_eq!(receive(&open(&file_system).await, 3).await, [1, 2, 3]);
    }
}

#[tokio::test]
async fn a_cursor_that_cannot_be_written_is_tried_again() {
    let file_system = Faulty::default();
    let queue = open(&file_system).await;
    publish(&queue, 0..1).await;
    receive(&queue, 1).await;
    file_system.fail_syncs(2);
    queue.acknowledge(&[Receipt(1)]).await.unwrap();
    while queue.inner.wal.status().depth > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_cursor_is_written_also_after_a_panic_of_its_task() {
    let supervisor = Supervisor::default();
    let queue = supervised(&Faulty::default(), &supervisor).await;
    publish(&queue, 0..1).await;
    receive(&queue, 1).await;
    assert!(supervisor.panic_in("queue-cursor"));
    queue.acknowledge(&[Receipt(1)]).await.unwrap();
    while queue.inner.wal.status().depth > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(supervisor.tasks().iter().map(|task| task.restarts).collect::<Vec<_>>(), [1]);
    queue.close().await;
}

#[tokio::test]
async fn a_delivery_that_is_not_acknowledged_holds_the_disk_up_to_the_bound_and_status_names_it() {
    let queue = open(&Faulty::default()).await;
    publish(&queue, 0..1).await;
    assert_eq!(receive(&queue, 1).await, [1], "kept out from now on");
    let mut number = 1;
    let error = loop {
        match queue.publish(Arc::new(records::batch(number, 20))).await {
            Ok(()) => number += 1,
            Err(error) => break error,
        }
        let received = receive(&queue, 1).await;
        queue.acknowledge(&[Receipt(received[0])]).await.unwrap();
    };
    assert_eq!(error.class, pipeline::ErrorClass::Overloaded);
    assert!(error.retry_after.is_some());
    assert_eq!(queue.inner.blocking().map(|oldest| oldest.number), Some(1));
    let trouble = queue.status().trouble.unwrap();
    assert!(
        trouble.contains("delivery 1 has not been acknowledged for") && trouble.contains("unlike later"),
        "{trouble}"
    );

    queue.acknowledge(&[Receipt(1)]).await.unwrap();
    while queue.status().trouble.is_some() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(queue.inner.blocking(), None);
    publish(&queue, number..number + 1).await;
}
