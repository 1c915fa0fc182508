//! The sources of a search, by their bounds.

use std::{cmp::Reverse, collections::BinaryHeap, ops::Range, sync::Arc};

use crate::store::memtable::Entry;
use parts::reader::{Footer, Part};

/// A row group of a part.
pub(super) struct GroupOfPart {
    pub(super) part: Arc<Part>,
    pub(super) footer: Arc<Footer>,
    pub(super) place: usize,
    /// The rows to search, in order.
    pub(super) rows: Vec<Range<usize>>,
    /// Whether the indexes of the part have already ruled rows out.
    pub(super) is_pruned: bool,
}

impl GroupOfPart {
    /// The number of rows to search.
    pub(super) fn len(&self) -> usize {
        self.rows.iter().map(Range::len).sum()
    }
}

pub(super) enum Source {
    Entry(Arc<Entry>),
    Part(Arc<Part>),
    Group(GroupOfPart),
}

/// Sources by bound, smallest first.
#[derive(Default)]
pub(super) struct Sources {
    order: BinaryHeap<Reverse<(i64, usize)>>,
    sources: Vec<Option<Source>>,
}

impl Sources {
    pub(super) fn push(&mut self, bound: i64, source: Source) {
        self.order.push(Reverse((bound, self.sources.len())));
        self.sources.push(Some(source));
    }

    pub(super) fn pop(&mut self) -> Option<(i64, Source)> {
        let bound = self.bound()?;
        let Reverse((_, place)) = self.order.pop()?;
        let source = self.sources.get_mut(place)?.take()?;
        Some((bound, source))
    }

    /// The next parts, at most `most`, until one row group of each adds up to about `rows`. Sources between them are
    /// ignored.
    pub(super) fn pop_parts(&mut self, most: usize, rows: usize, wanted: impl Fn(i64) -> bool) -> Vec<Arc<Part>> {
        let is_part = |place: usize| matches!(self.sources.get(place), Some(Some(Source::Part(_))));
        let order = self.order.iter().map(|Reverse(source)| *source);
        let mut next: Vec<_> = order.filter(|(bound, place)| is_part(*place) && wanted(*bound)).collect();
        next.sort_unstable();
        let (mut parts, mut left) = (Vec::new(), rows);
        for (_, place) in next.into_iter().take(most) {
            if left == 0 {
                break;
            }
            if let Some(Source::Part(part)) = self.sources.get_mut(place).and_then(Option::take) {
                left = left.saturating_sub(part.group_rows());
                parts.push(part);
            }
        }
        parts
    }

    /// The smallest bound.
    pub(super) fn bound(&mut self) -> Option<i64> {
        // Skips entries that were taken out of order.
        while let Some(Reverse((bound, place))) = self.order.peek() {
            if self.sources.get(*place).is_some_and(Option::is_some) {
                return Some(*bound);
            }
            self.order.pop();
        }
        None
    }
}
