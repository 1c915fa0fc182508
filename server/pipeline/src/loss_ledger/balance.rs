//! Compares what was received with what is stored.

use std::{collections::BTreeMap, time::Duration};

use model::Nanos;

use super::{Hour, Line, State, deleted::Taken, document::Sheet, entry::Entry, line::ALL};

/// A difference that has not settled, and that another process has noted, is in flight for so long after the row's last
/// change. Later it is uncertain: that process was killed.
const IN_FLIGHT: Nanos = 600 * 1_000_000_000;
/// Retention may delete an hour this long before its age is reached.
const MARGIN: Nanos = Hour::WIDTH;

/// What the store is meant to keep.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// The retention; `None`: for ever.
    pub age: Option<Duration>,
    /// The retention of single services, where it is shorter.
    pub services: Vec<(String, Duration)>,
    /// Whether the oldest records are deleted for their space.
    pub bytes: bool,
}

impl Kept {
    /// Whether retention leaves records of the hour and the service alone.
    pub(super) fn keeps(&self, hour: Hour, service: &str, now: Nanos) -> bool {
        let services = self.services.iter().filter(|(name, _)| name == service || service == ALL);
        let ages = self.age.iter().chain(services.map(|(_, age)| age));
        ages.map(|age| Nanos::try_from(age.as_nanos()).unwrap_or(Nanos::MAX))
            .all(|age| hour.start().saturating_sub(MARGIN) >= now.saturating_sub(age))
    }
}

/// What was counted of an hour, by service.
#[derive(Debug, Clone, Default)]
pub(super) struct Counted {
    /// The records that the store has.
    pub(super) stored: BTreeMap<String, u64>,
    /// The largest number ever counted, with what was deleted by then.
    pub(super) most: BTreeMap<String, u64>,
    pub(super) taken: Taken,
}

/// Compares an hour, by service. `is_kept` tells whether retention leaves the records of a service in this hour alone.
pub(super) fn compare(
    hour: Hour,
    sheets: &[Sheet],
    counted: Counted,
    is_kept: impl Fn(&str) -> bool,
    now: Nanos,
) -> Vec<Line> {
    let Counted { stored, most, taken } = counted;
    let is_whole = sheets.iter().any(|sheet| sheet.others.is_some())
        || taken.removed.contains_key(ALL)
        || taken.open.contains_key(ALL);
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for sheet in sheets {
        for (service, entry) in &sheet.services {
            rows.entry(service.clone()).or_default().add(entry, sheet);
        }
        if let Some(others) = &sheet.others {
            rows.entry(ALL.to_owned()).or_default().add(others, sheet);
        }
    }
    for (service, count) in stored {
        rows.entry(service).or_default().stored += count;
    }
    for (service, count) in most {
        rows.entry(service).or_default().most += count;
    }
    for (service, count) in taken.removed {
        rows.entry(service).or_default().removed += count;
    }
    for (service, count) in taken.open {
        rows.entry(service).or_default().open += count;
    }
    if is_whole {
        rows = BTreeMap::from([(ALL.to_owned(), rows.into_values().fold(Row::default(), Row::joined))]);
    }
    rows.into_iter()
        .map(|(service, row)| {
            let is_kept = is_kept(&service);
            row.line(hour, service, is_kept, now)
        })
        .collect()
}

#[derive(Debug, Default)]
struct Row {
    noted: Entry,
    /// Whether a sheet had not settled when it was written.
    unsettled: bool,
    /// Whether a sheet of this process has not settled.
    waits_here: bool,
    stored: u64,
    most: u64,
    /// Deleted by users.
    removed: u64,
    /// Of these, any number may be deleted.
    open: u64,
}

impl Row {
    fn add(&mut self, entry: &Entry, sheet: &Sheet) {
        let is_open = entry.last >= sheet.settled;
        self.noted.add(entry);
        self.unsettled |= is_open;
        self.waits_here |= is_open && sheet.is_own;
    }

