//! Unacknowledged deliveries.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

use lapin::{
    Channel,
    options::{BasicAckOptions, BasicNackOptions},
};
use pipeline::Receipt;
use tokio::sync::{Mutex, Notify};

use crate::events;

/// The bits of a receipt for the delivery tag: a trillion per channel. Above them is the generation of the channel,
/// which wraps after 16 million reconnects.
const TAG_BITS: u32 = 40;
const TAG_MASK: u64 = (1 << TAG_BITS) - 1;

/// The unacknowledged deliveries of the current channel.
#[derive(Debug, Default)]
pub(crate) struct Unacked {
    /// The generation of the current channel; 0 without one.
    generation: AtomicU64,
    count: AtomicUsize,
    /// Their encoded bytes.
    bytes: AtomicUsize,
    /// Notified when some are acknowledged or released.
    settled: Notify,
    /// Held while acknowledging: a multiple acknowledgement covers every lower tag. If it overtook another one, that
    /// one's tags would be unknown, and the broker would close the channel.
    session: Mutex<Option<Session>>,
}

#[derive(Debug)]
struct Session {
    channel: Channel,
    /// The delivery tags with the bytes of each.
    tags: BTreeMap<u64, usize>,
}

impl Unacked {
    /// Begins a generation; earlier receipts become void.
    pub(crate) async fn begin(&self, generation: u64, channel: Channel) {
        let mut session = self.session.lock().await;
        *session = Some(Session { channel, tags: BTreeMap::new() });
        self.generation.store(generation & (u64::MAX >> TAG_BITS), Ordering::Release);
        self.reset_counts();
    }

    /// Ends the generation: the channel is lost, and the broker redelivers.
    pub(crate) async fn end(&self) {
        self.generation.store(0, Ordering::Release);
        self.reset_counts();
        *self.session.lock().await = None;
    }

    fn reset_counts(&self) {
        self.count.store(0, Ordering::Relaxed);
        self.bytes.store(0, Ordering::Relaxed);
    }

    /// Records a delivery of `bytes` on the current channel.
    pub(crate) async fn track(&self, tag: u64, bytes: usize) -> Receipt {
        if let Some(session) = self.session.lock().await.as_mut() {
            session.tags.insert(tag, bytes);
            self.count.store(session.tags.len(), Ordering::Relaxed);
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        Receipt(self.generation.load(Ordering::Acquire) << TAG_BITS | tag & TAG_MASK)
    }

    /// Whether the receipt belongs to the current channel.
    pub(crate) fn is_current(&self, receipt: Receipt) -> bool {
        let generation = receipt.0 >> TAG_BITS;
        generation != 0 && generation == self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed) as u64
    }

    /// The encoded bytes of all of them.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Waits until some are acknowledged or released. Supports one waiter.
    pub(crate) async fn wait_settled(&self) {
        self.settled.notified().await;
    }

    /// Acknowledges. Void receipts and failures are ignored: the broker redelivers, and the store's ledger
    /// deduplicates.
    pub(crate) async fn acknowledge(&self, receipts: &[Receipt]) {
        let mut session = self.session.lock().await;
        let Some(session) = session.as_mut() else { return };
        let tags = self.settle(session, receipts);
        let Some(&last) = tags.last() else { return };
        let all_before = session.tags.range(..last).next().is_none();
        let acknowledged = if all_before {
            session.channel.basic_ack(last, BasicAckOptions { multiple: true }).await
        } else {
            one_by_one(&tags, |tag| session.channel.basic_ack(tag, BasicAckOptions::default())).await
        };
        if let Err(error) = acknowledged {
            events::acknowledgement_lost(tags.len(), &error.to_string());
        }
    }

    /// Requeues deliveries; the broker puts them back at their old place.
    pub(crate) async fn release(&self, receipts: &[Receipt]) {
        let mut session = self.session.lock().await;
        let Some(session) = session.as_mut() else { return };
        let tags = self.settle(session, receipts);
        let options = BasicNackOptions { requeue: true, multiple: false };
        if let Err(error) = one_by_one(&tags, |tag| session.channel.basic_nack(tag, options)).await {
            events::acknowledgement_lost(tags.len(), &error.to_string());
        }
    }

    /// Removes the tags of valid receipts, and returns them in order.
    fn settle(&self, session: &mut Session, receipts: &[Receipt]) -> Vec<u64> {
        let valid = receipts.iter().filter(|receipt| self.is_current(**receipt));
        let tags: BTreeSet<u64> = valid.map(|receipt| receipt.0 & TAG_MASK).collect();
        let mut bytes = 0;
        let remove = |tag: &u64| session.tags.remove(tag).inspect(|of_tag| bytes += of_tag).is_some();
        let tags: Vec<u64> = tags.into_iter().filter(remove).collect();
        self.count.store(session.tags.len(), Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.settled.notify_one();
        tags
    }
}

async fn one_by_one<F>(tags: &[u64], mut send: impl FnMut(u64) -> F) -> lapin::Result<()>
where
    F: Future<Output = lapin::Result<()>>,
{
    for &tag in tags {
        send(tag).await?;
    }
    Ok(())
}
