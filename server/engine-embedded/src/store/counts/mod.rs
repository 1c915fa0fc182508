//! Counts take turns on threads of their own.
//!
//! ```text
//! aggregate ── a slot ──→ job: units ─ divided ─→ pieces ─ counted ─→ totals ──→ tables
//!                           ↑ a turn at a time            ↕
//!                        threads, one a core           results that are kept
//! ```
//!
//! A count of all records takes seconds, one of an hour milliseconds. If each ran to its end, the short one would wait for
//! the long one. So a thread works for one count for some milliseconds and then for the one that has had the least time
//! ([`turns`]). Counts with the same question share the results of row groups that do not change ([`cache`]).

mod cache;
mod job;
mod turns;
mod units;

use std::{sync::Arc, thread, time::Instant};

use foldhash::fast::RandomState;
use model::{
    aggregate::{Aggregation, Grouping, Key, Table},
    query::Field,
};
use parking_lot::{Condvar, Mutex};
use pipeline::{Error, Result};
use tokio::sync::{Semaphore, oneshot};

use self::{cache::Cache, job::Job, turns::Turns, units::Asked};
use super::{
    aggregate::{Question, Totals},
    scans::{Cancel, lower_priority},
    search::Window,
    snapshot::Snapshot,
};

/// The priority of the threads, lower than that of searches.
const NICE: i32 = 10;
/// Small counts per large one: see [`is_small`].
const SMALL_PER_LARGE: usize = 8;

/// Runs counts.
pub(crate) struct Counts {
    shared: Arc<Shared>,
    cache: Arc<Cache>,
    /// Seeds all hashes, so that results can be shared.
    hasher: RandomState,
    /// Slots of counts with few groups, whatever the records.
    small: Arc<Semaphore>,
    /// Slots of the others, of which each may take the memory of [`Totals`].
    large: Arc<Semaphore>,
}

struct Shared {
    state: Mutex<State>,
    /// Notified when there may be work.
    wake: Condvar,
}

struct State {
    turns: Turns<Job>,
    is_closing: bool,
}

impl Counts {
    /// `slots` is the limit of concurrent counts with any number of groups. Results are kept in `cache_bytes`.
    ///
    /// # Errors
    /// `Unavailable` if the threads cannot be started.
    pub(crate) fn new(slots: usize, cache_bytes: usize) -> Result<Self> {
        let state = State { turns: Turns::new(), is_closing: false };
        let counts = Self {
            shared: Arc::new(Shared { state: Mutex::new(state), wake: Condvar::new() }),
            cache: Arc::new(Cache::new(cache_bytes)),
            hasher: RandomState::default(),
            small: Arc::new(Semaphore::new(SMALL_PER_LARGE * slots.max(1))),
            large: Arc::new(Semaphore::new(slots.max(1))),
        };
        let threads = thread::available_parallelism().map_or(1, usize::from);
        for number in 0..threads {
            let shared = Arc::clone(&counts.shared);
            thread::Builder::new()
                .name(format!("count-{number}"))
                .spawn(move || {
                    lower_priority(NICE);
                    shared.work();
                })
                .map_err(|error| Error::unavailable(format!("cannot start threads for counts: {error}")))?;
        }
        Ok(counts)
    }

    /// Evaluates a checked aggregation. Dropping the future stops the work for it.
    ///
    /// # Errors
    /// Those of the parts. `Unavailable` if the store is closed meanwhile.
    pub(crate) async fn aggregate(&self, snapshot: Arc<Snapshot>, aggregation: &Aggregation) -> Result<Vec<Table>> {
        let closed = || Error::unavailable("the store is closed");
        let slots = if aggregation.groupings.iter().all(is_small) { &self.small } else { &self.large };
        let slot = Arc::clone(slots).acquire_owned().await.map_err(|_| closed())?;
        self.cache.forget_dead();
        let asked = Asked {
            question: Question::new(aggregation, &self.hasher),
            window: Window::of_time(aggregation.range),
            cancel: Cancel::default(),
            totals: Totals::new(aggregation.groupings.len(), &self.hasher),
            cache: Arc::clone(&self.cache),
        };
        let (done, tables) = oneshot::channel();
        let job = Arc::new(Job::new(asked, snapshot, done, slot));
        let _ticket = Ticket::new(&self.shared, job);
        tables.await.map_err(|_| closed())?
    }
}

