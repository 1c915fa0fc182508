//! What became of the canary's records.

use std::collections::{BTreeMap, VecDeque};

use model::{Nanos, api::CanaryView};

use super::events::DoorMeters;

/// A record that a tail shows later is late.
const LATE: Nanos = 5 * 1_000_000_000;
/// A record that is not there by then is missing, until it is.
const DUE: Nanos = 30 * 1_000_000_000;
/// The limit of records that are waited for, and of numbers that are remembered after their arrival.
const REMEMBERED: usize = 1000;

/// The records of all doors.
pub(super) struct Board {
    doors: Vec<Door>,
    next: u64,
    open: BTreeMap<u64, Open>,
    /// The newest numbers that have arrived, with their door, so that a second arrival is noticed.
    arrived: VecDeque<(u64, usize)>,
}

struct Door {
    view: CanaryView,
    meters: DoorMeters,
}

/// A record that has not arrived both ways.
struct Open {
    door: usize,
    sent: Nanos,
    /// When a tail has shown it.
    tailed: Option<Nanos>,
    found: bool,
    is_missing: bool,
}

impl Board {
    pub(super) fn new(doors: impl Iterator<Item = String>) -> Self {
        let door = |name: String| Door {
            meters: DoorMeters::register(&name),
            view: CanaryView { door: name, ..CanaryView::default() },
        };
        Self { doors: doors.map(door).collect(), next: 1, open: BTreeMap::new(), arrived: VecDeque::new() }
    }

    /// A record is about to be sent through the door of this index. Returns its number.
    pub(super) fn send(&mut self, door: usize, now: Nanos) -> u64 {
        let number = self.next;
        self.next += 1;
        if self.open.len() >= REMEMBERED {
            self.open.pop_first();
        }
        self.open.insert(number, Open { door, sent: now, tailed: None, found: false, is_missing: false });
        self.doors[door].view.sent += 1;
        self.doors[door].meters.sent.increment(1);
        number
    }

    /// The door did not take the record, so it need not arrive.
    pub(super) fn failed(&mut self, number: u64, error: String) {
        let Some(Open { door, .. }) = self.open.remove(&number) else { return };
        let door = &mut self.doors[door];
        door.view.failed += 1;
        door.view.error = Some(error);
        door.meters.failed.increment(1);
    }

    /// A tail has shown the record.
    pub(super) fn tailed(&mut self, number: u64, now: Nanos) {
        match self.open.get_mut(&number) {
            Some(open) if open.tailed.is_some() => {
                let door = open.door;
                self.doubled(Some(door));
            }
            Some(open) => {
                open.tailed = Some(now);
                self.close(number);
            }
            None => {
                let again = self.arrived.iter().find(|(arrived, _)| *arrived == number).map(|(_, door)| *door);
                self.doubled(again);
            }
        }
    }

    /// A search has found these numbers, each as often as it is stored.
    pub(super) fn found(&mut self, numbers: &BTreeMap<u64, u64>) {
        for (number, count) in numbers {
            if let Some(open) = self.open.get_mut(number).filter(|open| !open.found) {
                open.found = true;
                // The tail counts the second arrival of what it has shown.
                if *count > 1 && open.tailed.is_none() {
                    let door = open.door;
                    self.doubled(Some(door));
                }
                self.close(*number);
            }
        }
    }

    /// Marks what should be there by now.
    pub(super) fn check(&mut self, now: Nanos) {
        for open in self.open.values_mut().filter(|open| !open.is_missing && now - open.sent > DUE) {
            open.is_missing = true;
            let way = if open.found { "tail" } else { "search" };
            tracing::error!(door = self.doors[open.door].view.door, way, "a record of the canary is missing");
        }
        for (index, door) in self.doors.iter_mut().enumerate() {
            door.view.missing = self.open.values().filter(|open| open.door == index && open.is_missing).count() as u64;
            door.meters.missing.set(door.view.missing as f64);
        }
    }

    /// When the oldest record was sent that has not arrived.
    pub(super) fn oldest(&self) -> Option<Nanos> {
        self.open.values().map(|open| open.sent).min()
    }

