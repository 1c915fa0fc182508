//! The groups of one grouping, while they are being measured.

use std::collections::HashMap;

use super::{Cell, Grouping, Measure, Row, Table, bucket_start};
use crate::{Nanos, Record};

/// What is known of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    pub records: u64,
    /// The time of the newest record.
    pub newest: Nanos,
}

impl Group {
    /// A group of `records` of which the newest has this time.
    pub fn new(records: u64, newest: Nanos) -> Self {
        Self { records, newest }
    }

    /// Adds the records of another group with the same keys.
    pub fn merge(&mut self, other: Self) {
        self.records += other.records;
        self.newest = self.newest.max(other.newest);
    }

    fn measure(&self, measure: Measure) -> Cell {
        match measure {
            Measure::Count => Cell::Count(self.records),
            Measure::NewestTime => Cell::Time(bucket_start(self.newest, 1_000)),
        }
    }
}

/// Collects groups. It has no bound of its own: the caller looks at [`Groups::len`].
#[derive(Debug, Clone)]
pub struct Groups<'g> {
    grouping: &'g Grouping,
    groups: HashMap<Vec<Cell>, Group>,
}

impl<'g> Groups<'g> {
    pub fn new(grouping: &'g Grouping) -> Self {
        Self { grouping, groups: HashMap::new() }
    }

    /// The number of groups so far.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Adds a record that matches.
    pub fn add(&mut self, record: &Record) {
        let keys = self.grouping.keys.iter().map(|key| key.of(record)).collect();
        self.merge(keys, Group::new(1, record.time));
    }

    /// Adds records that were grouped elsewhere.
    pub fn merge(&mut self, keys: Vec<Cell>, group: Group) {
        self.groups.entry(keys).and_modify(|known| known.merge(group)).or_insert(group);
    }

    /// The largest groups, in order.
    pub fn into_table(self) -> Table {
        self.grouping.table(self.groups, |keys| keys)
    }
}

impl Grouping {
    /// The table of these groups, of which no two have equal keys. The order of `K` must be the
    /// order of the cells that `cells` makes of it.
    ///
    /// A grouping without keys has its one group even where no record matches, so that a
    /// count of nothing is 0 and not absent.
    pub fn table<K: Ord>(&self, groups: impl IntoIterator<Item = (K, Group)>, cells: impl Fn(K) -> Vec<Cell>) -> Table {
        let mut groups: Vec<(K, Group)> = groups.into_iter().collect();
        if self.keys.is_empty() && groups.is_empty() {
            let measures = self.measures.iter().map(|measure| match measure {
                Measure::Count => Cell::Count(0),
                Measure::NewestTime => Cell::Missing,
            });
            return Table { rows: vec![Row { keys: Vec::new(), measures: measures.collect() }], complete: true };
        }
        let order = |(one_keys, one): &(K, Group), (other_keys, other): &(K, Group)| {
            other.records.cmp(&one.records).then_with(|| one_keys.cmp(other_keys))
        };
        let complete = groups.len() <= self.limit;
        if !complete {
            // Few of many: only those few are sorted.
            groups.select_nth_unstable_by(self.limit, order);
            groups.truncate(self.limit);
        }
        groups.sort_unstable_by(order);
        let row = |(keys, group): (K, Group)| Row {
            keys: cells(keys),
            measures: self.measures.iter().map(|measure| group.measure(*measure)).collect(),
        };
        Table { rows: groups.into_iter().map(row).collect(), complete }
    }
}
