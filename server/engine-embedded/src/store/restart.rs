//! Restarts of flush and upkeep by the supervisor after a panic.
//!
//! Both tasks change the catalogue first and the snapshot second. A panic before the catalogue's transaction leaves
//! unlisted files, and the task restarts. After a panic between the two, queries still read the old parts: readers see
//! nothing lost or duplicated. Repeating the work would list its records twice. So a restarted task first compares
//! catalogue and snapshot. If they differ, it ends as broken: `/readyz` reports it, the write-ahead log keeps the
//! records that are not in parts, and the next start of the program reads the catalogue.
//!
//! The writer of the write-ahead log is a thread that is never restarted (see [`crate::wal`]).

use std::{collections::BTreeSet, sync::Arc};

use pipeline::supervisor::End;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Inner, flush, memtable::Memtable, upkeep};

/// Starts both tasks.
pub(super) fn spawn_tasks(inner: &Arc<Inner>, stop: &CancellationToken) -> Vec<JoinHandle<()>> {
    let supervisor = &inner.options.supervisor;
    let (flushing, keeping) = (inner.clone(), inner.clone());
    let (flush_stop, upkeep_stop) = (stop.clone(), stop.clone());
    let (mut flush_began, mut upkeep_began) = (false, false);
    vec![
        supervisor.spawn("store-flush", stop.clone(), move || {
            let (inner, stop) = (flushing.clone(), flush_stop.clone());
            let again = std::mem::replace(&mut flush_began, true);
            async move {
                if again && let Err(end) = inner.can_restart().await {
                    if let End::Broken(reason) = &end {
                        inner.stop_flushing(reason);
                    }
                    return end;
                }
                flush::run(inner, stop).await;
                End::Done
            }
        }),
        supervisor.spawn("store-upkeep", stop.clone(), move || {
            let (inner, stop) = (keeping.clone(), upkeep_stop.clone());
            let again = std::mem::replace(&mut upkeep_began, true);
            async move {
                if again && let Err(end) = inner.can_restart().await {
                    return end;
                }
                upkeep::run(inner, stop).await;
                End::Done
            }
        }),
    ]
}

impl Inner {
    /// Whether catalogue and snapshot list the same parts, and the snapshot contains every memtable that waits for its
    /// flush.
    async fn can_restart(&self) -> Result<(), End> {
        // Held between the catalogue's transaction and the swap of the snapshot.
        let _flushing = self.flushing.lock().await;
        let _listing = self.listing.lock().await;
        let listed = self.catalogue.parts().await.map_err(|error| End::Failed(error.to_string()))?;
        let listed: BTreeSet<String> = listed.into_iter().map(|part| part.path).collect();
        let snapshot = self.snapshots.load();
        let read: BTreeSet<String> = snapshot.parts.iter().map(|part| part.info.path.clone()).collect();
        let is_read = |table: &Arc<Memtable>| snapshot.tables.iter().any(|view| Arc::ptr_eq(&view.table, table));
        let waiting = self.frozen.borrow().iter().all(|frozen| is_read(&frozen.view.table));
        if listed == read && waiting {
            return Ok(());
        }
        Err(End::Broken("it failed after listing parts and before making them visible".to_owned()))
    }

