//! Deliveries that are taken and not yet acknowledged.

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

/// Bits of a receipt that hold the delivery tag: a million million per channel. Above
/// them is the generation of the channel, which comes round after 16 million reconnects.
const TAG_BITS: u32 = 40;
const TAG_MASK: u64 = (1 << TAG_BITS) - 1;

/// The unacknowledged deliveries of the present channel.
#[derive(Debug, Default)]
pub(crate) struct Unacked {
    /// Of the present channel; 0 where there is none.
    generation: AtomicU64,
    count: AtomicUsize,
    /// What they take, encoded.
    bytes: AtomicUsize,
    /// Told when some are acknowledged or given back.
    fewer: Notify,
    /// Held while acknowledging: an acknowledgement of many covers every tag below its
    /// own, and one that overtakes another would make the other's tags unknown, for
    /// which the broker closes the channel.
    session: Mutex<Option<Session>>,
}

#[derive(Debug)]
struct Session {
    channel: Channel,
    /// With the bytes of each.
    tags: BTreeMap<u64, usize>,
}

impl Unacked {
    /// Begins a generation; receipts of those before are void from now on.
    pub(crate) async fn begin(&self, generation: u64, channel: Channel) {
        let mut session = self.session.lock().await;
        *session = Some(Session { channel, tags: BTreeMap::new() });
        self.generation.store(generation & (u64::MAX >> TAG_BITS), Ordering::Release);
        self.forget();
    }

    /// Ends the generation: the channel is lost, and the broker delivers again.
    pub(crate) async fn end(&self) {
        self.generation.store(0, Ordering::Release);
        self.forget();
        *self.session.lock().await = None;
    }

    fn forget(&self) {
        self.count.store(0, Ordering::Relaxed);
        self.bytes.store(0, Ordering::Relaxed);
    }

    /// Notes a delivery of the present channel, which takes so many bytes.
    pub(crate) async fn note(&self, tag: u64, bytes: usize) -> Receipt {
        if let Some(session) = self.session.lock().await.as_mut() {
            session.tags.insert(tag, bytes);
            self.count.store(session.tags.len(), Ordering::Relaxed);
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        Receipt(self.generation.load(Ordering::Acquire) << TAG_BITS | tag & TAG_MASK)
    }

    /// Whether the receipt is of the present channel.
    pub(crate) fn is_present(&self, receipt: Receipt) -> bool {
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

    /// Waits until some are acknowledged or given back. One waits at a time.
    pub(crate) async fn fewer(&self) {
        self.fewer.notified().await;
    }

    /// Acknowledges; void receipts are ignored, and so is a failure: either way the
    /// broker delivers again, and the store's ledger knows the batch.
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

    /// Gives deliveries back to the broker, which puts them where they were.
    pub(crate) async fn release(&self, receipts: &[Receipt]) {
        let mut session = self.session.lock().await;
        let Some(session) = session.as_mut() else { return };
        let tags = self.settle(session, receipts);
        let options = BasicNackOptions { requeue: true, multiple: false };
        if let Err(error) = one_by_one(&tags, |tag| session.channel.basic_nack(tag, options)).await {
            events::acknowledgement_lost(tags.len(), &error.to_string());
        }
    }

    /// Takes the tags of valid receipts off the list, in order.
    fn settle(&self, session: &mut Session, receipts: &[Receipt]) -> Vec<u64> {
        let valid = receipts.iter().filter(|receipt| self.is_present(**receipt));
        let tags: BTreeSet<u64> = valid.map(|receipt| receipt.0 & TAG_MASK).collect();
        let mut bytes = 0;
        let settled = |tag: &u64| session.tags.remove(tag).inspect(|of_tag| bytes += of_tag).is_some();
        let tags: Vec<u64> = tags.into_iter().filter(settled).collect();
        self.count.store(session.tags.len(), Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.fewer.notify_one();
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
