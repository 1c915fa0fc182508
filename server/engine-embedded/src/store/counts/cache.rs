//! Results of closed units of work, kept for the next count with the same question.
//!
//! A block of a row group never changes, and neither does a run of entries of a memtable that has been followed by others.
//! So what a question counts in one is true as long as the part or memtable exists. A part that a merge or a deletion
//! replaces is another part: its results are never looked up again, and are dropped with the next count.
//!
//! A unit that one count is computing is computed for the others, too: they go on with other units, and take it up again
//! when it is there.

use std::{
    any::Any,
    collections::{HashMap, HashSet},
    hash::{Hash, Hasher},
    sync::{Arc, Weak},
};

use foldhash::fast::RandomState;
use parking_lot::Mutex;

use crate::store::aggregate::{Kept, Name};

/// About the bytes of an entry besides its result and its question.
const ENTRY_BYTES: usize = 256;

/// The part or memtable of a unit, by the address of its allocation. While a result is kept, a weak reference keeps the
/// address from being used again.
#[derive(Clone)]
pub(super) struct Source {
    address: usize,
    alive: Weak<dyn Any + Send + Sync>,
}

impl Source {
    pub(super) fn new<T: Any + Send + Sync>(source: &Arc<T>) -> Self {
        let alive = Arc::downgrade(source);
        Self { address: Arc::as_ptr(source).addr(), alive }
    }
}

/// A unit of a question.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) source: Source,
    /// The place of the unit in its source.
    pub(super) place: (u32, u32),
    pub(super) question: Arc<Name>,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.source.address == other.source.address && self.place == other.place && self.question == other.question
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.source.address, self.place).hash(state);
        self.question.hash(state);
    }
}

/// Continues a count that waits for a unit.
pub(super) type Waiter = Box<dyn FnOnce() + Send>;

/// The result of looking up a unit.
pub(super) enum Found<'c> {
    Kept(Arc<Kept>),
    /// Another count computes it: [`Cache::wait`].
    Busy,
    /// The caller has to compute it. Others wait until this is dropped.
    Compute(Flight<'c>),
    /// The caller has to compute it for itself, since nothing is kept, or its result is too large to keep.
    Alone,
}

struct Entry {
    /// `None` if the result is too large.
    kept: Option<Arc<Kept>>,
    bytes: usize,
    /// The number of the look-up that used it last.
    used: u64,
}

#[derive(Default)]
struct State {
    entries: HashMap<Key, Entry, RandomState>,
    sources: HashMap<usize, Weak<dyn Any + Send + Sync>, RandomState>,
    flights: HashMap<Key, Vec<Waiter>, RandomState>,
    bytes: usize,
    lookups: u64,
}

/// Results of units, at most so many bytes.
pub(super) struct Cache {
    /// 0 if nothing is kept.
    most_bytes: usize,
    state: Mutex<State>,
}

impl Cache {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self { most_bytes, state: Mutex::default() }
    }

    /// The result, if it is kept.
    pub(super) fn get(&self, key: &Key) -> Option<Arc<Kept>> {
        self.state.lock().get(key)?.clone()
    }

    /// The result, or who has to compute it.
    pub(super) fn begin(&self, key: &Key) -> Found<'_> {
        if self.most_bytes == 0 {
            return Found::Alone;
        }
        let mut state = self.state.lock();
        match state.get(key) {
            Some(Some(kept)) => return Found::Kept(Arc::clone(kept)),
            Some(None) => return Found::Alone,
            None => {}
        }
        if state.flights.contains_key(key) {
            return Found::Busy;
        }
        state.flights.insert(key.clone(), Vec::new());
        Found::Compute(Flight { cache: self, key: key.clone() })
    }

    /// Calls `waiter` when nobody computes the unit any longer, which may be at once.
    pub(super) fn wait(&self, key: &Key, waiter: Waiter) {
        if let Some(waiters) = self.state.lock().flights.get_mut(key) {
            return waiters.push(waiter);
        }
        waiter();
    }

    /// Drops the results of parts and memtables that no longer exist.
    pub(super) fn forget_dead(&self) {
        let mut state = self.state.lock();
        let State { entries, sources, bytes, .. } = &mut *state;
        let mut dead = HashSet::new();
        sources.retain(|address, alive| alive.strong_count() > 0 || !dead.insert(*address));
        if !dead.is_empty() {
            entries.retain(|key, entry| {
                let is_dead = dead.contains(&key.source.address);
                *bytes -= if is_dead { entry.bytes } else { 0 };
                !is_dead
            });
        }
    }
}

impl State {
    fn get(&mut self, key: &Key) -> Option<&Option<Arc<Kept>>> {
        self.lookups += 1;
        let entry = self.entries.get_mut(key)?;
        entry.used = self.lookups;
        Some(&entry.kept)
    }

    fn insert(&mut self, key: Key, kept: Option<Arc<Kept>>, most_bytes: usize) {
        let result = kept.as_ref().map_or(0, |kept| kept.bytes());
        let bytes = ENTRY_BYTES + key.question.bytes() + result;
        if bytes > most_bytes / 2 {
            return;
        }
        self.sources.entry(key.source.address).or_insert_with(|| key.source.alive.clone());
        let entry = Entry { kept, bytes, used: self.lookups };
        self.bytes += bytes;
        if let Some(old) = self.entries.insert(key, entry) {
            self.bytes -= old.bytes;
        }
        if self.bytes > most_bytes {
            self.forget_older_half();
        }
    }

