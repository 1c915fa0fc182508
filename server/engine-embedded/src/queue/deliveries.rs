//! Which frames are out with the consumer, which come again, and up to where all are
//! done: acknowledgements come in any order, and the cursor may only pass the oldest
//! frame that is still open.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::{Content, Delivery, Receipt};

#[derive(Debug)]
pub(super) struct Deliveries {
    /// The newest frame that was delivered.
    cursor: u64,
    /// Delivered and not acknowledged. The consumer holds the same batches, so this
    /// costs names only.
    open: BTreeMap<u64, Content>,
    /// Those of `open` that have to be delivered again.
    again: BTreeSet<u64>,
}

impl Deliveries {
    pub(super) fn new(start_after: u64) -> Self {
        Self { cursor: start_after, open: BTreeMap::new(), again: BTreeSet::new() }
    }

    /// The newest frame that was delivered.
    pub(super) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Takes note of frames read after the cursor.
    pub(super) fn deliver(&mut self, frames: Vec<(u64, Content)>) -> Vec<Delivery> {
        let deliver = |(number, content): (u64, Content)| {
            self.cursor = self.cursor.max(number);
            self.open.insert(number, content.clone());
            Delivery { receipt: Receipt(number), content }
        };
        frames.into_iter().map(deliver).collect()
    }

    /// The oldest frames to be delivered again, up to about `max_records` records.
    pub(super) fn again(&mut self, max_records: usize) -> Vec<Delivery> {
        let (mut records, mut found) = (0, Vec::new());
        while let Some(number) = self.again.first().copied() {
            let Some(content) = self.open.get(&number) else {
                self.again.remove(&number);
                continue;
            };
            let size = if let Content::Batch(batch) = content { batch.records.len() } else { 0 };
            if !found.is_empty() && records + size > max_records {
                break;
            }
            records += size;
            found.push(Delivery { receipt: Receipt(number), content: content.clone() });
            self.again.remove(&number);
        }
        found
    }

    pub(super) fn acknowledge(&mut self, receipts: &[Receipt]) {
        for Receipt(number) in receipts {
            self.open.remove(number);
            self.again.remove(number);
        }
    }

    pub(super) fn release(&mut self, receipts: &[Receipt]) {
        let open = receipts.iter().map(|receipt| receipt.0).filter(|number| self.open.contains_key(number));
        self.again.extend(open);
    }

    /// Up to this frame all are acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        self.open.first_key_value().map_or(self.cursor, |(number, _)| number - 1)
    }

    /// Frames up to `last` that are not acknowledged.
    pub(super) fn depth(&self, last: u64) -> u64 {
        last.saturating_sub(self.cursor) + self.open.len() as u64
    }
}
