//! Records are removed from a day.

use std::{fs, sync::Arc};

use archive::{Archive, DayRemoval};
use model::{Query, StoredRecord, TimeRange};
use object_store::{ObjectStore, memory::InMemory};
use pipeline::{Error, Result};

use super::{
    Folder,
    days::{day, oldest_first, read, some_records, write},
    failing::Failing,
};

/// Records of which every third one is of the service `secret`, newest first.
pub(crate) fn with_secrets(first: i64, count: usize) -> Vec<StoredRecord> {
    let mut records = some_records(first, count);
    for (place, stored) in records.iter_mut().enumerate() {
        stored.record.service = if place % 3 == 0 { "secret".into() } else { "shop".into() };
    }
    records
}

fn removal(query: &str, range: TimeRange) -> DayRemoval {
    DayRemoval { day: day(), query: Query::parse(query).unwrap(), range, now: 9 }
}

pub(crate) async fn remove(archive: &Archive, query: &str) -> Result<u64> {
    archive.remove(&removal(query, TimeRange::ALL), async { Ok(()) }).await
}

pub(crate) fn without_secrets(records: &[StoredRecord]) -> Vec<StoredRecord> {
    records.iter().filter(|stored| stored.record.service != "secret").cloned().collect()
}

fn newest_first(parts: &[Vec<StoredRecord>]) -> Vec<StoredRecord> {
    let mut records = oldest_first(parts.concat());
    records.reverse();
    records
}

#[tokio::test]
async fn removed_records_are_gone_and_do_not_come_back() {
    let folder = Folder::new();
    let (early, late) = (with_secrets(1, 300), with_secrets(1001, 200));
    let both = newest_first(&[early.clone(), late.clone()]);
    write(&folder.archive, &early, 300).await.unwrap();
    write(&folder.archive, &both, 1200).await.unwrap();
    let old = folder.parts();

    assert_eq!(remove(&folder.archive, "service:secret").await.unwrap(), 100 + 67);
    let rest = without_secrets(&both);
    assert_eq!(read(&folder.archive).await.unwrap(), oldest_first(rest.clone()));
    let manifest = folder.archive.manifest(day()).await.unwrap().unwrap();
    assert_eq!((manifest.records, manifest.version, manifest.position), (rest.len() as u64, 3, 1200));
    assert_eq!(folder.problems().await, [""; 0]);
    assert!(old.iter().all(|part| !part.exists()), "the old parts are deleted");
    assert_eq!(folder.parts().len(), 2);
    let scratch = fs::read_dir(folder.root.path().join("scratch")).unwrap();
    assert_eq!(scratch.count(), 0, "temporary files are left");

    assert_eq!(remove(&folder.archive, "service:secret").await.unwrap(), 0);
    assert_eq!(folder.archive.manifest(day()).await.unwrap().unwrap(), manifest, "nothing is written for nothing");
    // The store may still have them, and a late record comes.
    let more = with_secrets(2001, 4);
    let all = newest_first(&[both, more.clone()]);
    assert_eq!(write(&folder.archive, &all, 3000).await.unwrap().records, 4);
    assert_eq!(read(&folder.archive).await.unwrap(), oldest_first([rest, more].concat()));
}

#[tokio::test]
async fn only_what_is_within_the_range_goes_and_other_parts_are_not_touched() {
    let folder = Folder::new();
    let early = with_secrets(1, 300);
    write(&folder.archive, &early, 300).await.unwrap();
    let old = folder.parts();
    // The second part is of the last hour, the first one is older.
    let hour = day().range().to - 3_600_000_000_000;
    let mut late = with_secrets(1001, 60);
    late.iter_mut().for_each(|stored| stored.record.time = hour + stored.position.0);
    late.sort_by_key(|stored| std::cmp::Reverse((stored.record.time, stored.position)));
    write(&folder.archive, &newest_first(&[early, late]), 1060).await.unwrap();

    let range = TimeRange { from: hour + 1001, to: hour + 1031 };
    let (gone, before) = (removal("", range), read(&folder.archive).await.unwrap());
    assert_eq!(folder.archive.remove(&gone, async { Ok(()) }).await.unwrap(), 30);
    let rest: Vec<_> = before.into_iter().filter(|stored| !range.contains(stored.record.time)).collect();
    assert_eq!(read(&folder.archive).await.unwrap(), rest);
    assert!(old.iter().all(|part| part.exists()), "the first part has no such records");
    assert_eq!(folder.problems().await, [""; 0]);
}

