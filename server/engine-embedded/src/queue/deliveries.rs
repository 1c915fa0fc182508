//! Tracks open deliveries, redeliveries and acknowledgements. Acknowledgements arrive in any order, and the cursor may
//! only pass the oldest open frame.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::{Duration, Instant},
};

use pipeline::{Content, Delivery, Receipt};

#[derive(Debug)]
pub(super) struct Deliveries {
    /// The newest frame that was delivered.
    cursor: u64,
    /// Delivered and not acknowledged. Holds no batches; the consumer has them.
    open: BTreeMap<u64, OpenDelivery>,
    /// The frames of `open` to redeliver.
    redeliver: BTreeSet<u64>,
    /// The newest frame that was acknowledged.
    newest_acknowledged: Option<u64>,
}

/// A delivery that is not acknowledged.
#[derive(Debug)]
struct OpenDelivery {
    content: Content,
    /// The time of its first delivery.
    since: Instant,
}

/// The delivery that blocks the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Oldest {
    pub(super) number: u64,
    /// The time since its first delivery.
    pub(super) age: Duration,
    /// Whether a later one is acknowledged, so that only this one blocks the cursor.
    pub(super) overtaken: bool,
}

impl fmt::Display for Oldest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, age, overtaken } = self;
        let others = if *overtaken { ", unlike later ones" } else { "" };
        write!(f, "delivery {number} has not been acknowledged for {} s{others}", age.as_secs())
    }
}

impl Deliveries {
    pub(super) fn new(start_after: u64) -> Self {
        Self { cursor: start_after, open: BTreeMap::new(), redeliver: BTreeSet::new(), newest_acknowledged: None }
    }

    /// The newest frame that was delivered.
    pub(super) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Registers frames read after the cursor.
    pub(super) fn deliver(&mut self, frames: Vec<(u64, Content)>) -> Vec<Delivery> {
        let since = Instant::now();
        let deliver = |(number, content): (u64, Content)| {
            self.cursor = self.cursor.max(number);
            self.open.insert(number, OpenDelivery { content: content.clone(), since });
            Delivery { receipt: Receipt(number), content }
        };
        frames.into_iter().map(deliver).collect()
    }

    /// The oldest frames to redeliver, up to about `max_records` records.
    pub(super) fn take_redeliveries(&mut self, max_records: usize) -> Vec<Delivery> {
        let (mut records, mut found) = (0, Vec::new());
        while let Some(number) = self.redeliver.first().copied() {
            let Some(OpenDelivery { content, .. }) = self.open.get(&number) else {
                self.redeliver.remove(&number);
                continue;
            };
            let size = if let Content::Batch(batch) = content { batch.records.len() } else { 0 };
            if !found.is_empty() && records + size > max_records {
                break;
            }
            records += size;
            found.push(Delivery { receipt: Receipt(number), content: content.clone() });
            self.redeliver.remove(&number);
        }
        found
    }

    pub(super) fn acknowledge(&mut self, receipts: &[Receipt]) {
        for Receipt(number) in receipts {
            if self.open.remove(number).is_some() {
                self.newest_acknowledged = self.newest_acknowledged.max(Some(*number));
            }
            self.redeliver.remove(number);
        }
    }

    pub(super) fn release(&mut self, receipts: &[Receipt]) {
        let open = receipts.iter().map(|receipt| receipt.0).filter(|number| self.open.contains_key(number));
        self.redeliver.extend(open);
    }

    /// All frames up to this one are acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        self.open.first_key_value().map_or(self.cursor, |(number, _)| number - 1)
    }

    /// The oldest delivery that is not acknowledged.
    pub(super) fn oldest(&self) -> Option<Oldest> {
        let (number, open) = self.open.first_key_value()?;
        let overtaken = self.newest_acknowledged.is_some_and(|newest| newest > *number);
        Some(Oldest { number: *number, age: open.since.elapsed(), overtaken })
    }

    /// Frames up to `last` that are not acknowledged.
    pub(super) fn depth(&self, last: u64) -> u64 {
        last.saturating_sub(self.cursor) + self.open.len() as u64
    }
}