impl Drop for Counts {
    fn drop(&mut self) {
        self.shared.state.lock().is_closing = true;
        self.shared.wake.notify_all();
    }
}

/// Whether the number of groups is small for all records: none, levels, buckets of time and services.
fn is_small(grouping: &Grouping) -> bool {
    grouping.keys.iter().all(|key| matches!(key, Key::Time { .. } | Key::Field(Field::Level | Field::Service)))
}

impl Shared {
    /// The loop of a thread.
    fn work(&self) {
        let mut state = self.state.lock();
        while !state.is_closing {
            let Some(job) = state.turns.next() else {
                self.wake.wait(&mut state);
                continue;
            };
            drop(state);
            // There may be work for another thread, which wakes the next.
            self.wake.notify_one();
            let started = Instant::now();
            job.turn();
            let nanos = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.state.lock().turns.charge(&job, nanos);
            // Frees the groups of a job that is over, so not while others wait for the lock.
            drop(job);
            state = self.state.lock();
        }
    }
}

/// A job among those that get turns. Dropping it ends the job.
struct Ticket<'s> {
    shared: &'s Shared,
    job: Arc<Job>,
}

impl<'s> Ticket<'s> {
    fn new(shared: &'s Shared, job: Arc<Job>) -> Self {
        shared.state.lock().turns.add(Arc::clone(&job));
        shared.wake.notify_one();
        Self { shared, job }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.job.cancel();
        self.shared.state.lock().turns.remove(&self.job);
    }
}

#[cfg(test)]
mod tests {
    use model::{
        Position, Query, TimeRange,
        aggregate::{self, GROUPS},
    };
    use pipeline::{Batch, Block};
    use testkit::records;

    use super::{
        cache::{Found, Source},
        turns::Work as _,
        *,
    };
    use crate::store::memtable::{Memtable, View};

    /// Records in memory, in more entries than a piece has.
    struct Memory {
        table: Arc<Memtable>,
        batches: Vec<Arc<Batch>>,
        position: i64,
    }

    impl Memory {
        fn new() -> Self {
            Self { table: Arc::default(), batches: Vec::new(), position: 1 }
        }

        /// Adds batches of one corpus.
        fn grow(&mut self, seed: u64, count: usize) {
            for batch in records::corpus(seed, count) {
                let batch = Arc::new(batch);
                self.table.push(Block { first: Position(self.position), batch: Arc::clone(&batch) });
                self.position += batch.records.len() as i64;
                self.batches.push(batch);
            }
        }

        fn snapshot(&self) -> Arc<Snapshot> {
            let records = self.batches.iter().map(|batch| batch.records.len() as u64).sum();
            let view = View::empty(Arc::clone(&self.table)).grown(self.batches.len(), records);
            let newest = Position(self.position - 1);
            Arc::new(Snapshot { tables: vec![view], parts: Arc::default(), newest })
        }

        fn expected(&self, aggregation: &Aggregation) -> Vec<Table> {
            let records = self.batches.iter().flat_map(|batch| &batch.records);
            aggregate::evaluate(aggregation, records).unwrap()
        }
    }

