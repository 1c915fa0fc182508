//! Narrow searches: for values that few records have.

use std::sync::Arc;

use parts::{
    lookup::{SLAB_ROWS, Wanted, rows_of},
    ranges::common,
    reader::{Group, Part},
};
use pipeline::Result;
use rayon::prelude::*;

use super::{Scan, found::Found, sources::GroupOfPart};
use crate::store::{filter, memtable::Entry, snapshot::Snapshot};

/// A search sees whether its values are rare at so many slabs, of at most so many parts.
const SAMPLED_SLABS: usize = 64;
const SAMPLED_PARTS: usize = 16;
/// Values are rare if at most one in so many slabs may have them.
const RARE: usize = 4;
/// The number of parts whose lookups are asked in parallel, at first and at most. Each takes some microseconds, and the
/// footer of a part that may have matches some milliseconds: the first parts may have enough matches.
const FIRST_LOOKUPS: usize = 4;
const ROUND_LOOKUPS: usize = 64;

/// How the next parts are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Round {
    /// One after the other, as many as the rows to scan take.
    Wide,
    /// By their lookups, so many at once.
    Narrow(usize),
}

impl Round {
    pub(super) fn is_narrow(self) -> bool {
        matches!(self, Self::Narrow(_))
    }

    /// The round after this one, if the values were rare in its parts.
    pub(super) fn followed(self, are_rare: bool) -> Self {
        match self {
            Self::Narrow(parts) if are_rare => Self::Narrow((2 * parts).min(ROUND_LOOKUPS)),
            Self::Narrow(_) | Self::Wide => Self::Wide,
        }
    }
}

/// What an opened part leaves to search.
pub(super) struct Opened {
    /// With their bounds.
    pub(super) groups: Vec<(i64, GroupOfPart)>,
    pub(super) slabs: Counted,
}

/// The number of slabs that may have a match, and that of all.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counted {
    left: usize,
    all: usize,
}

impl Counted {
    pub(super) fn add(&mut self, other: Self) {
        self.left += other.left;
        self.all += other.all;
    }

    pub(super) fn are_rare(self) -> bool {
        self.left.saturating_mul(RARE) <= self.all
    }
}

impl Scan<'_> {
    /// Narrow if the wanted values are ids, or rare in the first parts in the window.
    pub(super) fn first_round(&self, snapshot: &Snapshot) -> Round {
        if self.names_ids {
            return Round::Narrow(ROUND_LOOKUPS);
        }
        let Some(wanted) = &self.wanted else { return Round::Wide };
        let parts = snapshot.parts.iter().filter(|part| {
            let info = &part.info;
            self.window.meets((info.min_time, info.max_time), (info.min_position, info.max_position))
        });
        let mut sample = Counted::default();
        for counted in parts.take(SAMPLED_PARTS).filter_map(|part| counted(part, wanted)) {
            sample.add(counted);
            if sample.all >= SAMPLED_SLABS {
                break;
            }
        }
        if sample.all > 0 && sample.are_rare() { Round::Narrow(FIRST_LOOKUPS) } else { Round::Wide }
    }

    /// The row groups of a part that may have matches, with their bounds. In a narrow search, its lookup is asked first.
    pub(super) fn open(&self, part: Arc<Part>, is_narrow: bool) -> Result<Opened> {
        self.cancel.check()?;
        let all = slabs(&part);
        let asked = self.wanted.as_ref().filter(|_| is_narrow).and_then(|wanted| part.slabs(wanted));
        let slabs = Counted { left: asked.as_ref().map_or(all, |slabs| slabs.count()), all };
        if slabs.left == 0 {
            return Ok(Opened { groups: Vec::new(), slabs });
        }
        let footer = part.footer()?;
        filter::read_ahead(&self.query.expr, &part, &footer);
        let may_have = |group: &Group| {
            self.window.id.is_none_or(|id| group.may_have(id)) && self.window.meets(group.time, group.position)
        };
        let groups = footer.groups.iter().enumerate().filter(|(_, group)| may_have(group));
        let bounded = groups.filter_map(|(place, group)| {
            let mut rows = self.window.rows(&footer, place);
            if let Some(slabs) = &asked {
                rows = common(&rows, &rows_of(slabs.of_group(place)));
            }
            let bound = self.order.bound(group.time, group.position);
            let (part, footer) = (part.clone(), footer.clone());
            (!rows.is_empty()).then(|| (bound, GroupOfPart { part, footer, place, rows, is_pruned: false }))
        });
        Ok(Opened { groups: bounded.collect(), slabs })
    }

    /// Drops the row groups that their filters rule out.
    pub(super) fn prune_groups(&self, groups: Vec<(i64, GroupOfPart)>) -> Result<Vec<(i64, GroupOfPart)>> {
        let asked: Vec<_> = groups
            .into_par_iter()
            .with_max_len(1)
            .map(|(bound, mut group)| {
                group.rows = self.filter_rows(&group)?;
                group.is_pruned = true;
                Ok((!group.rows.is_empty()).then_some((bound, group)))
            })
            .collect::<Result<_>>()?;
        Ok(asked.into_iter().flatten().collect())
    }

    /// Searches memory blocks on all threads. That pays off if few records match, so that all must be tested.
    pub(super) fn search_entries(&self, entries: &[Arc<Entry>], found: &mut Found) {
        let forked = || found.fork();
        let search = |mut own: Found, entry: &Arc<Entry>| {
            self.search_entry(entry, &mut own);
            own
        };
        let parts: Vec<Found> = entries.par_iter().fold(forked, search).collect();
        parts.into_iter().for_each(|own| found.merge(own));
    }
}

/// The slabs of a part that may have the values; `None` without a lookup.
fn counted(part: &Part, wanted: &Wanted) -> Option<Counted> {
    let left = part.slabs(wanted)?.count();
    Some(Counted { left, all: slabs(part) })
}

/// The number of slabs of a part.
fn slabs(part: &Part) -> usize {
    (part.info.rows as usize).div_ceil(SLAB_ROWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_grow_while_values_are_rare() {
        let rounds: Vec<Round> =
            std::iter::successors(Some(Round::Narrow(FIRST_LOOKUPS)), |round| Some(round.followed(true)))
                .take(6)
                .collect();
        assert_eq!(rounds, [4, 8, 16, 32, 64, 64].map(Round::Narrow));
        for round in [Round::Narrow(16), Round::Wide] {
            assert_eq!(round.followed(false), Round::Wide);
        }
        assert_eq!(Round::Wide.followed(true), Round::Wide);
        assert!(Round::Narrow(1).is_narrow() && !Round::Wide.is_narrow());
    }

    #[test]
    fn values_in_more_than_a_quarter_of_the_slabs_are_not_rare() {
        let mut slabs = Counted::default();
        slabs.add(Counted { left: 0, all: 12 });
        slabs.add(Counted { left: 4, all: 4 });
        assert!(slabs.are_rare());
        slabs.add(Counted { left: 1, all: 1 });
        assert!(!slabs.are_rare());
    }
}