    /// Disables flushes, including the final one on close.
    fn stop_flushing(&self, reason: &str) {
        let trouble = format!("parts cannot be written: {reason}; restart the program, nothing is lost");
        *self.trouble.lock() = Some(trouble.clone());
        let _ = self.flush_stopped.set(trouble);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use parts::PartInfo;
    use pipeline::{
        Content, Delivery, ErrorClass, Log as _, Receipt, Supervisor,
        supervisor::{TaskState, TaskStatus},
    };
    use testkit::records;

    use super::*;
    use crate::{
        Options,
        filesystem::Disk,
        store::{EmbeddedStore, Mode},
    };

    /// Waits until the condition holds.
    async fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
        let started = std::time::Instant::now();
        while !holds() {
            assert!(started.elapsed() < Duration::from_secs(60), "{what}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn task(supervisor: &Supervisor, name: &str) -> TaskStatus {
        supervisor.tasks().into_iter().find(|task| task.name == name).unwrap()
    }

    async fn open(folder: &std::path::Path, supervisor: &Supervisor) -> EmbeddedStore {
        let options = Options { flush_records: 1, supervisor: supervisor.clone(), ..Options::default() };
        EmbeddedStore::open(folder, Mode::Own, options, Arc::new(Disk)).await.unwrap().0
    }

    async fn append(store: &EmbeddedStore, seed: u64) -> u64 {
        let batches = records::corpus(seed, 1);
        let count = batches.iter().map(|batch| batch.records.len() as u64).sum();
        for batch in batches {
            let content = Content::Batch(Arc::new(batch));
            store.append(&[Delivery { receipt: Receipt(0), content }]).await.unwrap();
        }
        count
    }

    async fn flushed(store: &EmbeddedStore) {
        wait_until("memory is flushed", || store.inner.frozen.borrow().is_empty()).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn each_task_begins_again_after_a_panic_and_the_other_goes_on() {
        let (folder, supervisor) = (tempfile::tempdir().unwrap(), Supervisor::default());
        let store = open(folder.path(), &supervisor).await;
        let mut records = append(&store, 1).await;
        flushed(&store).await;
        for (number, (name, other)) in
            [("store-flush", "store-upkeep"), ("store-upkeep", "store-flush")].into_iter().enumerate()
        {
            let before = task(&supervisor, other).restarts;
            assert!(supervisor.panic_in(name));
            wait_until("the task runs again", || task(&supervisor, name).restarts == 1).await;
            assert_eq!(task(&supervisor, other).restarts, before, "{other}");
            records += append(&store, 2 + number as u64).await;
            flushed(&store).await;
        }
        assert_eq!(store.status().records, records);
        assert_eq!(store.status().trouble, None);
        store.close().await;
        let again = open(folder.path(), &supervisor).await;
        assert_eq!(again.status().records, records);
        again.close().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flush_that_failed_between_catalogue_and_snapshot_is_not_repeated() {
        let (folder, supervisor) = (tempfile::tempdir().unwrap(), Supervisor::default());
        let store = open(folder.path(), &supervisor).await;
        let records = append(&store, 1).await;
        flushed(&store).await;
        // The state after a panic there: the part is listed, but not in the snapshot.
        store.inner.snapshots.update(|snapshot| snapshot.parts = Arc::default());
        assert!(supervisor.panic_in("store-flush"));
        wait_until("the task is given up", || task(&supervisor, "store-flush").state == TaskState::Broken).await;
        assert!(store.status().trouble.unwrap().contains("restart the program"));
        assert_eq!(task(&supervisor, "store-upkeep").state, TaskState::Running);
        let more = append(&store, 2).await;
        store.close().await;
        let again = open(folder.path(), &supervisor).await;
        assert_eq!(again.status().records, records + more, "the journal has kept what was not written");
        again.close().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_part_that_was_replaced_already_is_not_replaced_again() {
        let (folder, supervisor) = (tempfile::tempdir().unwrap(), Supervisor::default());
        let store = open(folder.path(), &supervisor).await;
        append(&store, 1).await;
        wait_until("a part", || !store.inner.snapshots.load().parts.is_empty()).await;
        let info = store.inner.snapshots.load().parts[0].info.clone();
        let (path, catalogue) = (info.path.clone(), &store.inner.catalogue);
        // The state after a panic in upkeep: the catalogue does not list the part, and the snapshot has it.
        catalogue.replace(std::slice::from_ref(&path), &[]).await.unwrap();
        let other = PartInfo { path: "2026-11-21/other.parquet".to_owned(), ..info };
        let error = catalogue.replace(std::slice::from_ref(&path), &[other]).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Internal, "{error}");
        let listed = catalogue.parts().await.unwrap();
        assert!(!listed.iter().any(|part| part.path == path || part.path.ends_with("other.parquet")), "{listed:?}");
        store.close().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn files_that_are_not_listed_are_deleted_at_once() {
        let (folder, supervisor) = (tempfile::tempdir().unwrap(), Supervisor::default());
        let store = open(folder.path(), &supervisor).await;
        let info = PartInfo { path: "2026-11-21/other.parquet".to_owned(), ..PartInfo::default() };
        let file = info.file(&store.inner.folder);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "PAR1").unwrap();
        store.inner.discard([info]);
        assert!(!file.exists());
        store.close().await;
    }
}
