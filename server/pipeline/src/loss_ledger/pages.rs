//! What this process has noted, in memory.

use std::collections::{HashMap, hash_map};

use model::{Nanos, Text};

use super::{
    Hour,
    document::{Sheet, sheet_name},
    entry::Entry,
};

/// The limit of services of an hour that are noted one by one.
const SERVICES: usize = 1000;
/// A page of an older hour is not written while it changes, until it has waited for so long: each write costs the store
/// a transaction, and records of many hours may come at once.
const WAIT: Nanos = 30 * 1_000_000_000;
/// A page has stopped changing after this time.
const QUIET: Nanos = 1_000_000_000;
/// A page that nothing was added to for so long goes from memory. Later notes of its hour begin another page.
const KEPT: Nanos = 2 * Hour::WIDTH;

/// The pages, by hour.
#[derive(Debug, Default)]
pub(super) struct Pages {
    pages: HashMap<Hour, Page>,
}

/// One hour, which becomes one sheet.
#[derive(Debug)]
struct Page {
    id: u64,
    services: HashMap<Text, Entry>,
    others: Option<Entry>,
    last: Nanos,
    /// When it first changed since it was last taken for writing; `None` if it has not.
    changed: Option<Nanos>,
    /// The `settled` of its newest written sheet.
    written: Nanos,
}

impl Pages {
    pub(super) fn change(&mut self, hour: Hour, service: &Text, now: Nanos, change: impl FnOnce(&mut Entry)) {
        let page = self.pages.entry(hour).or_insert_with(|| Page {
            id: rand::random(),
            services: HashMap::new(),
            others: None,
            last: now,
            changed: None,
            written: 0,
        });
        let is_full = page.services.len() >= SERVICES;
        let entry = match page.services.entry(service.clone()) {
            hash_map::Entry::Occupied(entry) => entry.into_mut(),
            hash_map::Entry::Vacant(_) if is_full => page.others.get_or_insert_default(),
            hash_map::Entry::Vacant(entry) => entry.insert(Entry::default()),
        };
        change(entry);
        entry.last = now;
        page.last = now;
        page.changed.get_or_insert(now);
    }

    /// The sheets of the hours for which `wanted` is true, with the name of each.
    pub(super) fn sheets(&self, settled: Nanos, wanted: impl Fn(Hour) -> bool) -> Vec<(Hour, String, Sheet)> {
        let wanted = self.pages.iter().filter(|(hour, _)| wanted(**hour));
        wanted.map(|(hour, page)| page.sheet(*hour, settled)).collect()
    }

    /// The sheets that must be written at this time: those that have changed, and those that have settled since. With
    /// `all`, also those that could wait.
    pub(super) fn take_due(&mut self, settled: Nanos, now: Nanos, all: bool) -> Vec<(Hour, String, Sheet)> {
        let mut due = Vec::new();
        for (hour, page) in &mut self.pages {
            let may_wait = |since: Nanos| hour.next() < Hour::of(now) && now - page.last < QUIET && now - since < WAIT;
            let has_changed = page.changed.is_some_and(|since| all || !may_wait(since));
            let has_settled = page.changed.is_none() && page.written <= page.last && settled > page.last;
            if has_changed || has_settled {
                page.changed = None;
                due.push(page.sheet(*hour, settled));
            }
        }
        due
    }

    /// The sheet of the hour was written, or was not.
    pub(super) fn written(&mut self, hour: Hour, settled: Option<Nanos>) {
        let Some(page) = self.pages.get_mut(&hour) else { return };
        match settled {
            Some(settled) => page.written = settled,
            None => page.changed = Some(page.last),
        }
    }

    /// Forgets the pages that are written in full and were not changed for long.
    pub(super) fn forget(&mut self, now: Nanos) {
        self.pages.retain(|_, page| page.changed.is_some() || page.written <= page.last || page.last > now - KEPT);
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.pages.len()
    }
}

impl Page {
    fn sheet(&self, hour: Hour, settled: Nanos) -> (Hour, String, Sheet) {
        let services = self.services.iter().map(|(service, entry)| (service.to_string(), entry.clone())).collect();
        (hour, sheet_name(hour, self.id), Sheet { settled, services, others: self.others.clone(), is_own: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Hour = Hour(500_000);
    const NOW: Nanos = HOUR.start();

    fn accept(pages: &mut Pages, service: &str, now: Nanos) {
        pages.change(HOUR, &service.into(), now, |entry| entry.accepted += 1);
    }

    #[test]
    fn a_page_is_written_when_it_changed_and_once_more_when_it_settled() {
        let mut pages = Pages::default();
        accept(&mut pages, "a", 10);
        let due = pages.take_due(5, NOW, false);
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].2.services["a"].accepted, 1);
        pages.written(HOUR, Some(5));
        assert_eq!(pages.take_due(10, NOW, false).len(), 0, "not settled yet");
        assert_eq!(pages.take_due(11, NOW, false)[0].2.settled, 11);
        pages.written(HOUR, None);
        assert_eq!(pages.take_due(11, NOW, false).len(), 1, "the write failed");
        pages.written(HOUR, Some(11));
        assert_eq!(pages.take_due(20, NOW, false).len(), 0);
        pages.forget(10 + KEPT);
        assert_eq!(pages.count(), 0);
    }

    #[test]
    fn a_page_of_an_older_hour_waits_while_it_changes_but_not_for_long() {
        let mut pages = Pages::default();
        let now = Hour(HOUR.0 + 5).start();
        accept(&mut pages, "a", now);
        assert_eq!(pages.take_due(0, now, false).len(), 0);
        assert_eq!(pages.take_due(0, now + QUIET, false).len(), 1, "it has stopped changing");
        accept(&mut pages, "a", now);
        assert_eq!(pages.take_due(0, now, true).len(), 1, "the process ends");
        for second in 0..=30 {
            accept(&mut pages, "a", now + second * 1_000_000_000);
        }
        assert_eq!(pages.take_due(0, now + WAIT, false).len(), 1, "it has waited");
    }

    #[test]
    fn services_are_bounded() {
        let mut pages = Pages::default();
        for number in 0..SERVICES + 5 {
            accept(&mut pages, &number.to_string(), 1);
        }
        let (.., sheet) = pages.take_due(1, NOW, false).remove(0);
        assert_eq!(sheet.services.len(), SERVICES);
        assert_eq!(sheet.others.unwrap().accepted, 5);
    }
}
