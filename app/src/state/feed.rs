//! The list of records as data: shown blocks, and waiting events.
//!
//! Records are added and removed in blocks (a page, or the records of one frame), so that the list compares a few
//! hundred blocks per frame instead of thousands of rows. Both ends are bounded: a tail of days uses no more memory
//! than its first minute. Scrolling back in history keeps the position of each block, but only the records of blocks
//! nearby. Others are loaded again when they are scrolled to.

use std::{collections::VecDeque, sync::Arc};

use model::api::RecordView;

use crate::backend::LogsRequest;

/// The number of rows kept while following; older ones are removed.
pub(crate) const FOLLOWED_ROWS: usize = 2_000;
/// The maximum number of rows while scrolling back. Past it, the range must be narrowed.
pub(crate) const LOADED_ROWS: usize = 1_000_000;
/// The number of rows whose records are kept while scrolling back, and the number of blocks on each side of the
/// current one whose records always stay.
const KEPT_ROWS: usize = 10_000;
const KEPT_NEAR: i64 = 10;
/// The maximum number of waiting records while the view is still; older ones count as skipped.
pub(crate) const WAITING: usize = FOLLOWED_ROWS;
/// The maximum number of rows inserted per frame, to keep frames short. Only rows that fit on the screen are rendered
/// at once.
pub(crate) const ROWS_PER_FRAME: usize = 500;

/// One row of the list.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Record(Arc<RecordView>),
    /// This number of records was skipped here.
    Gap(u64),
}

/// Rows that were added together. Serial numbers decrease by one from block to block.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) serial: i64,
    /// `None` if the records were released and must be loaded again.
    items: Option<Arc<[Item]>>,
    rows: usize,
    /// Whether they were added above a full screen of newer rows.
    is_deferred: bool,
    /// The request that loaded them, newest first; `None` for live records.
    source: Option<LogsRequest>,
}

/// Rows that are compared by identity.
#[derive(Debug, Clone)]
pub(crate) struct Lines(pub(crate) Arc<[Item]>);

impl PartialEq for Lines {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The shown blocks, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    blocks: VecDeque<Block>,
    rows: usize,
    /// Whether rows were removed from the top.
    cut: bool,
}

impl Shown {
    /// Starts with a page, oldest first.
    pub(crate) fn new(records: impl DoubleEndedIterator<Item = RecordView>) -> Self {
        let mut shown = Self::default();
        shown.append_block(records.map(|record| Item::Record(Arc::new(record))).collect(), false);
        shown
    }

    pub(crate) fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The number of shown rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Whether no more history may be loaded.
    pub(crate) fn is_full(&self) -> bool {
        self.rows >= LOADED_ROWS
    }

    /// Whether rows were removed from the top, so that the cursor no longer fits.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }

    pub(crate) fn oldest(&self) -> Option<&Arc<RecordView>> {
        self.records().next()
    }

    fn place(&self, serial: i64) -> Option<usize> {
        usize::try_from(serial - self.blocks.front()?.serial).ok().filter(|place| *place < self.blocks.len())
    }

    /// The serial number of the oldest block.
    pub(crate) fn first(&self) -> Option<i64> {
        self.blocks.front().map(|block| block.serial)
    }

    /// The rows of a block, unless released.
    pub(crate) fn lines(&self, serial: i64) -> Option<Lines> {
        self.blocks.get(self.place(serial)?)?.items.clone().map(Lines)
    }

    /// The number of rows of a block that need not be rendered until it is scrolled to.
    pub(crate) fn deferred_rows(&self, serial: i64) -> Option<usize> {
        let block = self.blocks.get(self.place(serial)?)?;
        block.is_deferred.then_some(block.rows)
    }

    /// The request that loads a block's released records.
    pub(crate) fn missing(&self, serial: i64) -> Option<LogsRequest> {
        let block = self.blocks.get(self.place(serial)?)?;
        if block.items.is_none() { block.source.clone() } else { None }
    }

    /// Restores a block's records, given newest first. If some are no longer stored, the block becomes shorter.
    pub(crate) fn restore(&mut self, serial: i64, records: Vec<RecordView>) {
        let Some(block) = self.place(serial).and_then(|place| self.blocks.get_mut(place)) else { return };
        let items: Vec<Item> = records.into_iter().rev().map(|record| Item::Record(Arc::new(record))).collect();
        self.rows = self.rows + items.len() - block.rows;
        block.rows = items.len();
        block.items = Some(items.into());
    }

