//! The groups of one grouping, aggregated by one thread.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use model::{
    LevelClass, Nanos,
    aggregate::{Group, Grouping, Key, Measure, Table},
    query::Field,
};
use parts::{reader, schema::Columns};
use pipeline::Result;

use super::{
    codes::{Codes, Rows, columns_of, combine, times},
    encode,
};

/// The limit of groups. Beyond it, or beyond [`GROUP_BYTES`], the smaller half is dropped: the largest groups stay
/// correct unless values hardly repeat.
const GROUPS: usize = 1 << 20;
/// The limit of the groups' key bytes.
const GROUP_BYTES: usize = 128 << 20;

/// Aggregates rows.
pub(super) struct Tally<'g> {
    grouping: &'g Grouping,
    groups: HashMap<Box<[u8]>, Group, RandomState>,
    key_bytes: usize,
    has_forgotten: bool,
    /// A buffer for the keys of the current group.
    keys: Vec<u8>,
}

impl<'g> Tally<'g> {
    pub(super) fn new(grouping: &'g Grouping) -> Self {
        Self { grouping, groups: HashMap::default(), key_bytes: 0, has_forgotten: false, keys: Vec::new() }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.has_forgotten |= other.has_forgotten;
        for (keys, group) in other.groups {
            self.add(&keys, group);
        }
    }

    pub(super) fn into_table(self) -> Table {
        let mut table = self.grouping.table(self.groups, |keys| encode::cells(&keys));
        table.complete &= !self.has_forgotten;
        table
    }

    /// The columns of a part that it reads.
    pub(super) fn columns(&self, layout: &Columns) -> Vec<usize> {
        let time = self.measures_time().then_some(Key::Time { width: 1 });
        self.grouping.keys.iter().chain(&time).flat_map(|key| columns_of(key, layout)).collect()
    }

    fn measures_time(&self) -> bool {
        self.grouping.measures.contains(&Measure::NewestTime)
    }

    /// Whether the services and level classes of the matching rows of a row group suffice.
    pub(super) fn is_by_service_and_class(&self, group: &reader::Group) -> bool {
        let is_known = |key: &Key| match key {
            Key::Field(field) => matches!(field, Field::Service | Field::Level),
            Key::Time { width } => group.time.0.div_euclid(*width) == group.time.1.div_euclid(*width),
        };
        !self.measures_time() && self.grouping.keys.iter().all(is_known)
    }

    /// Adds rows of such a row group.
    pub(super) fn add_total(&mut self, group: &reader::Group, service: &str, class: LevelClass, rows: u64) {
        let mut bytes = std::mem::take(&mut self.keys);
        bytes.clear();
        for key in &self.grouping.keys {
            match key {
                Key::Time { width } => {
                    encode::put_time(model::aggregate::bucket_start(group.time.0, *width), &mut bytes)
                }
                Key::Field(Field::Service) => encode::put_text(service, &mut bytes),
                Key::Field(_) => encode::put_text(class.name(), &mut bytes),
            }
        }
        // This grouping does not measure the newest time.
        self.add(&bytes, Group::new(rows, Nanos::MIN));
        self.keys = bytes;
    }

    /// Adds matching rows.
    pub(super) fn add_rows(&mut self, rows: Rows<'_>) -> Result<()> {
        let number = rows.len();
        if number == 0 {
            return Ok(());
        }
        let distinct = self.grouping.keys.len() > 1;
        let keys: Vec<Codes<'_>> =
            self.grouping.keys.iter().map(|key| Codes::of(key, rows, distinct)).collect::<Result<_>>()?;
        let (codes, len) = combine(&keys, number);
        // The number of records of each code, and its last row.
        let mut counts = vec![(0_u32, 0_u32); len];
        for (row, code) in codes.iter().enumerate() {
            if let Some((count, last)) = counts.get_mut(*code as usize) {
                *count += 1;
                *last = row as u32;
            }
        }
        let mut newest = Vec::new();
        if self.measures_time() {
            newest = vec![Nanos::MIN; len];
            for (code, time) in codes.iter().zip(times(rows)?.iter()) {
                if let Some(newest) = newest.get_mut(*code as usize) {
                    *newest = (*newest).max(*time);
                }
            }
        }
        let mut bytes = std::mem::take(&mut self.keys);
        for (code, (count, row)) in counts.into_iter().enumerate().filter(|(_, (count, _))| *count > 0) {
            bytes.clear();
            for key in &keys {
                if let Some(code) = key.codes.get(row as usize) {
                    key.put(*code, &mut bytes);
                }
            }
            self.add(&bytes, Group::new(u64::from(count), newest.get(code).copied().unwrap_or(Nanos::MIN)));
        }
        self.keys = bytes;
        Ok(())
    }

    fn add(&mut self, keys: &[u8], group: Group) {
        if let Some(known) = self.groups.get_mut(keys) {
            return known.merge(group);
        }
        if self.groups.len() >= GROUPS || self.key_bytes + keys.len() > GROUP_BYTES {
            self.forget_the_smaller_half();
        }
        self.key_bytes += keys.len();
        self.groups.insert(keys.into(), group);
    }

    fn forget_the_smaller_half(&mut self) {
        let mut sizes: Vec<u64> = self.groups.values().map(|group| group.records).collect();
        let middle = sizes.len() / 2;
        if middle == 0 {
            return;
        }
        let (_, bar, _) = sizes.select_nth_unstable(middle);
        let bar = *bar;
        self.groups.retain(|_, group| group.records > bar);
        self.key_bytes = self.groups.keys().map(|keys| keys.len()).sum();
        self.has_forgotten = true;
    }
}