    fn by(fields: &[&str], query: &str, range: TimeRange) -> Aggregation {
        let key = |name: &&str| Key::Field(Field::parse_name(name).unwrap());
        let keys = fields.iter().map(key).collect();
        Aggregation::counting(Query::parse(query).unwrap(), range, keys, GROUPS)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn counts_at_once_and_again_are_those_of_the_reference() {
        for cache_bytes in [0, 4 << 10, 32 << 20] {
            let counts = Counts::new(2, cache_bytes).unwrap();
            let mut memory = Memory::new();
            for round in 0..4 {
                memory.grow(round, 40);
                let middle = memory.batches[memory.batches.len() / 2].observed_time;
                let aggregations = [
                    by(&[], "", TimeRange::ALL),
                    by(&["service", "level"], "level>=warn", TimeRange::ALL),
                    by(&["service", "level"], "level>=warn", TimeRange { from: middle, to: middle + 1_000_000_000 }),
                    by(&["http.status"], "", TimeRange::ALL),
                ];
                let calls = aggregations.iter().cycle().take(24).map(|aggregation| {
                    let (counts, snapshot) = (&counts, memory.snapshot());
                    async move { (counts.aggregate(snapshot, aggregation).await.unwrap(), aggregation) }
                });
                for (found, aggregation) in futures::future::join_all(calls).await {
                    assert_eq!(found, memory.expected(aggregation), "{aggregation:?}");
                }
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_dropped_count_frees_its_slot() {
        let counts = Counts::new(1, 1 << 20).unwrap();
        let mut memory = Memory::new();
        memory.grow(3, 200);
        let aggregation = by(&["user_id"], "message:/[a-z]+ [0-9]+/", TimeRange::ALL);
        for _ in 0..50 {
            // Polled once.
            tokio::select! {
                biased;
                _ = counts.aggregate(memory.snapshot(), &aggregation) => {}
                () = std::future::ready(()) => {}
            }
        }
        assert_eq!(counts.aggregate(memory.snapshot(), &aggregation).await.unwrap(), memory.expected(&aggregation));
        assert!(counts.shared.state.lock().turns.next().is_none(), "nothing is left");
    }

    /// Turns of one thread, until the job waits or is over.
    fn run(job: &Arc<Job>) {
        while job.has_work() {
            job.turn();
        }
    }

    #[tokio::test]
    async fn a_count_goes_on_when_the_one_that_computes_for_it_fails() {
        let (mut memory, kept) = (Memory::new(), Arc::new(Cache::new(1 << 20)));
        // The first entries are a closed run.
        memory.grow(5, 40);
        let (aggregation, hasher) = (by(&["service"], "level>=warn", TimeRange::ALL), RandomState::default());
        let slots = Arc::new(Semaphore::new(2));
        let count = || {
            let asked = Asked {
                question: Question::new(&aggregation, &hasher),
                window: Window::of_time(TimeRange::ALL),
                cancel: Cancel::default(),
                totals: Totals::new(1, &hasher),
                cache: Arc::clone(&kept),
            };
            let (done, tables) = oneshot::channel();
            let slot = Arc::clone(&slots).try_acquire_owned().unwrap();
            (Arc::new(Job::new(asked, memory.snapshot(), done, slot)), tables)
        };
        let question = Question::new(&aggregation, &hasher).name;
        let unit = cache::Key { source: Source::new(&memory.table), place: (0, 0), question };
        let Found::Compute(flight) = kept.begin(&unit) else { panic!("nobody computes it") };
        let ((job, mut tables), (dropped, mut none)) = (count(), count());
        run(&job);
        run(&dropped);
        assert!(tables.try_recv().is_err(), "it waits");
        dropped.cancel();
        drop(dropped);
        drop(flight);
        assert_eq!(slots.available_permits(), 1, "nothing holds a job that is over");
        assert!(none.try_recv().unwrap().is_err());
        run(&job);
        assert_eq!(tables.try_recv().unwrap().unwrap(), memory.expected(&aggregation));
        assert!(matches!(kept.begin(&unit), Found::Kept(_)));
        // Another count takes what this one kept.
        let (again, mut tables) = count();
        run(&again);
        assert_eq!(tables.try_recv().unwrap().unwrap(), memory.expected(&aggregation));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn nothing_is_counted_in_an_empty_store() {
        let counts = Counts::new(1, 1 << 20).unwrap();
        let memory = Memory::new();
        let aggregation = by(&[], "", TimeRange::ALL);
        let tables = counts.aggregate(memory.snapshot(), &aggregation).await.unwrap();
        assert_eq!(tables, memory.expected(&aggregation));
    }
}
