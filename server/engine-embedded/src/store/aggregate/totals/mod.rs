//! The groups of one aggregation, of all its threads together.
//!
//! A thread adds the groups of a unit of work at once, so a value that all threads meet is kept only once. Each grouping
//! is divided into shards by the upper bits of hashes, so that threads rarely wait for each other.

#[cfg(test)]
mod tests;

use std::{
    cmp::Ordering,
    hash::BuildHasher as _,
    sync::{
        OnceLock,
        atomic::{self, AtomicBool, AtomicUsize},
    },
};

use foldhash::fast::RandomState;
use model::{
    Nanos,
    aggregate::{Cell, Group, Grouping, Table},
};
use parking_lot::{Mutex, MutexGuard};
use parts::form::Form;

use super::{
    counters::Counters,
    encode::{self, NumberKey},
    groups::{ByteGroups, Numbers, Packed},
};

/// The limit of groups of an aggregation. Beyond it, or beyond [`KEY_BYTES`], the smaller half of the largest grouping is
/// dropped: the largest groups stay correct unless values hardly repeat.
const GROUPS: usize = 1 << 20;
/// The limit of the groups' key bytes.
const KEY_BYTES: usize = 128 << 20;

/// Shards of a grouping, as bits of a hash.
const SHARD_BITS: u32 = 4;

/// The limits within which the result of one unit is kept.
pub(super) const KEPT_GROUPS: usize = 4_096;
const KEPT_BYTES: usize = 128 << 10;

/// The groups of one grouping, or of a shard of it. The key of a grouping with one key may be a number.
#[derive(Debug, Default)]
pub(super) struct Groups {
    pub(super) bytes: ByteGroups,
    pub(super) numbers: Numbers,
    /// The form of the values that are counted by number; `None` for integers. A shard has that of its grouping.
    pub(super) form: Option<Form>,
}

impl Groups {
    pub(super) fn new(hasher: &RandomState) -> Self {
        Self::skipping(hasher, 0)
    }

    fn skipping(hasher: &RandomState, bits: u32) -> Self {
        Self { bytes: ByteGroups::new(bits), numbers: Numbers::new(hasher.clone(), bits), form: None }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() + self.numbers.len()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.numbers.clear();
    }

    /// Drops the half with fewer records.
    fn forget_the_smaller_half(&mut self) {
        let (bytes, numbers) = (self.bytes.iter(), self.numbers.iter());
        let records = bytes.map(|(_, _, group)| group.records).chain(numbers.map(|(_, group)| group.records));
        let mut records: Vec<u64> = records.collect();
        let middle = records.len() / 2;
        if middle > 0 {
            let (_, bar, _) = records.select_nth_unstable(middle);
            let bar = *bar;
            self.bytes.keep_above(bar);
            self.numbers.keep_above(bar);
        }
    }
}

/// The result of one unit of work, to be used again. Of each grouping, the groups by bytes and by number.
#[derive(Debug)]
pub(crate) struct Kept(Box<[KeptGroups]>);

#[derive(Debug)]
struct KeptGroups {
    bytes: Packed,
    numbers: Box<[(i64, Group)]>,
    form: Option<Form>,
}

impl Kept {
    /// A copy; `None` if the groups are too many to keep.
    pub(super) fn of<'g>(groupings: impl Iterator<Item = &'g Groups> + Clone) -> Option<Self> {
        let groups: usize = groupings.clone().map(Groups::len).sum();
        let bytes: usize = groupings.clone().map(|groups| groups.bytes.key_bytes()).sum();
        let pack = |groups: &Groups| KeptGroups {
            bytes: groups.bytes.packed(),
            numbers: groups.numbers.iter().collect(),
            form: groups.form.clone(),
        };
        (groups <= KEPT_GROUPS && bytes <= KEPT_BYTES).then(|| Self(groupings.map(pack).collect()))
    }

    /// The bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        let bytes = |kept: &KeptGroups| size_of::<KeptGroups>() + kept.bytes.bytes() + size_of_val(&*kept.numbers);
        self.0.iter().map(bytes).sum()
    }
}

/// The groups of an aggregation.
pub(crate) struct Totals {
    hasher: RandomState,
    groupings: Vec<Total>,
    /// Held while groups are dropped.
    forgetting: Mutex<()>,
    most_groups: usize,
    most_bytes: usize,
}

struct Total {
    shards: Vec<Mutex<Groups>>,
    /// The form of the groups by number: that of the first ones. Those of other forms are added by their texts.
    form: OnceLock<Option<Form>>,
    /// The records of numbers that have a counter. They may have groups by number as well, of units with few groups.
    counters: OnceLock<Counters>,
    groups: AtomicUsize,
    key_bytes: AtomicUsize,
    has_forgotten: AtomicBool,
}