#[tokio::test]
async fn a_day_of_which_nothing_is_left_stays_as_an_empty_one() {
    let folder = Folder::new();
    let records = with_secrets(1, 50);
    write(&folder.archive, &records, 50).await.unwrap();
    assert_eq!(remove(&folder.archive, "").await.unwrap(), 50);
    assert_eq!(read(&folder.archive).await.unwrap(), []);
    assert_eq!(folder.problems().await, [""; 0]);
    assert_eq!(folder.parts().len(), 0);
    assert_eq!(folder.archive.days().await.unwrap(), [day()]);
    // Only what is late comes.
    let late = with_secrets(101, 7);
    write(&folder.archive, &newest_first(&[records, late.clone()]), 200).await.unwrap();
    assert_eq!(read(&folder.archive).await.unwrap(), oldest_first(late));
    // What is not archived has nothing to remove.
    folder.archive.expire(day().earlier(-1)).await.unwrap();
    assert_eq!(remove(&folder.archive, "").await.unwrap(), 0);
}

#[tokio::test]
async fn a_removal_that_ends_at_any_step_is_done_or_not_done_and_goes_on() {
    let scratch = tempfile::tempdir().unwrap();
    let (early, late) = (with_secrets(1, 90), with_secrets(1001, 60));
    let both = newest_first(&[early.clone(), late]);
    let rest = oldest_first(without_secrets(&both));
    let mut steps = 0;
    for left in 0_usize.. {
        let inner: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let whole = Archive::in_store(Arc::clone(&inner), scratch.path());
        write(&whole, &early, 90).await.unwrap();
        write(&whole, &both, 2000).await.unwrap();
        let failing = Archive::in_store(Arc::new(Failing { inner, left: left.into() }), scratch.path());
        let done = remove(&failing, "service:secret").await;
        assert_eq!(whole.check(day()).await.unwrap().problems, [""; 0], "after {left} steps");
        let found = read(&whole).await.unwrap();
        if done.is_ok() {
            assert_eq!(found, rest);
            break;
        }
        steps += 1;
        assert!(done.unwrap_err().is_retryable());
        // Two parts come before the manifest.
        let expected = if left < 3 { oldest_first(both.clone()) } else { rest.clone() };
        assert_eq!(found, expected, "after {left} steps");
        remove(&whole, "service:secret").await.unwrap();
        let report = whole.check(day()).await.unwrap();
        assert_eq!((report.unlisted, report.problems), (0, Vec::new()), "after {left} steps");
        assert_eq!(read(&whole).await.unwrap(), rest);
    }
    // Two new parts, the manifest, and two old parts.
    assert_eq!(steps, 5);
}

#[tokio::test]
async fn a_lost_lease_or_a_damaged_part_keeps_the_day_as_it_was() {
    let folder = Folder::new();
    let records = with_secrets(1, 60);
    write(&folder.archive, &records, 60).await.unwrap();
    let manifest = folder.archive.manifest(day()).await.unwrap();
    let lost = async { Err(Error::conflict("lost")) };
    let gone = removal("service:secret", TimeRange::ALL);
    assert_eq!(folder.archive.remove(&gone, lost).await.unwrap_err().message, "lost");
    assert_eq!(folder.archive.manifest(day()).await.unwrap(), manifest);
    assert_eq!(read(&folder.archive).await.unwrap(), oldest_first(records));

    remove(&folder.archive, "nothing-like-it").await.unwrap();
    let part = folder.parts().remove(0);
    fs::write(&part, "damaged").unwrap();
    let error = remove(&folder.archive, "service:secret").await.unwrap_err();
    assert!(!error.is_retryable() && error.message.contains(&format!("the part {}/", day())), "{error}");
    assert_eq!(folder.archive.manifest(day()).await.unwrap(), manifest);
    // A record of another time is no reason to read the part.
    let other = removal("", TimeRange { from: 0, to: day().start() });
    assert_eq!(folder.archive.remove(&other, async { Ok(()) }).await.unwrap(), 0);
}