    /// Whether too many records are in memory.
    pub(crate) fn is_over_budget(&self) -> bool {
        let kept = self.blocks.iter().filter(|block| block.items.is_some());
        kept.map(|block| block.rows).sum::<usize>() > KEPT_ROWS
    }

    /// Releases the records of blocks far from this one.
    pub(crate) fn release_far(&mut self, serial: i64) {
        for block in &mut self.blocks {
            if (block.serial - serial).abs() > KEPT_NEAR && block.source.is_some() {
                block.items = None;
            }
        }
    }

    fn records(&self) -> impl Iterator<Item = &Arc<RecordView>> {
        self.blocks.iter().filter_map(|block| block.items.as_ref()).flat_map(|items| items.iter()).filter_map(|item| {
            match item {
                Item::Record(record) => Some(record),
                Item::Gap(_) => None,
            }
        })
    }

    /// Adds newer rows. Only the last `fit` are rendered at once.
    pub(crate) fn append(&mut self, mut items: Vec<Item>, fit: usize) {
        let seen = items.split_off(items.len().saturating_sub(fit));
        self.append_block(items, true);
        self.append_block(seen, false);
    }

    fn append_block(&mut self, items: Vec<Item>, is_deferred: bool) {
        if items.is_empty() {
            return;
        }
        self.rows += items.len();
        let serial = self.blocks.back().map_or(0, |block| block.serial + 1);
        let rows = items.len();
        self.blocks.push_back(Block { serial, items: Some(items.into()), rows, is_deferred, source: None });
    }

    /// Removes the oldest blocks until about [`FOLLOWED_ROWS`] remain.
    pub(crate) fn trim(&mut self) {
        while self.blocks.len() > 1 {
            let Some(oldest) = self.blocks.front() else { break };
            let left = self.rows - oldest.rows;
            if left < FOLLOWED_ROWS {
                break;
            }
            self.rows = left;
            self.cut = true;
            self.blocks.pop_front();
        }
    }

    /// Adds older records, given newest first, loaded with `source`. Records already shown are left out.
    pub(crate) fn prepend(&mut self, records: Vec<RecordView>, source: LogsRequest) {
        // Only the oldest block can overlap with an older page.
        let oldest = self.blocks.front().and_then(|block| block.items.clone());
        let is_shown = |id: &str| {
            oldest
                .iter()
                .flat_map(|items| items.iter())
                .any(|item| matches!(item, Item::Record(record) if record.id == id))
        };
        let found = records.len();
        let items: Vec<Item> = records
            .into_iter()
            .rev()
            .filter(|record| !is_shown(&record.id))
            .map(|record| Item::Record(Arc::new(record)))
            .collect();
        if items.is_empty() {
            return;
        }
        let rows = items.len();
        self.rows += rows;
        self.cut = false;
        let serial = self.blocks.front().map_or(0, |block| block.serial - 1);
        // If records were left out, repeating the request would duplicate them.
        let source = (rows == found).then_some(source);
        self.blocks.push_front(Block { serial, items: Some(items.into()), rows, is_deferred: false, source });
    }
}

/// Events that have arrived but are not shown yet, in order.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    events: VecDeque<Event<T>>,
    records: usize,
    /// Skipped before the first event.
    skipped: u64,
}

/// An event of the tail.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event<T> {
    Record(T),
    Skipped(u64),
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { events: VecDeque::new(), records: 0, skipped: 0 }
    }
}

impl<T> Waiting<T> {
    /// Adds an event. Past [`WAITING`] records, the oldest is skipped.
    pub(crate) fn push(&mut self, event: Event<T>) {
        match (&event, self.events.back_mut()) {
            (Event::Skipped(count), Some(Event::Skipped(before))) => {
                *before += count;
                return;
            }
            (Event::Record(_), _) => self.records += 1,
            _ => {}
        }
        self.events.push_back(event);
        while self.records > WAITING {
            match self.events.pop_front() {
                Some(Event::Record(_)) => {
                    self.records -= 1;
                    self.skipped += 1;
                }
                Some(Event::Skipped(count)) => self.skipped += count,
                None => break,
            }
        }
    }

