//! Hash tables from the keys of groups to the groups.
//!
//! Groups lie in a list, and the bytes of their keys in one buffer, so a new group allocates nothing of its own. Slots are
//! in the order of the upper bits of the hashes. A small table that is added to a large one in the order of its slots thus
//! visits the slots of the large one in ascending order, which is several times faster than at random.

use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;
use model::aggregate::Group;

const LEAST_SLOTS: usize = 16;

/// Finds places in a list by the hash of what is there. Linear probing; 0 is an empty slot, others hold the place plus one.
#[derive(Debug, Clone, Default)]
struct Slots {
    slots: Vec<u32>,
    /// The upper bits of hashes that are the same for the whole table.
    skipped: u32,
}

impl Slots {
    fn first(&self, hash: u64) -> usize {
        // At least LEAST_SLOTS, and a power of two.
        let bits = self.slots.len().trailing_zeros();
        ((hash << self.skipped) >> (64 - bits)) as usize
    }

    fn find(&self, hash: u64, mut is_wanted: impl FnMut(usize) -> bool) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let mut slot = self.first(hash);
        loop {
            let place = (self.slots[slot] as usize).checked_sub(1)?;
            if is_wanted(place) {
                return Some(place);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    /// Whether another place needs a larger table: [`Self::rebuild`].
    fn is_full(&self, places: usize) -> bool {
        (places + 1) * 4 > self.slots.len() * 3
    }

    fn insert(&mut self, hash: u64, place: usize) {
        let mut slot = self.first(hash);
        while self.slots[slot] != 0 {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        self.slots[slot] = place as u32 + 1;
    }

    /// Begins again with room for twice as many places as there are hashes.
    fn rebuild(&mut self, hashes: impl ExactSizeIterator<Item = u64>) {
        let slots = (hashes.len() * 2 + 1).next_power_of_two().max(LEAST_SLOTS);
        self.slots.clear();
        self.slots.resize(slots, 0);
        for (place, hash) in hashes.enumerate() {
            self.insert(hash, place);
        }
    }

    fn clear(&mut self) {
        self.slots.fill(0);
    }

    /// The places in the order of the slots.
    fn places(&self) -> impl Iterator<Item = usize> {
        self.slots.iter().filter_map(|place| (*place as usize).checked_sub(1))
    }
}

#[derive(Debug, Clone, Copy)]
struct Keyed {
    hash: u64,
    /// Where the key is in the buffer, which is bounded far below 4 GiB.
    start: u32,
    length: u32,
    group: Group,
}

impl Keyed {
    fn key<'k>(&self, keys: &'k [u8]) -> &'k [u8] {
        keys.get(self.start as usize..).and_then(|keys| keys.get(..self.length as usize)).unwrap_or_default()
    }
}

/// Groups by the bytes of their keys.
#[derive(Debug, Default)]
pub(super) struct ByteGroups {
    slots: Slots,
    groups: Vec<Keyed>,
    keys: Vec<u8>,
}

impl ByteGroups {
    pub(super) fn new(skipped: u32) -> Self {
        Self { slots: Slots { slots: Vec::new(), skipped }, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    /// The bytes of all keys.
    pub(super) fn key_bytes(&self) -> usize {
        self.keys.len()
    }

    /// Adds records to the group of the key.
    pub(super) fn add(&mut self, hash: u64, key: &[u8], group: Group) {
        let Self { slots, groups, keys } = self;
        let is_wanted = |place: usize| {
            let known = &groups[place];
            known.hash == hash && known.key(&keys[..]) == key
        };
        if let Some(place) = slots.find(hash, is_wanted) {
            return groups[place].group.merge(group);
        }
        if slots.is_full(groups.len()) {
            slots.rebuild(groups.iter().map(|known| known.hash));
        }
        slots.insert(hash, groups.len());
        groups.push(Keyed { hash, start: keys.len() as u32, length: key.len() as u32, group });
        keys.extend_from_slice(key);
    }

    /// The groups with their hashes and keys, in about the order of the hashes.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &[u8], Group)> {
        self.slots.places().map(move |place| {
            let known = &self.groups[place];
            (known.hash, known.key(&self.keys), known.group)
        })
    }

    /// Keeps groups with more than `bar` records.
    pub(super) fn keep_above(&mut self, bar: u64) {
        let mut kept = Self::new(self.slots.skipped);
        for known in self.groups.iter().filter(|known| known.group.records > bar) {
            kept.add(known.hash, known.key(&self.keys), known.group);
        }
        *self = kept;
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.groups.clear();
        self.keys.clear();
    }

    /// A copy without slots and spare room.
    pub(super) fn packed(&self) -> Packed {
        let groups = self.slots.places().map(|place| self.groups[place]).collect();
        Packed { groups, keys: self.keys.as_slice().into() }
    }
}

/// Groups that are only read.
#[derive(Debug)]
pub(super) struct Packed {
    groups: Box<[Keyed]>,
    keys: Box<[u8]>,
}

impl Packed {
    /// As [`ByteGroups::iter`], in the same order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &[u8], Group)> {
        self.groups.iter().map(move |known| (known.hash, known.key(&self.keys), known.group))
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.groups) + self.keys.len()
    }
}

