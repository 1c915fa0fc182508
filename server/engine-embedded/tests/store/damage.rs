//! Missing or damaged parts: set aside, reported, and restored when they are intact.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use engine_embedded::{Options, inspect};
use model::{Position, Query, StoredRecord};
use pipeline::{Batch, ErrorClass, LogStore, TimeRange, ask};
use testkit::records;

use crate::support::{compacting_at, delivery, everything, in_memory};

const DAY: i64 = 86_400_000_000_000;
/// The number of days; each is a part of its own.
const DAYS: u64 = 5;
/// The records per day.
const EACH: usize = 60;

fn day(number: u64) -> Batch {
    let mut batch = records::batch(number, EACH);
    for record in &mut batch.records {
        record.time += number as i64 * DAY;
    }
    batch
}

async fn open(folder: &Path) -> Arc<dyn LogStore> {
    engine_embedded::open_store(folder, in_memory()).await.unwrap()
}

/// A folder with one part per day, and all its records, newest first.
async fn folder_with_parts() -> (tempfile::TempDir, Vec<StoredRecord>) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    for number in 0..DAYS {
        store.append(&[delivery(number + 1, day(number))]).await.unwrap();
    }
    let all = everything(&*store).await;
    store.close().await;
    assert_eq!(inspect::parts(folder.path()).await.unwrap().len() as u64, DAYS);
    (folder, all)
}

/// The part `number` days before the newest.
async fn part(folder: &Path, number: usize) -> PathBuf {
    inspect::parts(folder).await.unwrap()[number].path.clone()
}

fn without_day(all: &[StoredRecord], number: usize) -> Vec<StoredRecord> {
    all.chunks(EACH).enumerate().filter(|(day, _)| *day != number).flat_map(|(_, records)| records.to_vec()).collect()
}

