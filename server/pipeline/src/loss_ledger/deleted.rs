//! What deletions have taken, in the ledger.
//!
//! A deletion notes what it will take before it takes anything, and at its end what it has left. In between, any part of
//! it may be gone: a difference up to what was noted is then no loss.

use std::collections::BTreeMap;

use model::Nanos;
use serde::{Deserialize, Serialize};

use super::{Hour, line::ALL};
use crate::{Document, Documents, Expected, Json, Kind, Lease, Result, Tally, documents::unchecked};

/// What deletions took: one document for each day and deletion, under `2026-11-19 3f9a…`. They belong to the store, so
/// they are neither exported nor imported.
///
/// With one document for each hour, some deletions of the whole ledger a day would fill any limit.
pub const DELETED: Kind = Kind {
    name: "loss-ledger-deleted",
    format: 1,
    plural: "days of deletions in the loss ledger",
    most_bytes: 1 << 20,
    most_documents: 50_000,
    check: unchecked,
};

/// The limit of services of an hour that are noted one by one. The others are noted together.
const SERVICES: usize = 1000;
/// The limit of bytes of a day's services that are noted one by one. They are written twice: as counted and as left.
const SERVICE_BYTES: usize = 480 << 10;
/// The bytes of a number in a document, with the signs around it and its name.
const NUMBER_BYTES: usize = 22;
const HOURS: i64 = 24;

/// What one deletion took from one day, by the name of the hour.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct OfDay {
    hours: BTreeMap<String, Deleted>,
}

/// What one deletion took from one hour.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Deleted {
    /// Matching records before the first was removed, by service.
    pub(super) counted: BTreeMap<String, u64>,
    /// Those that the deletion has left; `None` until it has ended.
    #[serde(default)]
    pub(super) left: Option<BTreeMap<String, u64>>,
    /// When this was written.
    pub(super) noted: Nanos,
}

/// What all deletions took from one hour, by service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Taken {
    /// Removed by deletions that had ended before the store was counted.
    pub(super) removed: BTreeMap<String, u64>,
    /// Noted by deletions that may have removed any part of it when the store was counted.
    pub(super) open: BTreeMap<String, u64>,
}

/// The notes of all deletions, by hour and by the name of the document.
pub(super) type Notes = BTreeMap<Hour, BTreeMap<String, Deleted>>;

/// The notes of the hours for which `wanted` is true.
pub(super) async fn notes(documents: &dyn Documents, wanted: impl Fn(Hour) -> bool) -> Result<Notes> {
    let mut notes = Notes::new();
    for document in documents.list(&DELETED).await?.documents {
        let Some(day) = day_of(&document.name) else { continue };
        if !hours_of(day).any(&wanted) {
            continue;
        }
        for (hour, deleted) in read(&document).into_iter().filter(|(hour, _)| wanted(*hour)) {
            notes.entry(hour).or_default().insert(document.name.clone(), deleted);
        }
    }
    Ok(notes)
}

/// The notes of a document. One that cannot be read is left out, as a sheet is.
fn read(document: &Document) -> BTreeMap<Hour, Deleted> {
    match document.body.read::<OfDay>() {
        Ok(OfDay { hours }) => {
            hours.into_iter().filter_map(|(hour, deleted)| Some((Hour::parse(&hour)?, deleted))).collect()
        }
        Err(error) => {
            tracing::warn!("the note {:?} of the loss ledger cannot be read and is left out: {error}", document.name);
            BTreeMap::new()
        }
    }
}

/// The last hour of which the document of this name has notes; `None` if it is no name of such a document.
pub(super) fn last_hour(name: &str) -> Option<Hour> {
    Some(Hour(day_of(name)? * HOURS + HOURS - 1))
}

impl Taken {
    /// `before` and `after` are the notes of one hour, read before and after the store was counted.
    pub(super) fn of(before: Option<&BTreeMap<String, Deleted>>, after: Option<&BTreeMap<String, Deleted>>) -> Self {
        let mut taken = Self::default();
        for (name, deleted) in after.into_iter().flatten() {
            let had_ended = before.and_then(|before| before.get(name)).is_some_and(|deleted| deleted.left.is_some());
            for (service, counted) in &deleted.counted {
                let left = deleted.left.as_ref().and_then(|left| left.get(service)).copied().unwrap_or(0);
                let (numbers, count) = if had_ended {
                    (&mut taken.removed, counted.saturating_sub(left))
                } else {
                    (&mut taken.open, *counted)
                };
                *numbers.entry(service.clone()).or_default() += count;
            }
        }
        taken
    }
}

