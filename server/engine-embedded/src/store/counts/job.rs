//! One count, done in turns by several threads.

use std::{
    collections::VecDeque,
    mem,
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    time::{Duration, Instant},
};

use model::aggregate::Table;
use parking_lot::Mutex;
use pipeline::{Error, Result};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{
    turns::Work,
    units::{Asked, More, Piece, Unit},
};
use crate::store::snapshot::Snapshot;

/// The time after which a turn takes no further unit or piece.
const TURN: Duration = Duration::from_millis(2);

/// The pieces that are prepared before one is read, so that the pages of the next one are on their way.
const PREPARED: usize = 2;

/// The row groups that are ready to be divided before another part is opened: enough that its indexes are on their way
/// meanwhile, and few enough that the footers of all parts are not in memory at once.
const OPENED: usize = 16;

/// A count.
pub(super) struct Job {
    asked: Asked,
    state: Mutex<State>,
    /// Taken by the first result.
    done: Mutex<Option<oneshot::Sender<Result<Vec<Table>>>>>,
    /// Released when no thread works for it any longer.
    _slot: OwnedSemaphorePermit,
}

#[derive(Default)]
struct State {
    /// A snapshot and parts.
    units: VecDeque<Unit>,
    groups: VecDeque<Unit>,
    pieces: VecDeque<Piece>,
    /// Units and pieces that are not done, also those in work, and those that another count computes.
    left: usize,
    is_over: bool,
}

enum Next {
    Unit(Unit),
    Piece(Piece),
}

impl State {
    fn next(&mut self) -> Option<Next> {
        if self.pieces.len() < PREPARED {
            let unit = if self.groups.len() < OPENED { self.units.pop_front() } else { None };
            if let Some(unit) = unit.or_else(|| self.groups.pop_front()) {
                return Some(Next::Unit(unit));
            }
        }
        self.pieces.pop_front().map(Next::Piece)
    }

    /// Replaces what is done by what it was divided into. Returns whether nothing is left.
    fn settle(&mut self, more: More) -> bool {
        self.left += more.units.len() + more.pieces.len();
        self.left -= 1;
        if !self.is_over {
            for unit in more.units {
                let units = if matches!(unit, Unit::Group { .. }) { &mut self.groups } else { &mut self.units };
                units.push_back(unit);
            }
            self.pieces.extend(more.pieces);
        }
        self.left == 0
    }
}

impl Work for Job {
    fn has_work(&self) -> bool {
        let state = self.state.lock();
        !(state.units.is_empty() && state.groups.is_empty() && state.pieces.is_empty())
    }
}

impl Job {
    /// `done` gets the result, unless the job is cancelled.
    pub(super) fn new(
        asked: Asked,
        snapshot: Arc<Snapshot>,
        done: oneshot::Sender<Result<Vec<Table>>>,
        slot: OwnedSemaphorePermit,
    ) -> Self {
        let state = State { units: [Unit::Snapshot(snapshot)].into(), left: 1, ..State::default() };
        Self { asked, state: Mutex::new(state), done: Mutex::new(Some(done)), _slot: slot }
    }

    /// Does some of the work. An error and a panic end this job and no other.
    pub(super) fn turn(self: &Arc<Self>) {
        if let Err(error) = guarded(|| self.work()) {
            self.end(Err(error));
        }
    }

    fn work(self: &Arc<Self>) -> Result<()> {
        let deadline = Instant::now() + TURN;
        loop {
            let Some(next) = self.state.lock().next() else { return Ok(()) };
            self.asked.cancel.check()?;
            let more = match next {
                Next::Unit(unit) => self.asked.divide(unit)?,
                Next::Piece(piece) => match self.asked.count(piece)? {
                    None => More::default(),
                    Some(piece) => {
                        self.wait_for(piece);
                        continue;
                    }
                },
            };
            // Other threads are woken for them between two turns.
            let has_units = !more.units.is_empty();
            if self.state.lock().settle(more) {
                self.end(Ok(self.asked.totals.tables(&self.asked.question.groupings)));
                return Ok(());
            }
            if has_units || Instant::now() >= deadline {
                return Ok(());
            }
        }
    }

    /// Takes up the piece again when its result is there.
    fn wait_for(self: &Arc<Self>, piece: Piece) {
        let Some(key) = piece.key.clone() else { return };
        let job = Arc::clone(self);
        let again = move || {
            let mut state = job.state.lock();
            if !state.is_over {
                state.pieces.push_front(piece);
            }
        };
        self.asked.cache.wait(&key, Box::new(again));
    }

    /// Ends it without a result.
    pub(super) fn cancel(&self) {
        self.asked.cancel.cancel();
        self.end(Err(Error::unavailable("the call was dropped")));
    }

    fn end(&self, result: Result<Vec<Table>>) {
        let mut state = self.state.lock();
        state.is_over = true;
        let State { units, groups, pieces, .. } = &mut *state;
        let rest = (mem::take(units), mem::take(groups), mem::take(pieces));
        drop(state);
        drop(rest);
        if let Some(done) = self.done.lock().take() {
            // The caller may be gone.
            let _ = done.send(result);
        }
    }
}

/// Turns a panic into an error.
fn guarded(work: impl FnOnce() -> Result<()>) -> Result<()> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Error::internal("a count panicked")))
}

#[cfg(test)]
mod tests {
    use pipeline::ErrorClass;

    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        assert!(guarded(|| Ok(())).is_ok());
        assert_eq!(guarded(|| panic!("a bug")).unwrap_err().class, ErrorClass::Internal);
        assert_eq!(guarded(|| Err(Error::corrupt("damaged"))).unwrap_err().class, ErrorClass::Corrupt);
    }
}
