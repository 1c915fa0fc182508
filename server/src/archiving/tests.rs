//! Tests of the task under the supervisor, over a store in memory and an archive in a folder.

use archive::Day;
use chrono::FixedOffset;
use model::{Query, TimeRange};
use pipeline::{Content, Delivery, ErrorClass, Log as _, LogStore as _, Receipt, deletion::ArchiveRemoval as _};
use testkit::memory::MemoryStore;
use tokio::time::Instant;

use super::*;

/// Stores a record of this time.
async fn append(store: &MemoryStore, number: u64, time: model::Nanos) {
    let mut batch = testkit::records::batch(number, 1);
    batch.records[0].time = time;
    let content = Content::Batch(Arc::new(batch));
    store.append(&[Delivery { receipt: Receipt(0), content }]).await.unwrap();
}

/// Waits until the archive has so many records of the day.
async fn archived(location: &Location, scratch: &Path, day: Day, records: u64) {
    let begun = Instant::now();
    loop {
        // Before the first round, the folder is not there yet.
        let found = match Archive::open(location, scratch) {
            Ok(archive) => archive.manifest(day).await.unwrap().map(|manifest| manifest.records),
            Err(_) => None,
        };
        if found == Some(records) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{found:?} records and not {records} within 60 s");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Options that look at the days as often as possible.
fn busy(location: &Location) -> ArchiveOptions {
    ArchiveOptions {
        archive: Some(location.clone()),
        archive_days: 7,
        archive_grace: Duration::ZERO,
        archive_every: Duration::from_millis(20),
    }
}

#[tokio::test]
async fn removed_records_stay_away_while_the_archiver_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (store, supervisor) = (Arc::new(MemoryStore::new()), Supervisor::default());
    let location = Location::parse(&format!("file://{}", folder.path().join("archive").display())).unwrap();
    let clock = reading::Clock { clock: Clock::system(), assume_timezone: FixedOffset::east_opt(0).unwrap() };
    let needs = Needs {
        leases: store.leases(),
        reader: Reader::new(store.clone(), clock),
        store_id: "test".to_owned(),
        supervisor,
    };
    let day = Day::of(Clock::system().now()).earlier(2);
    for number in 1..=3 {
        append(&store, number, day.start() + number as i64).await;
    }
    let archiving = Archiving::start(&busy(&location), folder.path(), needs);
    archived(&location, folder.path(), day, 3).await;

    let removals = Removals::new(location.clone(), folder.path(), store.leases());
    let range = TimeRange { from: day.start() + 2, to: day.start() + 3 };
    let begun = Instant::now();
    let removed = loop {
        // The archiver has the lease now and then.
        match removals.remove(day.start(), &Query::default(), range).await {
            Err(error) if error.is_retryable() && begun.elapsed() < Duration::from_secs(60) => {
                sleep(Duration::from_millis(5)).await;
            }
            removed => break removed.unwrap(),
        }
    };
    assert_eq!(removed, 1);
    // The store still has all three, and a late record makes the archiver read the day again.
    append(&store, 4, day.start() + 4).await;
    archived(&location, folder.path(), day, 3).await;
    archiving.close().await;

    assert_eq!(removals.days(range).await.unwrap(), [day.start()]);
    assert!(removals.days(day.earlier(1).range()).await.unwrap().is_empty());
    let lease = store.leases().acquire(NAME, "archiver", LEASE).await.unwrap().unwrap();
    for error in [
        removals.days(range).await.unwrap_err(),
        removals.remove(day.start(), &Query::default(), range).await.unwrap_err(),
    ] {
        assert_eq!(error.class, ErrorClass::Overloaded, "{error}");
    }
    assert!(store.leases().release(&lease).await.unwrap());
    assert_eq!(removals.remove(day.start(), &Query::default(), day.range()).await.unwrap(), 3);
}

#[tokio::test]
async fn a_panic_restarts_the_task_which_archives_what_comes_later() {
    let folder = tempfile::tempdir().unwrap();
    let (store, supervisor) = (Arc::new(MemoryStore::new()), Supervisor::default());
    let location = Location::parse(&format!("file://{}", folder.path().join("archive").display())).unwrap();
    let options = busy(&location);
    let clock = reading::Clock { clock: Clock::system(), assume_timezone: FixedOffset::east_opt(0).unwrap() };
    let needs = Needs {
        leases: store.leases(),
        reader: Reader::new(store.clone(), clock),
        store_id: "test".to_owned(),
        supervisor: supervisor.clone(),
    };
    let day = Day::of(Clock::system().now()).earlier(2);
    append(&store, 1, day.start()).await;
    let archiving = Archiving::start(&options, folder.path(), needs);
    archived(&location, folder.path(), day, 1).await;
    assert!(supervisor.panic_in(NAME), "no task {NAME}");
    append(&store, 2, day.start()).await;
    archived(&location, folder.path(), day, 2).await;
    let tasks: Vec<_> = supervisor.tasks().into_iter().map(|task| (task.name, task.restarts)).collect();
    assert_eq!(tasks, [("archive".to_owned(), 1)]);
    archiving.close().await;
}