    /// The number of records that have arrived, including skipped ones.
    pub(crate) fn count(&self) -> u64 {
        let skipped = self.events.iter().map(|event| if let Event::Skipped(count) = event { *count } else { 0 });
        self.records as u64 + self.skipped + skipped.sum::<u64>()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.skipped == 0
    }

    /// Takes up to `limit` events, oldest first.
    pub(crate) fn take(&mut self, limit: usize) -> Vec<Event<T>> {
        let mut taken = Vec::new();
        if self.skipped > 0 {
            taken.push(Event::Skipped(std::mem::take(&mut self.skipped)));
        }
        while taken.len() < limit
            && let Some(event) = self.events.pop_front()
        {
            self.records -= usize::from(matches!(event, Event::Record(_)));
            taken.push(event);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded_and_what_is_skipped_is_counted() {
        let mut waiting = Waiting::default();
        for number in 0..WAITING + 10 {
            waiting.push(Event::Record(number));
        }
        waiting.push(Event::Skipped(5));
        waiting.push(Event::Skipped(2));
        assert_eq!(waiting.count(), WAITING as u64 + 17);
        assert_eq!(waiting.take(2), [Event::Skipped(10), Event::Record(10)]);
        let rest = waiting.take(usize::MAX);
        assert_eq!(rest.len(), WAITING);
        assert_eq!(rest.last(), Some(&Event::Skipped(7)));
        assert!(waiting.is_empty());
    }

    #[test]
    fn following_keeps_a_bounded_number_of_rows() {
        let mut shown = Shown::default();
        for _ in 0..100 {
            shown.append(vec![Item::Gap(1); 50], 20);
            shown.trim();
        }
        assert_eq!(shown.rows, FOLLOWED_ROWS);
        assert!(shown.is_cut());
        let serials: Vec<i64> = shown.blocks().map(|block| block.serial).collect();
        assert!(serials.is_sorted(), "{serials:?}");
        // Rows that fit on the screen are rendered at once.
        let deferred: Vec<_> = serials.iter().rev().take(3).map(|serial| shown.deferred_rows(*serial)).collect();
        assert_eq!(deferred, [None, Some(30), None]);
    }

    #[test]
    fn history_goes_on_top_without_repeats() {
        let record = |id: &str| RecordView { id: id.into(), ..sample() };
        let mut shown = Shown::new([record("b"), record("c")].into_iter());
        shown.prepend(vec![record("b"), record("a")], LogsRequest::default());
        let ids: Vec<&str> = shown.records().map(|record| record.id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "c"]);
    }

    #[test]
    fn far_history_is_let_go_of_and_comes_back() {
        let page = |number: i64| -> Vec<RecordView> {
            (0..200).map(|row| RecordView { id: format!("{number}-{row}"), ..sample() }).collect()
        };
        let source = |number: i64| LogsRequest { cursor: Some(number.to_string()), ..LogsRequest::default() };
        let mut shown = Shown::new(page(0).into_iter());
        for number in 1..=100 {
            shown.prepend(page(number), source(number));
        }
        assert!(shown.is_over_budget());
        shown.release_far(-100);
        assert!(!shown.is_over_budget());
        assert_eq!(shown.rows(), 101 * 200);
        assert!(shown.lines(-100).is_some() && shown.lines(-50).is_none());
        assert!(shown.lines(0).is_some(), "what came live cannot be asked for again");
        assert_eq!(shown.missing(-50), Some(source(50)));
        shown.restore(-50, page(50)[..150].to_vec());
        assert_eq!((shown.rows(), shown.missing(-50)), (101 * 200 - 50, None));
    }

    fn sample() -> RecordView {
        RecordView {
            id: String::new(),
            position: "1".into(),
            time: "2026-11-21T02:42:13.123456789Z".into(),
            observed_time: "2026-11-21T02:42:13.123456789Z".into(),
            level: "info".into(),
            severity: 9,
            service: "api".into(),
            node: "n1".into(),
            message: "hello".into(),
            trace_id: None,
            span_id: None,
            attributes: Default::default(),
        }
    }
}
