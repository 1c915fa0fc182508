//! The list of records as data: blocks that are shown, and what waits to be.
//!
//! Records come and go in blocks (a page, or what one frame brought), so that the
//! list compares a few hundred blocks per frame instead of thousands of rows. Both
//! ends are bounded: a tail of days keeps the memory of its first minute.

use std::{collections::VecDeque, sync::Arc};

use model::api::RecordView;

/// The rows kept while following; older ones go.
pub(crate) const FOLLOWED_ROWS: usize = 2_000;
/// The rows kept when reading backwards; then the range must be narrowed.
pub(crate) const LOADED_ROWS: usize = 10_000;
/// What waits while the view stands still; older ones are counted as skipped.
pub(crate) const WAITING: usize = FOLLOWED_ROWS;
/// The rows that one frame inserts, so that no frame takes long.
pub(crate) const ROWS_PER_FRAME: usize = 100;

/// One line of the list.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Record(Arc<RecordView>),
    /// This many records are left out here.
    Gap(u64),
}

/// Some lines that came together. Serial numbers grow downwards.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) serial: i64,
    pub(crate) items: Arc<[Item]>,
}

/// The blocks shown, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    blocks: VecDeque<Block>,
    rows: usize,
    /// Whether rows have gone from the top.
    cut: bool,
}

impl Shown {
    /// Starts with a page, oldest first.
    pub(crate) fn new(records: impl DoubleEndedIterator<Item = RecordView>) -> Self {
        let mut shown = Self::default();
        shown.append(records.map(|record| Item::Record(Arc::new(record))).collect());
        shown
    }

    pub(crate) fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The lines that are shown.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Whether no more history may be loaded.
    pub(crate) fn is_full(&self) -> bool {
        self.rows >= LOADED_ROWS
    }

    /// Whether rows have gone from the top, so that a cursor no longer fits.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }

    pub(crate) fn oldest(&self) -> Option<&Arc<RecordView>> {
        self.records().next()
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.records().any(|record| record.id == id)
    }

    fn records(&self) -> impl Iterator<Item = &Arc<RecordView>> {
        self.blocks.iter().flat_map(|block| block.items.iter()).filter_map(|item| match item {
            Item::Record(record) => Some(record),
            Item::Gap(_) => None,
        })
    }

    /// Adds newer lines.
    pub(crate) fn append(&mut self, items: Vec<Item>) {
        if items.is_empty() {
            return;
        }
        self.rows += items.len();
        let serial = self.blocks.back().map_or(0, |block| block.serial + 1);
        self.blocks.push_back(Block { serial, items: items.into() });
    }

    /// Lets go of the oldest blocks until [`FOLLOWED_ROWS`] are left, more or less a block.
    pub(crate) fn trim(&mut self) {
        while self.blocks.len() > 1 {
            let Some(oldest) = self.blocks.front() else { break };
            let left = self.rows - oldest.items.len();
            if left < FOLLOWED_ROWS {
                break;
            }
            self.rows = left;
            self.cut = true;
            self.blocks.pop_front();
        }
    }

    /// Adds older records, given newest first; those already shown are left out.
    pub(crate) fn prepend(&mut self, records: Vec<RecordView>) {
        let items: Vec<Item> = records
            .into_iter()
            .rev()
            .filter(|record| !self.has(&record.id))
            .map(|record| Item::Record(Arc::new(record)))
            .collect();
        if items.is_empty() {
            return;
        }
        self.rows += items.len();
        self.cut = false;
        let serial = self.blocks.front().map_or(0, |block| block.serial - 1);
        self.blocks.push_front(Block { serial, items: items.into() });
    }
}

/// What has come but is not shown yet, in order.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    events: VecDeque<Event<T>>,
    records: usize,
    /// Left out before the first event.
    skipped: u64,
}

/// Something the tail said.
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
    /// Adds an event; past [`WAITING`] records the oldest is skipped.
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

    /// The records that have come, shown or skipped.
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
            shown.append(vec![Item::Gap(1); 50]);
            shown.trim();
        }
        assert_eq!(shown.rows, FOLLOWED_ROWS);
        assert!(shown.is_cut());
        let serials: Vec<i64> = shown.blocks().map(|block| block.serial).collect();
        assert!(serials.is_sorted(), "{serials:?}");
    }

    #[test]
    fn history_goes_on_top_without_repeats() {
        let record = |id: &str| RecordView { id: id.into(), ..sample() };
        let mut shown = Shown::new([record("b"), record("c")].into_iter());
        shown.prepend(vec![record("b"), record("a")]);
        let ids: Vec<&str> = shown.records().map(|record| record.id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "c"]);
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