/// Notes what a deletion will take, before it takes anything. What an interrupted attempt has noted is replaced.
pub(crate) async fn note_counted(
    documents: &dyn Documents,
    deletion: &str,
    counted: &Tally,
    now: Nanos,
    lease: &Lease,
) -> Result<()> {
    forget(documents, deletion, lease).await?;
    let mut days: BTreeMap<i64, BTreeMap<Hour, BTreeMap<String, u64>>> = BTreeMap::new();
    for (hour, counted) in by_hour(counted, now) {
        days.entry(day(hour)).or_default().insert(hour, counted);
    }
    for (day, hours) in days {
        let noted = |(hour, counted): (Hour, _)| (hour.to_string(), Deleted { counted, left: None, noted: now });
        let of_day = OfDay { hours: bounded(hours).into_iter().map(noted).collect() };
        put(documents, &name(day, deletion), &of_day, lease).await?;
    }
    Ok(())
}

async fn put(documents: &dyn Documents, name: &str, of_day: &OfDay, lease: &Lease) -> Result<()> {
    documents.put(&DELETED, name, &Json::from_value(of_day)?, Expected::Any, Some(lease)).await?;
    Ok(())
}

/// Notes what a deletion has left at its end.
pub(crate) async fn note_ended(
    documents: &dyn Documents,
    deletion: &str,
    left: &Tally,
    now: Nanos,
    lease: &Lease,
) -> Result<()> {
    let mut left = by_hour(left, now);
    for document in of_deletion(documents, deletion).await? {
        let mut of_day = OfDay::default();
        for (hour, notes) in read(&document) {
            // Services that were noted together are compared together.
            let mut by_service: BTreeMap<String, u64> = BTreeMap::new();
            for (service, count) in left.remove(&hour).unwrap_or_default() {
                let service = if notes.counted.contains_key(&service) { service } else { ALL.to_owned() };
                *by_service.entry(service).or_default() += count;
            }
            of_day.hours.insert(hour.to_string(), Deleted { left: Some(by_service), noted: now, ..notes });
        }
        // One that cannot be read here is left as it is.
        if !of_day.hours.is_empty() {
            put(documents, &document.name, &of_day, lease).await?;
        }
    }
    Ok(())
}

/// Removes the notes of a deletion that has not removed anything.
pub(crate) async fn forget(documents: &dyn Documents, deletion: &str, lease: &Lease) -> Result<()> {
    for document in of_deletion(documents, deletion).await? {
        documents.delete(&DELETED, &document.name, Expected::Any, Some(lease)).await?;
    }
    Ok(())
}

async fn of_deletion(documents: &dyn Documents, deletion: &str) -> Result<Vec<Document>> {
    let mut documents = documents.list(&DELETED).await?.documents;
    documents.retain(|document| day_of(&document.name).is_some_and(|day| document.name == name(day, deletion)));
    Ok(documents)
}

/// The number of the UTC day of an hour since the Unix epoch.
const fn day(hour: Hour) -> i64 {
    hour.0.div_euclid(HOURS)
}

fn hours_of(day: i64) -> impl Iterator<Item = Hour> {
    (0..HOURS).map(move |hour| Hour(day * HOURS + hour))
}

/// `2026-11-19 3f9a…`: the first hour without its `T00`, and the deletion.
fn name(day: i64, deletion: &str) -> String {
    let hour = Hour(day * HOURS).to_string();
    format!("{} {deletion}", hour.split('T').next().unwrap_or_default())
}

fn day_of(name: &str) -> Option<i64> {
    let (date, _) = name.split_once(' ')?;
    Hour::parse(&format!("{date}T00")).map(day)
}

/// The numbers of the hours of the ledger, by service.
fn by_hour(tally: &Tally, now: Nanos) -> BTreeMap<Hour, BTreeMap<String, u64>> {
    let oldest = Hour::oldest(now);
    let mut hours: BTreeMap<Hour, BTreeMap<String, u64>> = BTreeMap::new();
    for (hour, service, count) in tally.iter().filter(|(hour, ..)| *hour >= oldest) {
        *hours.entry(hour).or_default().entry(service.to_string()).or_default() += count;
    }
    hours
}