impl Totals {
    /// `hasher` is that of the groups that are added.
    pub(crate) fn new(groupings: usize, hasher: &RandomState) -> Self {
        Self::within(groupings, hasher, GROUPS, KEY_BYTES)
    }

    fn within(groupings: usize, hasher: &RandomState, most_groups: usize, most_bytes: usize) -> Self {
        let shard = || Mutex::new(Groups::skipping(hasher, SHARD_BITS));
        let total = || Total {
            shards: (0..1 << SHARD_BITS).map(|_| shard()).collect(),
            form: OnceLock::new(),
            counters: OnceLock::new(),
            groups: AtomicUsize::new(0),
            key_bytes: AtomicUsize::new(0),
            has_forgotten: AtomicBool::new(false),
        };
        Self {
            hasher: hasher.clone(),
            groupings: (0..groupings).map(|_| total()).collect(),
            forgetting: Mutex::new(()),
            most_groups,
            most_bytes,
        }
    }

    pub(super) fn hasher(&self) -> &RandomState {
        &self.hasher
    }

    /// Adds groups to the grouping at `place`.
    pub(super) fn add(&self, place: usize, groups: &Groups) {
        self.add_groups(place, groups.bytes.iter(), groups.form.as_ref(), groups.numbers.iter());
    }

    /// The counters of the grouping at `place`, for numbers of this form; they are made for `numbers` if there are none.
    /// `None` if these lie too far apart, and if groups of another form are counted by number. Counters know no times.
    pub(super) fn counters(
        &self,
        place: usize,
        form: Option<&Form>,
        numbers: impl Iterator<Item = i64>,
    ) -> Option<&Counters> {
        let total = self.groupings.get(place)?;
        if total.form.get_or_init(|| form.cloned()).as_ref() != form {
            return None;
        }
        if total.counters.get().is_none() {
            let counters = Counters::around(numbers)?;
            return Some(total.counters.get_or_init(|| counters));
        }
        total.counters.get()
    }

    /// Adds the result of a unit.
    pub(crate) fn add_kept(&self, kept: &Kept) {
        for (place, groups) in kept.0.iter().enumerate() {
            self.add_groups(place, groups.bytes.iter(), groups.form.as_ref(), groups.numbers.iter().copied());
        }
    }

    fn add_groups<'k>(
        &self,
        place: usize,
        bytes: impl Iterator<Item = (u64, &'k [u8], Group)>,
        form: Option<&Form>,
        numbers: impl Iterator<Item = (i64, Group)>,
    ) {
        let Some(total) = self.groupings.get(place) else { return };
        let mut held = Held { total, shard: None };
        for (hash, key, group) in bytes {
            held.change(hash, |shard| shard.bytes.add(hash, key, group));
        }
        let mut numbers = numbers.peekable();
        if numbers.peek().is_some() && total.form.get_or_init(|| form.cloned()).as_ref() == form {
            let counters = total.counters.get();
            let is_counted =
                |(number, group): &(i64, Group)| counters.is_some_and(|counters| counters.add(*number, group.records));
            for (number, group) in numbers.filter(|group| !is_counted(group)) {
                held.change(self.hasher.hash_one(number), |shard| shard.numbers.add(number, group));
            }
        } else {
            for (number, group) in numbers {
                let key = NumberKey::new(form, number);
                let hash = self.hasher.hash_one(key.as_slice());
                held.change(hash, |shard| shard.bytes.add(hash, key.as_slice(), group));
            }
        }
        drop(held);
        if self.is_full() {
            self.forget();
        }
    }

    fn is_full(&self) -> bool {
        let sum = |of: fn(&Total) -> &AtomicUsize| -> usize {
            self.groupings.iter().map(|total| of(total).load(atomic::Ordering::Relaxed)).sum()
        };
        sum(|total| &total.groups) > self.most_groups || sum(|total| &total.key_bytes) > self.most_bytes
    }

    /// Drops the smaller half of the largest grouping. A grouping with few groups thus stays exact beside a large one.
    fn forget(&self) {
        let _one = self.forgetting.lock();
        // Another thread may have done it meanwhile.
        if let Some(total) = self.groupings.iter().max_by_key(|total| total.weight()).filter(|_| self.is_full()) {
            total.forget();
        }
    }

    /// The tables of the groupings. Takes the groups.
    pub(crate) fn tables(&self, groupings: &[Grouping]) -> Vec<Table> {
        groupings.iter().zip(&self.groupings).map(|(grouping, total)| total.table(grouping, &self.hasher)).collect()
    }
}

/// One locked shard at a time: two threads that hold one and wait for another would wait forever.
struct Held<'t> {
    total: &'t Total,
    shard: Option<(usize, MutexGuard<'t, Groups>)>,
}

