//! The groups of one aggregation, of all its threads together.
//!
//! A thread adds the groups of a unit of work at once, so a value that all threads meet is kept only once. Each grouping
//! is divided into shards by the upper bits of hashes, so that threads rarely wait for each other.

use std::{
    cmp::Ordering,
    hash::BuildHasher as _,
    sync::{
        OnceLock,
        atomic::{self, AtomicBool, AtomicUsize},
    },
};

use foldhash::fast::RandomState;
use model::aggregate::{Cell, Group, Grouping, Table};
use parking_lot::{Mutex, MutexGuard};
use parts::form::Form;

use super::{
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
const KEPT_GROUPS: usize = 4_096;
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
            for (number, group) in numbers {
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
        let has_numbers = shards.iter().any(|shard| shard.numbers.len() > 0);
        let (texts, mut numbers): (Vec<ByteGroups>, Vec<Numbers>) =
            shards.into_iter().map(|Groups { bytes, numbers, .. }| (bytes, numbers)).unzip();
        let form = self.form.get().and_then(Option::as_ref);
        let mut groups: Vec<(Key<'_>, Group)> = Vec::with_capacity(count);
        for (_, key, group) in texts.iter().flat_map(|texts| texts.iter()) {
            // The integer 17 and the text "17" are one group, whatever form each had in its part.
            let number = if has_numbers { encode::number(form, key) } else { None };
            let is_added = number.is_some_and(|number| {
                let hash = hasher.hash_one(number);
                numbers.get_mut(shard_of(hash)).is_some_and(|numbers| numbers.merge_known(hash, number, group))
            });
            if !is_added {
                groups.push((Key::Bytes(key), group));
            }
        }
        let numbers = numbers.iter().flat_map(|numbers| numbers.iter());
        groups.extend(numbers.map(|(number, group)| (Key::Number(form, number), group)));
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

#[cfg(test)]
mod tests {
    use model::{
        aggregate::{self, Measure},
        query::Field,
    };

    use super::*;

    fn grouping(limit: usize) -> Grouping {
        let key = aggregate::Key::Field(Field::Attribute("user".to_owned()));
        Grouping { keys: vec![key], measures: vec![Measure::Count], limit }
    }

    fn texts(hasher: &RandomState, texts: impl IntoIterator<Item = (String, u64)>) -> Groups {
        let mut groups = Groups::new(hasher);
        for (text, records) in texts {
            let mut key = Vec::new();
            encode::put_text(&text, &mut key);
            groups.bytes.add(hasher.hash_one(&key[..]), &key, Group::new(records, 0));
        }
        groups
    }

    fn counts(table: Table) -> Vec<(String, u64)> {
        let text = |(keys, count): (Vec<Cell>, u64)| match keys.into_iter().next() {
            Some(Cell::Text(text)) => (text, count),
            other => panic!("no text: {other:?}"),
        };
        table.counts().map(text).collect()
    }

    #[test]
    fn an_integer_and_its_text_are_one_group_in_order_with_other_texts() {
        let hasher = RandomState::default();
        let totals = Totals::new(1, &hasher);
        totals.add(0, &texts(&hasher, [("17".to_owned(), 2), ("017".to_owned(), 5), ("a".to_owned(), 5)]));
        let mut numbers = Groups::new(&hasher);
        for (number, records) in [(17, 3), (-4, 5), (200, 5)] {
            numbers.numbers.add(number, Group::new(records, 0));
        }
        totals.add(0, &numbers);
        let table = totals.tables(&[grouping(10)]).remove(0);
        assert!(table.complete);
        let expected = ["-4", "017", "17", "200", "a"].map(|text| (text.to_owned(), 5));
        assert_eq!(counts(table), expected);
    }

    #[test]
    fn numbers_of_several_forms_and_texts_are_one_group_by_their_text() {
        let hasher = RandomState::default();
        let form = |prefix: &str| Some(Form::Number { prefix: prefix.to_owned() });
        let totals = Totals::new(1, &hasher);
        for (form, numbers) in [(form("u"), [17, 5]), (form("u1"), [7, 8]), (None, [17, 6]), (form("u"), [17, 8])] {
            let mut groups = Groups { form, ..Groups::new(&hasher) };
            numbers.into_iter().for_each(|number| groups.numbers.add(number, Group::new(1, 0)));
            totals.add(0, &groups);
            let kept = Kept::of([&groups].into_iter()).unwrap();
            totals.add_kept(&kept);
        }
        totals.add(0, &texts(&hasher, ["u17", "17", "u017"].map(|text| (text.to_owned(), 1))));
        let expected = [("u17", 7), ("17", 3), ("6", 2), ("u18", 2), ("u5", 2), ("u8", 2), ("u017", 1)];
        let expected = expected.map(|(text, count)| (text.to_owned(), count));
        assert_eq!(counts(totals.tables(&[grouping(10)]).remove(0)), expected);
    }

    #[test]
    fn what_was_kept_counts_as_the_groups_did() {
        let hasher = RandomState::default();
        let mut groups = texts(&hasher, (0..500).map(|number| (format!("value {number}"), number % 7 + 1)));
        groups.numbers.add(9, Group::new(4, 0));
        let kept = Kept::of([&groups].into_iter()).unwrap();
        assert!(kept.bytes() > 500 * "value 1".len());
        let (once, again) = (Totals::new(1, &hasher), Totals::new(1, &hasher));
        once.add(0, &groups);
        again.add_kept(&kept);
        assert_eq!(once.tables(&[grouping(1_000)]), again.tables(&[grouping(1_000)]));
        let many = texts(&hasher, (0..=KEPT_GROUPS).map(|number| (number.to_string(), 1)));
        assert!(Kept::of([&many].into_iter()).is_none());
        let long = texts(&hasher, [("a".repeat(KEPT_BYTES), 1)]);
        assert!(Kept::of([&long].into_iter()).is_none());
    }

    #[test]
    fn beyond_the_bound_the_large_groups_stay_and_small_groupings_are_whole() {
        let hasher = RandomState::default();
        let totals = Totals::within(2, &hasher, 1_000, usize::MAX);
        totals.add(1, &texts(&hasher, ["debug", "info"].map(|level| (level.to_owned(), 1))));
        for round in 0..40 {
            totals.add(0, &texts(&hasher, (0..10).map(|number| (format!("large {number}"), 50))));
            totals.add(0, &texts(&hasher, (0..100).map(|number| (format!("small {round} {number}"), 1))));
            assert!(totals.groupings[0].groups.load(atomic::Ordering::Relaxed) <= 1_000);
        }
        let tables = totals.tables(&[grouping(10), grouping(10)]);
        let [large, small] = &tables[..] else { panic!("two tables") };
        assert!(!large.complete && small.complete);
        assert_eq!(counts(large.clone()), (0..10).map(|number| (format!("large {number}"), 2_000)).collect::<Vec<_>>());
        assert_eq!(small.rows.len(), 2);
    }

    #[test]
    fn the_bound_holds_for_all_threads_together() {
        let hasher = RandomState::default();
        let totals = Totals::within(1, &hasher, 100_000, 1 << 20);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (totals, hasher) = (&totals, &hasher);
                scope.spawn(move || {
                    for round in 0..20 {
                        let values = (0..5_000).map(|number| (format!("{thread} {round} {number}"), 1));
                        totals.add(0, &texts(hasher, values));
                    }
                });
            }
        });
        let bytes = totals.groupings[0].key_bytes.load(atomic::Ordering::Relaxed);
        assert!(bytes <= 1 << 20, "{bytes} bytes of keys");
        assert!(!totals.tables(&[grouping(10)]).remove(0).complete);
    }
}