/// The numbers of the hours of a day, with the services past the limits together: the document holds them, and once more
/// what is left of them.
fn bounded(hours: BTreeMap<Hour, BTreeMap<String, u64>>) -> BTreeMap<Hour, BTreeMap<String, u64>> {
    let mut room = SERVICE_BYTES;
    let mut bound = |services: BTreeMap<String, u64>| {
        let mut bounded: BTreeMap<String, u64> = BTreeMap::new();
        for (service, count) in services {
            // Escaped as it is in the document.
            let name = serde_json::to_string(&service).map_or(usize::MAX, |name| name.len());
            let bytes = name.saturating_add(NUMBER_BYTES);
            let is_noted = bounded.len() < SERVICES && bytes <= room;
            room -= if is_noted { bytes } else { 0 };
            *bounded.entry(if is_noted { service } else { ALL.to_owned() }).or_default() += count;
        }
        bounded
    };
    hours.into_iter().map(|(hour, services)| (hour, bound(services))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Hour = Hour(500_000);

    fn numbers(entries: &[(&str, u64)]) -> BTreeMap<String, u64> {
        entries.iter().map(|(service, count)| ((*service).to_owned(), *count)).collect()
    }

    fn note(counted: &[(&str, u64)], left: Option<&[(&str, u64)]>) -> BTreeMap<String, Deleted> {
        let deleted = Deleted { counted: numbers(counted), left: left.map(numbers), noted: 1 };
        [("2027-01-15 3f2a9c01".to_owned(), deleted)].into()
    }

    #[test]
    fn only_a_deletion_that_had_ended_before_the_count_is_exact() {
        let (open, ended) = (note(&[("a", 5), ("b", 2)], None), note(&[("a", 5), ("b", 2)], Some(&[("a", 1)])));
        let exact = Taken { removed: numbers(&[("a", 4), ("b", 2)]), ..Taken::default() };
        let bounded = Taken { open: numbers(&[("a", 5), ("b", 2)]), ..Taken::default() };
        assert_eq!(Taken::of(Some(&ended), Some(&ended)), exact);
        for (before, after) in [(None, &open), (Some(&open), &open), (Some(&open), &ended), (None, &ended)] {
            assert_eq!(Taken::of(before, Some(after)), bounded, "{before:?}");
        }
        assert_eq!(Taken::of(Some(&open), None), Taken::default(), "it was counted again");
    }

    #[test]
    fn hours_before_the_ledger_and_services_beyond_the_limit_are_not_noted_one_by_one() {
        let now = HOUR.start();
        let mut tally = Tally::default();
        tally.add_count(Hour::oldest(now), &"old".into(), 1);
        tally.add_count(Hour(Hour::oldest(now).0 - 1), &"older".into(), 1);
        for number in 0..SERVICES + 5 {
            tally.add_count(HOUR, &format!("{number:05}").as_str().into(), 2);
        }
        let hours = bounded(by_hour(&tally, now));
        assert_eq!(hours.len(), 2);
        assert_eq!((hours[&HOUR].len(), hours[&HOUR][ALL]), (SERVICES + 1, 10));
    }

    #[test]
    fn a_day_of_many_long_names_fits_into_its_document_also_when_nothing_was_removed() {
        // The longest names, of characters that take six bytes each in a document.
        let of_hour = |hour: i64| {
            let names = (0..100).map(|number| (format!("{number:03}{}", "\u{1}".repeat(253)), 1_000_000_000_000_000));
            (Hour(HOUR.0 + hour), names.collect::<BTreeMap<String, u64>>())
        };
        let hours = bounded((0..HOURS).map(of_hour).collect());
        assert_eq!(hours.len(), 24);
        assert!(hours[&Hour(HOUR.0 + 23)].contains_key(ALL));
        let deleted = |(hour, counted): (Hour, BTreeMap<String, u64>)| {
            (hour.to_string(), Deleted { left: Some(counted.clone()), counted, noted: i64::MAX })
        };
        let body = Json::from_value(&OfDay { hours: hours.into_iter().map(deleted).collect() }).unwrap();
        let bytes = body.as_str().len();
        assert!((SERVICE_BYTES..DELETED.most_bytes).contains(&bytes), "{bytes}");
        DELETED.check_limits(&name(day(HOUR), "3f2a9c01"), &body).unwrap();
    }

    #[test]
    fn the_name_of_a_document_has_its_day() {
        let name = name(day(Hour(498_782)), "3f2a9c01");
        assert_eq!(name, "2026-11-25 3f2a9c01");
        assert_eq!(day_of(&name), Some(day(Hour(498_782))));
        assert_eq!(last_hour(&name).map(|hour| hour.to_string()).as_deref(), Some("2026-11-25T23"));
        for other in ["2026-11-25T14 3f2a9c01", "2026-11-25", "x 3f2a9c01"] {
            assert_eq!(day_of(other), None, "{other}");
        }
    }
}