    pub(super) fn views(&self) -> Vec<CanaryView> {
        self.doors.iter().map(|door| door.view.clone()).collect()
    }

    /// Removes the record once it has arrived both ways. Its time is that of the tail: a search comes once per interval.
    fn close(&mut self, number: u64) {
        let Some(&Open { door, sent, tailed: Some(tailed), found: true, .. }) = self.open.get(&number) else { return };
        self.open.remove(&number);
        if self.arrived.len() >= REMEMBERED {
            self.arrived.pop_front();
        }
        self.arrived.push_back((number, door));
        let took = tailed - sent;
        let door = &mut self.doors[door];
        door.view.arrived += 1;
        door.view.last_ms = Some(took as f64 / 1e6);
        door.view.error = None;
        door.meters.seconds.record(took as f64 / 1e9);
        if took > LATE {
            door.view.late += 1;
            door.meters.late.increment(1);
        }
    }

    fn doubled(&mut self, door: Option<usize>) {
        if let Some(door) = door {
            self.doors[door].view.doubled += 1;
            self.doors[door].meters.doubled.increment(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Nanos = 1_000_000_000;

    fn board() -> Board {
        Board::new(["http", "tcp"].map(str::to_owned).into_iter())
    }

    fn numbers(board: &Board, door: usize) -> [u64; 6] {
        let view = &board.views()[door];
        [view.sent, view.arrived, view.failed, view.missing, view.doubled, view.late]
    }

    fn once(number: u64) -> BTreeMap<u64, u64> {
        [(number, 1)].into()
    }

    #[test]
    fn a_record_has_arrived_once_it_was_tailed_and_found() {
        let mut board = board();
        let (one, other) = (board.send(0, 0), board.send(1, 0));
        board.tailed(one, SECOND);
        assert_eq!(numbers(&board, 0), [1, 0, 0, 0, 0, 0]);
        board.found(&once(one));
        assert_eq!(numbers(&board, 0), [1, 1, 0, 0, 0, 0]);
        assert_eq!(board.views()[0].last_ms, Some(1_000.0));
        board.found(&once(other));
        board.tailed(other, 6 * SECOND);
        assert_eq!(numbers(&board, 1), [1, 1, 0, 0, 0, 1], "late");
        assert_eq!(board.oldest(), None);
    }

    #[test]
    fn a_record_is_missing_until_it_is_there() {
        let mut board = board();
        let number = board.send(0, 0);
        board.check(DUE);
        assert_eq!(numbers(&board, 0)[3], 0);
        board.check(DUE + 1);
        board.check(DUE + 2);
        assert_eq!(numbers(&board, 0)[3], 1);
        board.tailed(number, DUE + 3);
        board.found(&once(number));
        board.check(DUE + 4);
        assert_eq!(numbers(&board, 0), [1, 1, 0, 0, 0, 1]);
    }

    #[test]
    fn a_second_arrival_is_counted_whichever_way_it_is_seen() {
        let mut board = board();
        let number = board.send(0, 0);
        board.found(&[(number, 2)].into());
        board.tailed(number, 2);
        assert_eq!(numbers(&board, 0), [1, 1, 0, 0, 1, 0]);
        let number = board.send(1, 0);
        board.tailed(number, 1);
        board.found(&once(number));
        board.tailed(number, 2);
        assert_eq!(numbers(&board, 1), [1, 1, 0, 0, 1, 0]);
    }

    #[test]
    fn a_record_that_the_door_refused_need_not_arrive() {
        let mut board = board();
        let number = board.send(0, 0);
        board.failed(number, "full".to_owned());
        board.check(DUE + 1);
        assert_eq!(numbers(&board, 0), [1, 0, 1, 0, 0, 0]);
        assert_eq!(board.views()[0].error.as_deref(), Some("full"));
    }

    #[test]
    fn what_never_arrives_is_not_remembered_for_ever() {
        let mut board = board();
        for _ in 0..2 * REMEMBERED {
            board.send(0, 0);
        }
        assert_eq!(board.open.len(), REMEMBERED);
    }
}