fn overwrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Restores a file from a backup. The folder of a day may be gone.
fn restore(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A kind of damage, whether it is detected on open or only on read, and a word of the reason.
type Harm = (&'static str, fn(&Path), bool, &'static str);

const HARMS: &[Harm] = &[
    ("removed", |path| fs::remove_file(path).unwrap(), true, "missing"),
    ("cut", |path| overwrite(path, |bytes| bytes.truncate(bytes.len() / 2)), true, "bytes instead of"),
    ("grown", |path| overwrite(path, |bytes| bytes.extend([7; 100])), true, "bytes instead of"),
    ("emptied", |path| overwrite(path, Vec::clear), true, "0 bytes instead of"),
    ("garbage", |path| overwrite(path, |bytes| bytes.fill(0x5a)), true, "no Parquet trailer"),
    ("zeros", |path| overwrite(path, |bytes| bytes.fill(0)), true, "no Parquet trailer"),
    (
        "a spoilt footer",
        |path| {
            overwrite(path, |bytes| {
                let end = bytes.len() - 8;
                bytes[end - 400..end].fill(0xff);
            });
        },
        false,
        "cannot be read",
    ),
    (
        "a footer that is too long",
        |path| {
            overwrite(path, |bytes| {
                let end = bytes.len() - 4;
                bytes[end - 4..end].fill(0xff);
            });
        },
        false,
        "cannot be read",
    ),
    ("spoilt pages", |path| overwrite(path, |bytes| bytes[4..2_000].fill(0xff)), false, "cannot be read"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_part_is_set_aside_and_named_until_its_file_is_back() {
    for (place, (harm, damage, at_start, word)) in HARMS.iter().enumerate() {
        let number = place % DAYS as usize;
        let (folder, all) = folder_with_parts().await;
        let path = part(folder.path(), number).await;
        let listed = inspect::parts(folder.path()).await.unwrap()[number].clone();
        let backup = fs::read(&path).unwrap();
        damage(&path);
        let left = fs::read(&path).ok();

        let rest = without_day(&all, number);
        for start in ["the first start", "the second start"] {
            let store = open(folder.path()).await;
            if *at_start || start == "the second start" {
                assert_eq!(store.status().aside.len(), 1, "{harm}, {start}: before anything was read");
            }
            assert_eq!(everything(&*store).await, rest, "{harm}, {start}: all others are found");
            let counted = ask::count(&*store, &Query::default(), TimeRange::ALL).await.unwrap();
            assert_eq!(counted as usize, rest.len(), "{harm}, {start}");
            let status = store.status();
            assert_eq!(status.records as usize, rest.len(), "{harm}, {start}");
            assert_eq!(status.trouble, None, "{harm}, {start}: it can be written and read");
            let [aside] = &status.aside[..] else { panic!("{harm}, {start}: {:?}", status.aside) };
            assert!(path.ends_with(&aside.name), "{harm}: {}", aside.name);
            assert_eq!(aside.path, path.display().to_string(), "{harm}");
            let told = (aside.records, aside.bytes, aside.oldest, aside.newest);
            assert_eq!(told, (listed.records, listed.bytes, listed.oldest, listed.newest), "{harm}");
            assert!(aside.reason.contains(word), "{harm}, {start}: {}", aside.reason);
            // Programs that read all parts do not find it, and its remains are kept.
            assert!(!path.exists(), "{harm}");
            assert_eq!(fs::read(folder.path().join("aside").join(&aside.name)).ok(), left, "{harm}, {start}");
            store.close().await;
            let mut found = Vec::new();
            inspect::check(folder.path(), false, |_| {}, |finding| found.push(finding)).await.unwrap();
            assert!(found.len() == 1 && found[0].contains(&aside.name), "{harm}: {found:?}");
        }

        restore(&path, &backup);
        let store = open(folder.path()).await;
        assert_eq!(store.status().aside, [], "{harm}: it is taken back");
        assert_eq!(everything(&*store).await, all, "{harm}: everything is there");
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_file_in_place_of_a_damaged_one_is_not_taken_back() {
    let (folder, all) = folder_with_parts().await;
    let path = part(folder.path(), 1).await;
    let other = part(folder.path(), 2).await;
    let backup = fs::read(&path).unwrap();
    overwrite(&path, |bytes| bytes[4..2_000].fill(0xff));
    let store = open(folder.path()).await;
    assert_eq!(everything(&*store).await, without_day(&all, 1));
    store.close().await;
    for wrong in [fs::read(&other).unwrap(), vec![1; backup.len()], Vec::new()] {
        restore(&path, &wrong);
        let store = open(folder.path()).await;
        assert_eq!(everything(&*store).await, without_day(&all, 1));
        assert_eq!(store.status().aside.len(), 1);
        store.close().await;
    }
    restore(&path, &backup);
    let store = open(folder.path()).await;
    assert_eq!((everything(&*store).await, store.status().aside), (all, vec![]));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_damaged_while_the_store_runs_costs_no_answer() {
    let harms = HARMS.iter().filter(|(harm, ..)| ["removed", "cut", "spoilt pages", "a spoilt footer"].contains(harm));
    for (harm, damage, ..) in harms {
        let (folder, all) = folder_with_parts().await;
        let path = part(folder.path(), 2).await;
        let store = open(folder.path()).await;
        damage(&path);
        assert_eq!(everything(&*store).await, without_day(&all, 2), "{harm}");
        assert_eq!(store.status().aside.len(), 1, "{harm}");
        // Reading the tail from the beginning works, too.
        let (mut after, mut followed) = (Position(0), 0);
        while followed < all.len() - EACH {
            for block in store.follow(after).await.unwrap() {
                followed += block.batch.records.len();
                after = block.last();
            }
        }
        assert_eq!(followed, all.len() - EACH, "{harm}");
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_part_may_be_missing_and_positions_go_on_behind_them() {
    let (folder, all) = folder_with_parts().await;
    let parts = folder.path().join("parts");
    let away = folder.path().join("elsewhere");
    fs::rename(&parts, &away).unwrap();
    let store = open(folder.path()).await;
    assert_eq!(everything(&*store).await, []);
    assert_eq!(store.status().aside.len() as u64, DAYS);
    let newest = all.iter().map(|stored| stored.position).max().unwrap();
    assert!(store.newest().await.unwrap() >= newest);
    store.append(&[delivery(100, records::batch(1_000, 3))]).await.unwrap();
    assert!(everything(&*store).await.iter().all(|stored| stored.position > newest));
    // The ledger still knows the old batches.
    let mut batch = day(0);
    batch.client_id = true;
    assert_eq!(store.append(&[delivery(101, batch)]).await.unwrap().duplicates, 1);
    store.close().await;

    for entry in fs::read_dir(&away).unwrap() {
        let entry = entry.unwrap();
        crate::support::copy_folder(&entry.path(), &parts.join(entry.file_name()));
    }
    let store = open(folder.path()).await;
    assert_eq!(store.status().aside, []);
    assert_eq!(everything(&*store).await.len(), all.len() + 3);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_given_up_is_forgotten_with_what_is_left_of_it() {
    let (folder, all) = folder_with_parts().await;
    let path = part(folder.path(), 3).await;
    overwrite(&path, |bytes| bytes.truncate(100));
    let store = open(folder.path()).await;
    let name = store.status().aside[0].name.clone();
    let left = folder.path().join("aside").join(&name);
    assert!(left.exists());
    assert!(!store.give_up_part("2020-01-01/other.parquet").await.unwrap());
    assert!(store.give_up_part(&name).await.unwrap());
    assert!(!store.give_up_part(&name).await.unwrap(), "it is gone");
    assert_eq!((store.status().aside, left.exists()), (vec![], false));
    store.close().await;
    let store = open(folder.path()).await;
    assert_eq!((everything(&*store).await, store.status().aside), (without_day(&all, 3), vec![]));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_part_goes_by_retention_like_all_others() {
    let (folder, _) = folder_with_parts().await;
    let path = part(folder.path(), 4).await;
    fs::remove_file(&path).unwrap();
    let options = Options { retention: Some(std::time::Duration::from_secs(60)), ..compacting_at(10) };
    let store = engine_embedded::open_store(folder.path(), options).await.unwrap();
    while store.status().records > 0 || !store.status().aside.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_part_does_not_keep_the_others_from_being_merged() {
    let folder = tempfile::tempdir().unwrap();
    // One part per opening, all of one past day.
    for number in 0..4 {
        let store = open(folder.path()).await;
        store.append(&[delivery(number + 1, records::batch(number, EACH))]).await.unwrap();
        store.close().await;
    }
    let path = part(folder.path(), 1).await;
    overwrite(&path, |bytes| bytes[4..2_000].fill(0xff));
    let store = engine_embedded::open_store(folder.path(), compacting_at(100_000)).await.unwrap();
    // Only the merge reads the parts here. It is done when one part is left.
    while inspect::parts(folder.path()).await.unwrap().len() > 1 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(store.status().aside.len(), 1);
    assert_eq!(everything(&*store).await.len(), 3 * EACH);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_catalogue_is_refused_and_left_as_it_is() {
    let (folder, _) = folder_with_parts().await;
    let catalogue = folder.path().join("catalogue.sqlite");
    overwrite(&catalogue, |bytes| bytes[..200].fill(0x33));
    let before = fs::read(&catalogue).unwrap();
    let error = engine_embedded::open_store(folder.path(), in_memory()).await.err().unwrap();
    assert_eq!(error.class, ErrorClass::Corrupt, "{error}");
    assert_eq!(fs::read(&catalogue).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path().join("parts")).unwrap().count() as u64, DAYS, "no part is touched");
}