impl Held<'_> {
    /// Changes the shard of the hash. Groups come in about the order of their hashes, so it mostly is the locked one.
    fn change(&mut self, hash: u64, change: impl FnOnce(&mut Groups)) {
        let place = shard_of(hash);
        if self.shard.as_ref().is_none_or(|(held, _)| *held != place) {
            drop(self.shard.take());
            self.shard = self.total.shards.get(place).map(|shard| (place, shard.lock()));
        }
        let Some((_, guard)) = &mut self.shard else { return };
        let shard: &mut Groups = guard;
        let (groups, bytes) = (shard.len(), shard.bytes.key_bytes());
        change(shard);
        self.total.groups.fetch_add(shard.len() - groups, atomic::Ordering::Relaxed);
        self.total.key_bytes.fetch_add(shard.bytes.key_bytes() - bytes, atomic::Ordering::Relaxed);
    }
}

fn shard_of(hash: u64) -> usize {
    (hash >> (64 - SHARD_BITS)) as usize
}

impl Total {
    /// About the bytes in memory.
    fn weight(&self) -> usize {
        let groups = self.groups.load(atomic::Ordering::Relaxed);
        self.key_bytes.load(atomic::Ordering::Relaxed) + groups * 2 * size_of::<(u64, Group)>()
    }

    fn forget(&self) {
        self.has_forgotten.store(true, atomic::Ordering::Relaxed);
        for shard in &self.shards {
            let mut shard = shard.lock();
            let (groups, bytes) = (shard.len(), shard.bytes.key_bytes());
            shard.forget_the_smaller_half();
            self.groups.fetch_sub(groups - shard.len(), atomic::Ordering::Relaxed);
            self.key_bytes.fetch_sub(bytes - shard.bytes.key_bytes(), atomic::Ordering::Relaxed);
        }
    }

    fn table(&self, grouping: &Grouping, hasher: &RandomState) -> Table {
        let shards: Vec<Groups> = self.shards.iter().map(|shard| std::mem::take(&mut *shard.lock())).collect();
        let count: usize = shards.iter().map(Groups::len).sum();
        let counters = self.counters.get();
        let has_numbers = counters.is_some() || shards.iter().any(|shard| shard.numbers.len() > 0);
        let (texts, mut numbers): (Vec<ByteGroups>, Vec<Numbers>) =
            shards.into_iter().map(|Groups { bytes, numbers, .. }| (bytes, numbers)).unzip();
        let form = self.form.get().and_then(Option::as_ref);
        let mut groups: Vec<(Key<'_>, Group)> = Vec::with_capacity(count);
        if let Some(counters) = counters {
            // Some were added before there were counters.
            for (number, group) in numbers.iter().flat_map(|numbers| numbers.iter()) {
                counters.add(number, group.records);
            }
        }
        for (_, key, group) in texts.iter().flat_map(|texts| texts.iter()) {
            // The integer 17 and the text "17" are one group, whatever form each had in its part.
            let number = if has_numbers { encode::number(form, key) } else { None };
            let is_added = number.is_some_and(|number| {
                let hash = hasher.hash_one(number);
                counters.is_some_and(|counters| counters.add_to_known(number, group.records))
                    || numbers.get_mut(shard_of(hash)).is_some_and(|numbers| numbers.merge_known(hash, number, group))
            });
            if !is_added {
                groups.push((Key::Bytes(key), group));
            }
        }
        let numbers = numbers.iter().flat_map(|numbers| numbers.iter());
        let numbers = numbers.filter(|(number, _)| !counters.is_some_and(|counters| counters.has(*number)));
        let counted = counters.into_iter().flat_map(|counters| counters.iter());
        let counted = counted.map(|(number, records)| (number, Group::new(records, Nanos::MIN)));
        groups.extend(numbers.chain(counted).map(|(number, group)| (Key::Number(form, number), group)));
        let mut table = grouping.table(groups, Key::cells);
        table.complete &= !self.has_forgotten.load(atomic::Ordering::Relaxed);
        table
    }
}

/// The key of a group, in the order of its bytes. No number has the bytes of another key of the table.
enum Key<'k> {
    Bytes(&'k [u8]),
    Number(Option<&'k Form>, i64),
}

impl Key<'_> {
    fn cells(self) -> Vec<Cell> {
        match self {
            Self::Bytes(bytes) => encode::cells(bytes),
            Self::Number(form, number) => encode::cells(NumberKey::new(form, number).as_slice()),
        }
    }

    fn compare_bytes(&self, other: &[u8]) -> Ordering {
        match self {
            Self::Bytes(bytes) => (*bytes).cmp(other),
            Self::Number(form, number) => NumberKey::new(*form, *number).as_slice().cmp(other),
        }
    }
}

impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match other {
            Self::Bytes(bytes) => self.compare_bytes(bytes),
            Self::Number(form, number) => self.compare_bytes(NumberKey::new(*form, *number).as_slice()),
        }
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key<'_> {}
