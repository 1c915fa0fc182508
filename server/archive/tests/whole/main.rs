//! An archive as a whole: in a folder, in memory, and in a real S3 server.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod days;
mod failing;
mod removal;
mod s3;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use archive::{Archive, Location};
use futures::TryStreamExt as _;
use model::{Position, StoredRecord};
use object_store::{ObjectStore, memory::InMemory};
use pipeline::ErrorClass;
use tempfile::TempDir;

use self::days::{day, oldest_first, read, some_records, write, write_at};
use self::failing::Failing;

struct Folder {
    root: TempDir,
    archive: Archive,
}

impl Folder {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let url = format!("file://{}/archive", root.path().display());
        let archive = Archive::create(&Location::parse(&url).unwrap(), root.path().join("scratch")).unwrap();
        Self { root, archive }
    }

    fn day(&self) -> PathBuf {
        self.root.path().join("archive").join(day().to_string())
    }

    /// The part files of the day.
    fn parts(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.day()).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|file| file.extension().is_some_and(|extension| extension == "parquet")).collect()
    }

    async fn problems(&self) -> Vec<String> {
        self.archive.check(day()).await.unwrap().problems
    }
}

#[tokio::test]
async fn a_day_is_read_back_as_it_was_written() {
    let folder = Folder::new();
    let records = some_records(1, 9000);
    let written = write(&folder.archive, &records, 9000).await.unwrap();
    assert_eq!((written.records, written.seen), (9000, 9000));
    assert_eq!(folder.archive.days().await.unwrap(), [day()]);
    assert_eq!(folder.problems().await, [""; 0]);
    assert_eq!(read(&folder.archive).await.unwrap(), oldest_first(records));
    let scratch = fs::read_dir(folder.root.path().join("scratch")).unwrap();
    assert_eq!(scratch.count(), 0, "temporary files are left");
}

#[tokio::test]
async fn records_of_great_size_make_more_parts() {
    let folder = Folder::new();
    let mut records = some_records(1, 150);
    records.iter_mut().for_each(|stored| stored.record.message = "x".repeat(1 << 20));
    write(&folder.archive, &records, 150).await.unwrap();
    assert_eq!(folder.parts().len(), 3);
    assert_eq!(folder.problems().await, [""; 0]);
    assert_eq!(read(&folder.archive).await.unwrap(), oldest_first(records));
}

#[tokio::test]
async fn late_records_are_added_once() {
    let folder = Folder::new();
    let early = some_records(1, 300);
    let late = some_records(1001, 200);
    let both = oldest_first([early.clone(), late.clone()].concat());
    let newest_first: Vec<_> = both.iter().rev().cloned().collect();
    // A record past the position waits for the next round.
    write(&folder.archive, &newest_first, 300).await.unwrap();
    assert_eq!(read(&folder.archive).await.unwrap(), oldest_first(early));
    let written = write(&folder.archive, &newest_first, 1200).await.unwrap();
    assert_eq!((written.records, written.seen), (200, 500));
    assert_eq!(written.manifest.unwrap().version, 2);
    assert_eq!(folder.problems().await, [""; 0]);
    assert_eq!(read(&folder.archive).await.unwrap(), both);
    let again = write(&folder.archive, &newest_first, 1200).await.unwrap();
    assert_eq!((again.records, again.seen, again.manifest), (0, 500, None));
}

#[tokio::test]
async fn records_that_were_stored_again_are_not_added() {
    let folder = Folder::new();
    let records = some_records(1, 300);
    write_at(&folder.archive, &records, 300, i64::MAX).await.unwrap();
    // A part of them at new positions, and late ones.
    let again = records
        .iter()
        .step_by(3)
        .map(|stored| StoredRecord { position: Position(stored.position.0 + 1000), ..stored.clone() });
    let late = some_records(2001, 50);
    let both = oldest_first(again.chain(late.clone()).collect());
    let newest_first: Vec<_> = both.iter().rev().cloned().collect();
    let written = write(&folder.archive, &newest_first, 3000).await.unwrap();
    assert_eq!((written.records, written.seen), (50, 150));
    assert_eq!(folder.problems().await, [""; 0]);
    assert_eq!(read(&folder.archive).await.unwrap(), oldest_first([records, late].concat()));
}