/// Groups with one integer as key.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    hasher: RandomState,
    slots: Slots,
    groups: Vec<(i64, Group)>,
}

impl Numbers {
    pub(super) fn new(hasher: RandomState, skipped: u32) -> Self {
        Self { hasher, slots: Slots { slots: Vec::new(), skipped }, groups: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    /// Adds records to the group of the number.
    pub(super) fn add(&mut self, number: i64, group: Group) {
        let hash = self.hasher.hash_one(number);
        if self.merge_known(hash, number, group) {
            return;
        }
        let Self { hasher, slots, groups } = self;
        if slots.is_full(groups.len()) {
            slots.rebuild(groups.iter().map(|(known, _)| hasher.hash_one(*known)));
        }
        slots.insert(hash, groups.len());
        groups.push((number, group));
    }

    /// Adds records to the group of the number, if it exists. Returns whether it does.
    pub(super) fn merge_known(&mut self, hash: u64, number: i64, group: Group) -> bool {
        let groups = &mut self.groups;
        let place = self.slots.find(hash, |place| groups[place].0 == number);
        if let Some(place) = place {
            groups[place].1.merge(group);
        }
        place.is_some()
    }

    /// The numbers and their groups, in about the order of the hashes.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, Group)> {
        self.slots.places().map(move |place| self.groups[place])
    }

    /// Keeps groups with more than `bar` records.
    pub(super) fn keep_above(&mut self, bar: u64) {
        self.groups.retain(|(_, group)| group.records > bar);
        let hasher = &self.hasher;
        self.slots.rebuild(self.groups.iter().map(|(number, _)| hasher.hash_one(*number)));
        self.groups.shrink_to_fit();
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.groups.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn key(number: u64) -> Vec<u8> {
        format!("key {}", number % 700).into_bytes()
    }

    #[test]
    fn groups_are_found_again_however_the_table_grows() {
        let hasher = RandomState::default();
        for skipped in [0, 4] {
            let (mut bytes, mut numbers) = (ByteGroups::new(skipped), Numbers::new(hasher.clone(), skipped));
            let mut expected: HashMap<Vec<u8>, Group> = HashMap::new();
            for number in 0..5_000_u64 {
                let group = Group::new(number % 3 + 1, number as i64);
                bytes.add(hasher.hash_one(&key(number)[..]), &key(number), group);
                numbers.add(number as i64 % 700 - 350, group);
                expected.entry(key(number)).and_modify(|known| known.merge(group)).or_insert(group);
            }
            let found: HashMap<Vec<u8>, Group> = bytes.iter().map(|(_, key, group)| (key.to_vec(), group)).collect();
            assert_eq!((bytes.len(), &found), (700, &expected));
            let packed = bytes.packed();
            let found: HashMap<Vec<u8>, Group> = packed.iter().map(|(_, key, group)| (key.to_vec(), group)).collect();
            assert_eq!(found, expected);
            assert!(packed.iter().map(|(hash, ..)| hash).eq(bytes.iter().map(|(hash, ..)| hash)));
            assert_eq!(numbers.len(), 700);
            let records: u64 = numbers.iter().map(|(_, group)| group.records).sum();
            assert_eq!(records, expected.values().map(|group| group.records).sum::<u64>());
            assert!(numbers.merge_known(hasher.hash_one(-350_i64), -350, Group::new(1, 0)));
            assert!(!numbers.merge_known(hasher.hash_one(350_i64), 350, Group::new(1, 0)));
        }
    }

    #[test]
    fn a_cleared_table_is_empty_and_a_cut_one_keeps_the_large_groups() {
        let hasher = RandomState::default();
        let (mut bytes, mut numbers) = (ByteGroups::new(0), Numbers::new(hasher.clone(), 0));
        for number in 0..100_u64 {
            let group = Group::new(number, 0);
            bytes.add(hasher.hash_one(&key(number)[..]), &key(number), group);
            numbers.add(number as i64, group);
        }
        bytes.keep_above(89);
        numbers.keep_above(89);
        assert_eq!((bytes.len(), numbers.len()), (10, 10));
        assert_eq!(bytes.key_bytes(), 10 * "key 90".len());
        bytes.add(hasher.hash_one(&key(95)[..]), &key(95), Group::new(1, 0));
        assert_eq!(bytes.len(), 10, "what is kept is found");
        bytes.clear();
        numbers.clear();
        assert_eq!((bytes.iter().count(), numbers.iter().count(), bytes.key_bytes()), (0, 0, 0));
        bytes.add(hasher.hash_one(&key(1)[..]), &key(1), Group::new(1, 0));
        assert_eq!(bytes.len(), 1);
    }
}