    /// Drops the half that was not used for longer.
    fn forget_older_half(&mut self) {
        let mut used: Vec<u64> = self.entries.values().map(|entry| entry.used).collect();
        let middle = used.len() / 2;
        let (_, bar, _) = used.select_nth_unstable(middle);
        let bar = *bar;
        self.entries.retain(|_, entry| entry.used > bar);
        self.bytes = self.entries.values().map(|entry| entry.bytes).sum();
    }
}

/// The computation of a unit. Without [`Self::finish`], as after an error, others compute it again.
pub(super) struct Flight<'c> {
    cache: &'c Cache,
    key: Key,
}

impl Flight<'_> {
    /// Keeps the result, or that it is too large.
    pub(super) fn finish(self, kept: Option<Kept>) {
        self.cache.state.lock().insert(self.key.clone(), kept.map(Arc::new), self.cache.most_bytes);
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let waiters = self.cache.state.lock().flights.remove(&self.key);
        waiters.into_iter().flatten().for_each(|waiter| waiter());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    };

    use model::{
        Query, TimeRange,
        aggregate::{Aggregation, Group, Key as GroupKey},
        query::Field,
    };

    use super::*;
    use crate::store::aggregate::{Question, Tallies, Totals};

    /// A store has one.
    static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::default);

    fn asked(text: &str) -> Question {
        let keys = vec![GroupKey::Field(Field::Service)];
        let aggregation = Aggregation::counting(Query::parse(text).unwrap(), TimeRange::ALL, keys, 10);
        Question::new(&aggregation, &HASHER)
    }

    fn question(text: &str) -> Arc<Name> {
        asked(text).name
    }

    fn kept() -> Kept {
        let question = asked("");
        let totals = Totals::new(1, &HASHER);
        Tallies::new(&question, &totals).kept().unwrap()
    }

    fn key(source: &Arc<Group>, place: u32, question: &Arc<Name>) -> Key {
        Key { source: Source::new(source), place: (0, place), question: Arc::clone(question) }
    }

    fn source() -> Arc<Group> {
        Arc::new(Group::new(0, 0))
    }

    /// Computes the unit.
    fn keep(cache: &Cache, key: &Key) {
        let Found::Compute(flight) = cache.begin(key) else { panic!("it is known") };
        flight.finish(Some(kept()));
    }

    #[test]
    fn a_result_is_found_by_an_equal_question_and_no_other() {
        let cache = Cache::new(1 << 20);
        let (part, other_part) = (source(), source());
        let asked = question("level:error");
        keep(&cache, &key(&part, 1, &asked));
        assert!(cache.get(&key(&part, 1, &question("level:error"))).is_some());
        let another = question("level:warn");
        for other in [key(&part, 2, &asked), key(&other_part, 1, &asked), key(&part, 1, &another)] {
            assert!(cache.get(&other).is_none());
        }
    }

    #[test]
    fn one_count_computes_a_unit_and_the_others_wait_for_it() {
        let cache = Cache::new(1 << 20);
        let (part, question, called) = (source(), question(""), Arc::new(AtomicUsize::new(0)));
        let key = key(&part, 0, &question);
        let count = || {
            let called = Arc::clone(&called);
            Box::new(move || {
                called.fetch_add(1, Ordering::Relaxed);
            })
        };
        let Found::Compute(flight) = cache.begin(&key) else { panic!("nobody computes it") };
        assert!(matches!(cache.begin(&key), Found::Busy));
        cache.wait(&key, count());
        cache.wait(&key, count());
        assert_eq!(called.load(Ordering::Relaxed), 0);
        // It failed.
        drop(flight);
        assert_eq!(called.load(Ordering::Relaxed), 2);
        cache.wait(&key, count());
        assert_eq!(called.load(Ordering::Relaxed), 3, "nobody computes it any longer");
        keep(&cache, &key);
        assert!(matches!(cache.begin(&key), Found::Kept(_)));
    }

    #[test]
    fn what_is_too_large_is_computed_by_each() {
        let cache = Cache::new(1 << 20);
        let (part, question) = (source(), question(""));
        let key = key(&part, 0, &question);
        let Found::Compute(flight) = cache.begin(&key) else { panic!("nobody computes it") };
        flight.finish(None);
        assert!(matches!(cache.begin(&key), Found::Alone) && cache.get(&key).is_none());
        assert!(matches!(Cache::new(0).begin(&key), Found::Alone));
    }

    #[test]
    fn results_go_with_their_part() {
        let cache = Cache::new(1 << 20);
        let (part, question) = (source(), question(""));
        let other = source();
        keep(&cache, &key(&part, 0, &question));
        keep(&cache, &key(&other, 0, &question));
        drop(part);
        cache.forget_dead();
        let state = cache.state.lock();
        assert_eq!((state.entries.len(), state.sources.len()), (1, 1));
        assert_eq!(state.bytes, state.entries.values().map(|entry| entry.bytes).sum::<usize>());
    }

    #[test]
    fn the_bound_holds_and_what_is_used_stays() {
        let (part, question) = (source(), question(""));
        let cache = Cache::new(64 << 10);
        let first = key(&part, 0, &question);
        keep(&cache, &first);
        for place in 1..2_000 {
            keep(&cache, &key(&part, place, &question));
            assert!(cache.get(&first).is_some(), "{place}");
            let state = cache.state.lock();
            assert!(state.bytes <= 64 << 10);
            assert_eq!(state.bytes, state.entries.values().map(|entry| entry.bytes).sum::<usize>());
        }
        assert!(cache.get(&key(&part, 1, &question)).is_none());
    }
}
