//! Bounds the parts that wait for their merge.
//!
//! A merge takes a third of a record's CPU time, on one thread among many. Clients that send as fast as they are
//! answered would leave it ever further behind, and each unmerged record takes three times its space and has no indexes.
//! So a store that is far behind delays acknowledgements, the more the further, until records arrive as fast as they are
//! merged.

use std::time::Duration;

use super::{Inner, snapshot::Snapshot};

/// The bytes that may wait before anything is delayed: a minute or two of load. A wave of records should not wait for
/// merges that can be done after it.
const FREE_BYTES: u64 = 4 << 30;
/// Likewise the parts. Each has a file that counts and many searches read.
const FREE_PARTS: u64 = 1_024;
/// The delay once twice as much waits.
const STEP: Duration = Duration::from_millis(100);
/// The longest delay, below the time that clients wait for an answer.
const LONGEST: Duration = Duration::from_secs(5);

/// The unmerged parts of full memtables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Backlog {
    parts: u64,
    bytes: u64,
}

impl Backlog {
    fn of(snapshot: &Snapshot) -> Self {
        let waiting = snapshot.parts.iter().filter(|part| part.is_known_to_pass());
        waiting.fold(Self { parts: 0, bytes: 0 }, |sum, part| Self {
            parts: sum.parts + 1,
            bytes: sum.bytes + part.info.bytes,
        })
    }

    /// The wait before each append to the journal.
    fn delay(self) -> Duration {
        let fullness = (self.bytes as f64 / FREE_BYTES as f64).max(self.parts as f64 / FREE_PARTS as f64);
        STEP.mul_f64((fullness - 1.0).clamp(0.0, 1e6)).min(LONGEST)
    }
}

impl Inner {
    /// Sets the delay of appends. To be called when parts were added or replaced.
    pub(super) fn pace(&self) {
        let backlog = Backlog::of(&self.snapshots.load());
        let delay = backlog.delay();
        let wal = self.journal.wal();
        metrics::gauge!("logboom_store_unmerged_bytes").set(backlog.bytes as f64);
        metrics::gauge!("logboom_store_append_delay_seconds").set(delay.as_secs_f64());
        if wal.delay().is_zero() != delay.is_zero() {
            let Backlog { parts, bytes } = backlog;
            if delay.is_zero() {
                tracing::info!(parts, bytes, "the store has caught up with merging; appends are not delayed any more");
            } else {
                tracing::info!(parts, bytes, "records arrive faster than the store merges them; appends are delayed");
            }
        }
        wal.delay_appends(delay);
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use model::Position;
    use parts::{PartInfo, reader::Part, writer::Effort};

    use super::*;

    #[test]
    fn only_parts_of_full_memtables_wait() {
        let part = |bytes, effort| {
            let info = PartInfo { bytes, ..PartInfo::default() };
            Arc::new(Part::new(info, Path::new(""), Arc::default()).written_with(effort))
        };
        let parts = [(1, Effort::Passing), (20, Effort::Quick), (300, Effort::Passing), (4_000, Effort::Lasting)];
        let parts = Arc::new(parts.map(|(bytes, effort)| part(bytes, effort)).to_vec());
        let backlog = Backlog::of(&Snapshot { tables: Vec::new(), parts, newest: Position(0) });
        assert_eq!(backlog, Backlog { parts: 2, bytes: 301 });
    }

    #[test]
    fn the_delay_grows_with_what_waits_and_has_bounds() {
        let delay = |parts, bytes| Backlog { parts, bytes }.delay();
        assert_eq!(delay(0, 0), Duration::ZERO);
        assert_eq!(delay(FREE_PARTS, FREE_BYTES), Duration::ZERO);
        assert_eq!(delay(1, FREE_BYTES + FREE_BYTES / 2), STEP / 2);
        assert_eq!(delay(2 * FREE_PARTS, 0), STEP);
        assert!(delay(1, FREE_BYTES + (8 << 20)) < Duration::from_millis(1), "the first part is hardly felt");
        assert_eq!(delay(u64::MAX, 0), LONGEST);
        assert_eq!(delay(0, u64::MAX), LONGEST);
    }
}