#[tokio::test]
async fn each_kind_of_damage_is_found() {
    let folder = Folder::new();
    write(&folder.archive, &some_records(1, 500), 500).await.unwrap();
    let part = folder.parts().remove(0);
    let manifest = folder.day().join("manifest.json");
    let flip = |file: &Path, place: usize| {
        let mut bytes = fs::read(file).unwrap();
        bytes[place] ^= 1;
        fs::write(file, bytes).unwrap();
    };
    let intact = fs::read(&part).unwrap();
    for (damage, reason) in [
        (&(|| flip(&part, intact.len() / 2)) as &dyn Fn(), "checksum differs"),
        (&|| fs::write(&part, &intact[1..]).unwrap(), "bytes instead of"),
        (&|| fs::remove_file(&part).unwrap(), "missing"),
    ] {
        damage();
        let problems = folder.problems().await;
        assert!(problems.len() == 1 && problems[0].contains(reason), "{problems:?} for {reason}");
        let error = read(&folder.archive).await.unwrap_err();
        assert!(!error.is_retryable(), "{error}");
        fs::write(&part, &intact).unwrap();
        assert_eq!(folder.problems().await, [""; 0]);
    }
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("\"records\": 500", "\"records\": 499")).unwrap();
    assert!(folder.problems().await[0].contains("manifest"));
    assert_eq!(folder.archive.manifest(day()).await.unwrap_err().class, ErrorClass::Corrupt);
    fs::remove_file(&manifest).unwrap();
    assert!(folder.problems().await[0].contains("no manifest"));
    assert_eq!(read(&folder.archive).await.unwrap_err().class, ErrorClass::NotFound);
}

#[tokio::test]
async fn a_write_that_ends_at_any_step_leaves_the_day_as_it_was() {
    let scratch = tempfile::tempdir().unwrap();
    let early = some_records(1, 100);
    let mut late = some_records(1001, 140);
    late.iter_mut().for_each(|stored| stored.record.message = "x".repeat(1 << 20));
    let newest_first: Vec<_> = oldest_first([early.clone(), late].concat()).into_iter().rev().collect();
    let mut steps = 0;
    for left in 0.. {
        let inner: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let whole = Archive::in_store(Arc::clone(&inner), scratch.path());
        write(&whole, &early, 100).await.unwrap();
        let failing = Archive::in_store(Arc::new(Failing { inner, left: left.into() }), scratch.path());
        let done = write(&failing, &newest_first, 2000).await;
        let report = whole.check(day()).await.unwrap();
        assert_eq!(report.problems, [""; 0], "after {left} steps");
        if done.is_ok() {
            break;
        }
        steps += 1;
        assert!(done.unwrap_err().is_retryable());
        assert_eq!(report.unlisted, left);
        assert_eq!(read(&whole).await.unwrap(), oldest_first(early.clone()), "after {left} steps");
        write(&whole, &newest_first, 2000).await.unwrap();
        let report = whole.check(day()).await.unwrap();
        assert_eq!((report.unlisted, report.problems), (0, Vec::new()));
        assert_eq!(read(&whole).await.unwrap().len(), newest_first.len());
    }
    // Three parts and the manifest.
    assert_eq!(steps, 4);
}

#[tokio::test]
async fn a_lost_lease_keeps_the_manifest_as_it_was() {
    let folder = Folder::new();
    let new =
        archive::NewDay { day: day(), store: "store".to_owned(), upto: model::Position(10), previous: None, now: 7 };
    let pages = futures::stream::iter([Ok(some_records(1, 10))]);
    let lost = async { Err(pipeline::Error::conflict("lost")) };
    assert_eq!(folder.archive.write(new, pages, lost).await.unwrap_err().message, "lost");
    assert_eq!(folder.archive.manifest(day()).await.unwrap(), None);
}

#[tokio::test]
async fn old_days_expire_manifest_first() {
    let folder = Folder::new();
    write(&folder.archive, &some_records(1, 10), 10).await.unwrap();
    let foreign = folder.root.path().join("archive/notes");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("a.txt"), "a").unwrap();
    // What a killed process leaves of a file.
    fs::write(folder.day().join("b.parquet#1"), "half").unwrap();
    assert_eq!(folder.archive.expire(day()).await.unwrap(), []);
    assert_eq!(folder.archive.expire(day().earlier(-1)).await.unwrap(), [day()]);
    assert!(!folder.day().exists());
    assert!(foreign.join("a.txt").exists());

    let scratch = tempfile::tempdir().unwrap();
    let inner: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let whole = Archive::in_store(Arc::clone(&inner), scratch.path());
    write(&whole, &some_records(1, 10), 10).await.unwrap();
    let failing = Archive::in_store(Arc::new(Failing { inner: Arc::clone(&inner), left: 1.into() }), scratch.path());
    failing.expire(day().earlier(-1)).await.unwrap_err();
    assert_eq!(whole.days().await.unwrap(), []);
    assert_eq!(whole.expire(day().earlier(-1)).await.unwrap(), [day()]);
    assert!(inner.list(None).try_collect::<Vec<_>>().await.unwrap().is_empty());
}

#[test]
fn an_archive_that_is_not_there_is_named_with_a_way_out() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    for (path, hint) in [(root.path().join("missing"), "does not exist; check the path"), (file, "is not a folder")] {
        let location = Location::parse(&format!("file://{}", path.display())).unwrap();
        let error = Archive::open(&location, "/tmp").unwrap_err();
        assert_eq!(error.class, ErrorClass::NotFound);
        assert!(error.message.contains(&path.display().to_string()) && error.message.contains(hint), "{error}");
        assert!(!error.message.contains("LocalFileSystem"), "{error}");
    }
}
