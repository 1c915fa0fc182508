//! The reference queue.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use parking_lot::Mutex;
use pipeline::{Batch, Content, Delivery, Queue, QueueStatus, Receipt, Result};
use tokio::sync::Notify;

use super::closed;

/// A queue in memory.
#[derive(Default)]
pub struct MemoryQueue {
    disk: Arc<Mutex<Disk>>,
    news: Notify,
    is_closed: AtomicBool,
}

#[derive(Default)]
struct Disk {
    waiting: VecDeque<(u64, Content)>,
    delivered: BTreeMap<u64, Content>,
    next: u64,
}

impl Disk {
    fn push(&mut self, content: Content) {
        self.next += 1;
        self.waiting.push_back((self.next, content));
    }

    fn take_back(&mut self, receipt: u64) {
        if let Some(content) = self.delivered.remove(&receipt) {
            let place = self.waiting.partition_point(|(number, _)| *number < receipt);
            self.waiting.insert(place, (receipt, content));
        }
    }
}

impl MemoryQueue {
    pub fn new() -> Self {
        Self::default()
    }

    /// The queue as seen by another process: unacknowledged batches are still there.
    pub fn reopen(&self) -> Self {
        let mut disk = self.disk.lock();
        let delivered: Vec<u64> = disk.delivered.keys().copied().collect();
        delivered.into_iter().for_each(|receipt| disk.take_back(receipt));
        Self { disk: self.disk.clone(), ..Self::default() }
    }

    /// Publishes bytes that are not a batch.
    pub fn push_undecodable(&self, bytes: &[u8]) {
        let content = Content::Undecodable { bytes: bytes.to_vec(), reason: "not a batch".into() };
        self.disk.lock().push(content);
        self.news.notify_one();
    }

    /// The newest delivery.
    pub fn last(&self) -> Receipt {
        Receipt(self.disk.lock().next)
    }

    /// The unacknowledged batches after this one, oldest first, without delivering them.
    pub fn peek(&self, after: Receipt) -> Vec<Delivery> {
        let disk = self.disk.lock();
        let waiting = disk.waiting.iter().map(|(number, content)| (number, content));
        let mut found: Vec<Delivery> = waiting
            .chain(&disk.delivered)
            .filter(|(number, _)| **number > after.0)
            .map(|(number, content)| Delivery { receipt: Receipt(*number), content: content.clone() })
            .collect();
        found.sort_by_key(|delivery| delivery.receipt);
        found
    }

    /// The number of unacknowledged batches.
    pub fn depth(&self) -> usize {
        let disk = self.disk.lock();
        disk.waiting.len() + disk.delivered.len()
    }

    fn check(&self) -> Result<()> {
        if self.is_closed.load(Ordering::SeqCst) { Err(closed()) } else { Ok(()) }
    }

    fn take(&self, max_records: usize) -> Vec<Delivery> {
        let mut disk = self.disk.lock();
        let mut deliveries = Vec::new();
        let mut records = 0;
        while records < max_records.max(1) {
            let Some((number, content)) = disk.waiting.pop_front() else { break };
            if let Content::Batch(batch) = &content {
                records += batch.records.len();
            }
            disk.delivered.insert(number, content.clone());
            deliveries.push(Delivery { receipt: Receipt(number), content });
        }
        deliveries
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn publish(&self, batch: Arc<Batch>) -> Result<()> {
        self.check()?;
        self.disk.lock().push(Content::Batch(batch));
        self.news.notify_one();
        Ok(())
    }

    async fn receive(&self, max_records: usize) -> Result<Vec<Delivery>> {
        loop {
            self.check()?;
            let news = self.news.notified();
            let deliveries = self.take(max_records);
            if !deliveries.is_empty() {
                return Ok(deliveries);
            }
            news.await;
        }
    }

    async fn acknowledge(&self, receipts: &[Receipt]) -> Result<()> {
        self.check()?;
        let mut disk = self.disk.lock();
        for receipt in receipts {
            disk.delivered.remove(&receipt.0);
        }
        Ok(())
    }

    async fn release(&self, receipts: &[Receipt]) -> Result<()> {
        self.check()?;
        let mut disk = self.disk.lock();
        receipts.iter().for_each(|receipt| disk.take_back(receipt.0));
        self.news.notify_one();
        Ok(())
    }

    fn status(&self) -> QueueStatus {
        QueueStatus { engine: "memory".into(), depth: self.depth() as u64, ..QueueStatus::default() }
    }

    async fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.news.notify_one();
        self.news.notify_waiters();
    }
}
