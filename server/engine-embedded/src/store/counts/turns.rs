//! Which count a free thread works for next.

use std::sync::Arc;

/// Every so many turns, one goes to the oldest count, however much time it has had.
const OLDEST_EVERY: u64 = 8;

/// Work that is done in turns.
pub(super) trait Work {
    /// Whether a thread can do something for it now.
    fn has_work(&self) -> bool;
}

/// The counts that run, oldest first.
///
/// A turn goes to the count that has had the least time, so a short count waits for a turn of each thread and not for the
/// end of a long one. A count that waits for others would wait forever while short ones keep coming, so some turns go to
/// the oldest. There are few counts: see the slots of [`Counts`](super::Counts).
pub(super) struct Turns<W> {
    running: Vec<Running<W>>,
    turns: u64,
}

struct Running<W> {
    work: Arc<W>,
    /// The time it has had on all threads, in nanoseconds.
    served: u64,
}

impl<W: Work> Turns<W> {
    pub(super) fn new() -> Self {
        Self { running: Vec::new(), turns: 0 }
    }

    pub(super) fn add(&mut self, work: Arc<W>) {
        self.running.push(Running { work, served: 0 });
    }

    /// Removes it, for good. Does nothing if it is removed already.
    pub(super) fn remove(&mut self, work: &Arc<W>) {
        self.running.retain(|running| !Arc::ptr_eq(&running.work, work));
    }

    /// The next one with work; `None` if there is no work.
    pub(super) fn next(&mut self) -> Option<Arc<W>> {
        let mut with_work = self.running.iter().filter(|running| running.work.has_work());
        let is_for_oldest = (self.turns + 1).is_multiple_of(OLDEST_EVERY);
        // Of equal ones the oldest.
        let next = if is_for_oldest { with_work.next() } else { with_work.min_by_key(|running| running.served) };
        let next = Arc::clone(&next?.work);
        self.turns += 1;
        Some(next)
    }

    /// Notes the time of a turn, in nanoseconds.
    pub(super) fn charge(&mut self, work: &Arc<W>, nanos: u64) {
        if let Some(running) = self.running.iter_mut().find(|running| Arc::ptr_eq(&running.work, work)) {
            running.served = running.served.saturating_add(nanos);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Work of so many units of one length each.
    struct Fake {
        units: AtomicU64,
        nanos: u64,
    }

    impl Work for Fake {
        fn has_work(&self) -> bool {
            self.units.load(Ordering::Relaxed) > 0
        }
    }

    fn fake(units: u64, nanos: u64) -> Arc<Fake> {
        Arc::new(Fake { units: AtomicU64::new(units), nanos })
    }

    /// One turn of one unit. Returns what had the turn.
    fn turn(turns: &mut Turns<Fake>) -> Option<Arc<Fake>> {
        let work = turns.next()?;
        work.units.fetch_sub(1, Ordering::Relaxed);
        turns.charge(&work, work.nanos);
        Some(work)
    }

    const MILLISECOND: u64 = 1_000_000;

    #[test]
    fn short_counts_end_within_a_few_turns_while_a_long_one_runs() {
        let mut turns = Turns::new();
        let long = fake(10_000, MILLISECOND);
        turns.add(Arc::clone(&long));
        for _ in 0..1_000 {
            turn(&mut turns).unwrap();
        }
        for _ in 0..100 {
            let short = fake(1, MILLISECOND);
            turns.add(Arc::clone(&short));
            let waited = (1..=3).find(|_| Arc::ptr_eq(&turn(&mut turns).unwrap(), &short));
            assert!(waited.is_some_and(|turns| turns <= 2), "{waited:?}");
            turns.remove(&short);
        }
    }

    #[test]
    fn a_long_count_goes_on_while_short_ones_keep_coming() {
        let mut turns = Turns::new();
        let long = fake(100, 50 * MILLISECOND);
        turns.add(Arc::clone(&long));
        turn(&mut turns).unwrap();
        let mut others = 0;
        while long.has_work() {
            let short = fake(1, MILLISECOND);
            turns.add(Arc::clone(&short));
            while short.has_work() {
                turn(&mut turns).unwrap();
                others += 1;
            }
            turns.remove(&short);
        }
        assert!(others <= 100 * OLDEST_EVERY, "{others} turns");
    }

    #[test]
    fn equal_counts_get_equal_time_whatever_the_length_of_their_units() {
        let mut turns = Turns::new();
        let counts = [fake(1_000_000, MILLISECOND), fake(1_000_000, 4 * MILLISECOND)];
        counts.iter().for_each(|count| turns.add(Arc::clone(count)));
        for _ in 0..10_000 {
            turn(&mut turns).unwrap();
        }
        let served = |count: &Fake| (1_000_000 - count.units.load(Ordering::Relaxed)) * count.nanos;
        let (one, other) = (served(&counts[0]), served(&counts[1]));
        // The oldest one has an eighth of the turns more.
        assert!(one.abs_diff(other) <= one.max(other) / 4, "{one} and {other}");
    }

    #[test]
    fn what_has_no_work_or_is_removed_gets_no_turn() {
        let mut turns = Turns::new();
        let (idle, busy) = (fake(0, 1), fake(20, 1));
        turns.add(Arc::clone(&idle));
        turns.add(Arc::clone(&busy));
        for _ in 0..10 {
            assert!(Arc::ptr_eq(&turn(&mut turns).unwrap(), &busy));
        }
        turns.remove(&busy);
        assert!(turn(&mut turns).is_none());
        turns.charge(&busy, 1);
    }
}