    fn joined(mut self, other: Self) -> Self {
        self.noted.add(&other.noted);
        self.unsettled |= other.unsettled;
        self.waits_here |= other.waits_here;
        self.stored += other.stored;
        self.most += other.most;
        self.removed += other.removed;
        self.open += other.open;
        self
    }

    fn line(self, hour: Hour, service: String, is_kept: bool, now: Nanos) -> Line {
        let Self { noted, unsettled, waits_here, stored, most, removed, open } = self;
        // Records that the store must have, or have had, as far as was noted.
        let due = noted.accepted.saturating_sub(noted.deduplicated + noted.dead);
        let state = match () {
            () if !is_kept => State::Expired,
            () if !unsettled => State::Settled,
            () if waits_here || noted.last > now.saturating_sub(IN_FLIGHT) => State::InFlight,
            () => State::Uncertain,
        };
        let expected = match state {
            State::Settled => due.max(most),
            State::InFlight | State::Uncertain => most,
            State::Expired => 0,
        };
        let deleted = removed + expected.saturating_sub(stored + removed).min(open);
        let was_stored = stored + deleted;
        let missing = expected.saturating_sub(was_stored);
        let in_flight = if state == State::InFlight { due.saturating_sub(was_stored + missing) } else { 0 };
        Line {
            hour,
            service,
            received: noted.accepted + noted.rejected.values().sum::<u64>(),
            stored,
            deduplicated: noted.deduplicated,
            rejected: noted.rejected,
            dead: noted.dead,
            deleted,
            in_flight,
            missing,
            surplus: (was_stored + missing).saturating_sub(due),
            state,
            most: most.max(was_stored),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Hour = Hour(500_000);
    const NOW: Nanos = HOUR.start() + 60 * 1_000_000_000;

    fn entry(accepted: u64, last: Nanos) -> Entry {
        Entry { accepted, last, ..Entry::default() }
    }

    fn sheet(service: &str, entry: Entry, settled: Nanos) -> Sheet {
        Sheet { settled, services: [(service.to_owned(), entry)].into(), ..Sheet::default() }
    }

    fn numbers(service: &str, count: u64) -> BTreeMap<String, u64> {
        [(service.to_owned(), count)].into()
    }

    fn only(sheets: &[Sheet], stored: u64, most: u64, kept: &Kept, now: Nanos) -> Line {
        let counted = Counted { stored: numbers("a", stored), most: numbers("a", most), ..Counted::default() };
        of(sheets, counted, kept, now)
    }

    fn of(sheets: &[Sheet], counted: Counted, kept: &Kept, now: Nanos) -> Line {
        let is_kept = |service: &str| kept.keeps(HOUR, service, now);
        let lines = compare(HOUR, sheets, counted, is_kept, now);
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.into_iter().next().unwrap()
    }

    #[test]
    fn what_was_received_and_is_not_stored_is_missing_once_it_has_settled() {
        let entry = Entry { deduplicated: 2, dead: 3, rejected: numbers("message", 4), ..entry(20, NOW - 10) };
        let settled = [sheet("a", entry.clone(), NOW - 9)];
        let line = only(&settled, 15, 0, &Kept::default(), NOW);
        assert_eq!((line.received, line.missing, line.surplus, line.state), (24, 0, 0, State::Settled));
        let line = only(&settled, 13, 0, &Kept::default(), NOW);
        assert_eq!((line.missing, line.in_flight), (2, 0));
        let line = only(&settled, 16, 0, &Kept::default(), NOW);
        assert_eq!((line.missing, line.surplus), (0, 1));

        let unsettled = [sheet("a", entry.clone(), NOW - 10)];
        let line = only(&unsettled, 13, 0, &Kept::default(), NOW);
        assert_eq!((line.missing, line.in_flight, line.state), (0, 2, State::InFlight));
        let line = only(&unsettled, 13, 0, &Kept::default(), NOW + IN_FLIGHT);
        assert_eq!((line.missing, line.in_flight, line.state), (0, 0, State::Uncertain));
        let own = [Sheet { is_own: true, ..unsettled[0].clone() }];
        let line = only(&own, 13, 0, &Kept::default(), NOW + IN_FLIGHT);
        assert_eq!((line.in_flight, line.state), (2, State::InFlight), "the queue of this process is not empty");
    }

    #[test]
    fn what_was_counted_before_is_missed_whatever_was_received() {
        for last in [NOW - 10, NOW - 2 * IN_FLIGHT] {
            let line = only(&[sheet("a", entry(5, last), 0)], 99, 100, &Kept::default(), NOW);
            assert_eq!(line.missing, 1, "{line:?}");
        }
        assert_eq!(only(&[], 7, 9, &Kept::default(), NOW).missing, 2);
    }

    #[test]
    fn the_sheets_of_several_processes_are_added_up_and_one_that_has_not_settled_is_waited_for() {
        let both = [sheet("a", entry(10, NOW - 10), NOW), sheet("a", entry(5, NOW - 20), NOW - 15)];
        assert_eq!(only(&both, 14, 0, &Kept::default(), NOW).missing, 1);
        let one_open = [both[0].clone(), sheet("a", entry(5, NOW - 20), NOW - 20)];
        let line = only(&one_open, 14, 0, &Kept::default(), NOW);
        assert_eq!((line.missing, line.in_flight), (0, 1));
    }

    #[test]
    fn nothing_is_missed_that_retention_may_delete() {
        let settled = [sheet("a", entry(10, NOW - 10), NOW)];
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        for (kept, missing) in [
            (Kept { age: Some(hours(1)), ..Kept::default() }, 0),
            (Kept { age: Some(hours(3)), ..Kept::default() }, 10),
            (Kept { services: vec![("a".to_owned(), hours(1))], ..Kept::default() }, 0),
            (Kept { services: vec![("b".to_owned(), hours(1))], ..Kept::default() }, 10),
        ] {
            assert_eq!(only(&settled, 0, 10, &kept, NOW).missing, missing, "{kept:?}");
        }
    }

    #[test]
    fn what_users_have_deleted_is_neither_missing_nor_found_again() {
        let settled = [sheet("a", entry(20, NOW - 10), NOW - 9)];
        let counted = |stored, removed, open| Counted {
            stored: numbers("a", stored),
            most: numbers("a", 20),
            taken: Taken { removed: numbers("a", removed), open: numbers("a", open) },
        };
        for (stored, removed, open, deleted, missing) in [
            (15, 5, 0, 5, 0),
            (14, 5, 0, 5, 1),
            // One that runs may have removed any part of what it has counted.
            (20, 0, 5, 0, 0),
            (17, 0, 5, 3, 0),
            (13, 0, 5, 5, 2),
            (12, 5, 4, 8, 0),
        ] {
            let line = of(&settled, counted(stored, removed, open), &Kept::default(), NOW);
            let found = (line.deleted, line.missing, line.surplus, line.most);
            assert_eq!(found, (deleted, missing, 0, 20), "{stored} {removed} {open}");
        }
        // More came after the deletion.
        let more = [sheet("a", entry(23, NOW - 10), NOW - 9)];
        let line = of(&more, counted(18, 5, 0), &Kept::default(), NOW);
        assert_eq!((line.missing, line.surplus, line.most), (0, 0, 23));
        let line = of(&settled, counted(0, 20, 0), &Kept { age: Some(Duration::from_secs(1)), ..Kept::default() }, NOW);
        assert_eq!((line.state, line.deleted, line.missing), (State::Expired, 20, 0));
    }

    #[test]
    fn an_hour_with_too_many_services_is_compared_as_a_whole() {
        let mut full = sheet("a", entry(10, NOW - 10), NOW);
        full.others = Some(entry(5, NOW - 10));
        let other = sheet("b", entry(1, NOW - 10), NOW);
        let stored = BTreeMap::from([("a".to_owned(), 10), ("b".to_owned(), 2), ("c".to_owned(), 3)]);
        let lines = compare(HOUR, &[full, other], Counted { stored, ..Counted::default() }, |_| true, NOW);
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].service.as_str(), lines[0].received, lines[0].missing), (ALL, 16, 1));
    }
}
