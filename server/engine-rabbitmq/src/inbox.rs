//! Batches decoded ahead of the store.

use std::collections::VecDeque;

use parking_lot::Mutex;
use pipeline::{Content, Delivery, Receipt};
use tokio::sync::Notify;

/// The overhead of a delivery besides its records.
const OVERHEAD: usize = 256;

/// Decoded deliveries on the way to `receive`, bounded by weight.
#[derive(Debug)]
pub(crate) struct Inbox {
    waiting: Mutex<Waiting>,
    bound: usize,
    arrived: Notify,
    room: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    deliveries: VecDeque<Delivery>,
    weight: usize,
}

impl Inbox {
    pub(crate) fn new(bound: usize) -> Self {
        Self { waiting: Mutex::default(), bound, arrived: Notify::new(), room: Notify::new() }
    }

    /// Whether another delivery fits. An empty inbox accepts one of any weight.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.lock().weight < self.bound
    }

    /// Waits until there is room.
    pub(crate) async fn room(&self) {
        while !self.has_room() {
            self.room.notified().await;
        }
    }

    pub(crate) fn put(&self, delivery: Delivery) {
        let mut waiting = self.waiting.lock();
        waiting.weight += weight(&delivery);
        waiting.deliveries.push_back(delivery);
        drop(waiting);
        self.arrived.notify_one();
    }

    /// Waits for deliveries, then takes at least one and at most about `max_records` records. Drops those that are no
    /// longer `valid`. Cancel-safe.
    pub(crate) async fn take(&self, max_records: usize, valid: impl Fn(&Delivery) -> bool) -> Vec<Delivery> {
        loop {
            let taken = self.take_now(max_records, &valid);
            if !taken.is_empty() {
                return taken;
            }
            // `Notify` stores a permit for arrivals between the check and the wait.
            self.arrived.notified().await;
        }
    }

    /// Takes everything back. Returns its receipts.
    pub(crate) fn empty(&self) -> Vec<Receipt> {
        let mut waiting = self.waiting.lock();
        waiting.weight = 0;
        let receipts = waiting.deliveries.drain(..).map(|delivery| delivery.receipt).collect();
        drop(waiting);
        self.room.notify_one();
        receipts
    }

    fn take_now(&self, max_records: usize, valid: impl Fn(&Delivery) -> bool) -> Vec<Delivery> {
        let mut taken = Vec::new();
        let mut records = 0;
        let mut waiting = self.waiting.lock();
        while let Some(delivery) = waiting.deliveries.pop_front() {
            if !valid(&delivery) {
                waiting.weight -= weight(&delivery);
                continue;
            }
            records += count(&delivery);
            if records > max_records && !taken.is_empty() {
                waiting.deliveries.push_front(delivery);
                break;
            }
            waiting.weight -= weight(&delivery);
            taken.push(delivery);
        }
        drop(waiting);
        self.room.notify_one();
        taken
    }
}

fn weight(delivery: &Delivery) -> usize {
    OVERHEAD
        + match &delivery.content {
            Content::Batch(batch) => batch.weight(),
            Content::Undecodable { bytes, .. } => bytes.len(),
        }
}

fn count(delivery: &Delivery) -> usize {
    match &delivery.content {
        Content::Batch(batch) => batch.records.len(),
        Content::Undecodable { .. } => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(receipt: u64) -> Delivery {
        let content = Content::Undecodable { bytes: vec![0; 100], reason: String::new() };
        Delivery { receipt: Receipt(receipt), content }
    }

    fn receipts(deliveries: &[Delivery]) -> Vec<u64> {
        deliveries.iter().map(|delivery| delivery.receipt.0).collect()
    }

    #[tokio::test]
    async fn takes_in_order_up_to_the_number_asked_for_and_at_least_one() {
        let inbox = Inbox::new(1 << 20);
        (1..=5).for_each(|receipt| inbox.put(delivery(receipt)));
        assert_eq!(receipts(&inbox.take(3, |_| true).await), [1, 2, 3]);
        assert_eq!(receipts(&inbox.take(0, |_| true).await), [4]);
        assert_eq!(receipts(&inbox.take(3, |_| true).await), [5]);
    }

    #[tokio::test]
    async fn drops_what_is_no_longer_valid() {
        let inbox = Inbox::new(1 << 20);
        (1..=4).for_each(|receipt| inbox.put(delivery(receipt)));
        assert_eq!(receipts(&inbox.take(9, |delivery| delivery.receipt.0 > 2).await), [3, 4]);
    }

    #[tokio::test]
    async fn gives_back_all_it_has() {
        let inbox = Inbox::new(1);
        (1..=3).for_each(|receipt| inbox.put(delivery(receipt)));
        assert_eq!(inbox.empty(), [1, 2, 3].map(Receipt));
        assert!(inbox.has_room() && inbox.empty().is_empty());
    }

    #[tokio::test]
    async fn is_full_at_its_bound_until_something_is_taken() {
        let inbox = Inbox::new(1);
        assert!(inbox.has_room());
        inbox.put(delivery(1));
        assert!(!inbox.has_room());
        let ((), taken) = tokio::join!(inbox.room(), inbox.take(1, |_| true));
        assert_eq!(taken.len(), 1);
        assert!(inbox.has_room());
    }
}
