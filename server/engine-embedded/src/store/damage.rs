//! Parts with missing or damaged files.
//!
//! Such a part is set aside: the catalogue keeps its row with the damage, queries skip it, and
//! [`status`](pipeline::StoreStatus::aside) lists it. The file, if it exists, moves to the folder `aside`, away from
//! programs that read all parts. Each start looks for the file, first at its original path, and restores the part if
//! the file is intact.
//!
//! Sizes and trailers are checked when the store opens. Damage inside a file is found by the first scan that reads it;
//! the scan then continues without the part.

use std::{
    collections::HashSet,
    fs, io,
    ops::RangeInclusive,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::DateTime;
use parts::{Damage, PartInfo, file, reader::Part};
use pipeline::{Error, ErrorClass, PartAside, Result, TimeRange};
use tokio::task::spawn_blocking;

use super::{Inner, scans::Cancel, scans::Scans, snapshot::Snapshot};
use crate::{
    catalogue::{
        Catalogue,
        aside::{Aside, Listed},
    },
    inspect,
};

/// The last bytes of a Parquet file.
const MAGIC: &[u8] = b"PAR1";

/// The maximum number of tries of one call; each retry skips the parts found damaged.
const TRIES: usize = 32;

/// The result of checking the parts on open.
pub(super) struct Checked {
    /// Newest first.
    pub(super) good: Vec<PartInfo>,
    pub(super) aside: Vec<Aside>,
}

enum Verdict {
    Intact(PartInfo),
    /// Was set aside, and is intact again.
    Restored(PartInfo),
    /// Must be set aside, or its damage has changed.
    Damaged(Aside),
    /// Stays set aside.
    Unchanged(Aside),
}

/// Sets aside damaged parts, restores intact ones, and removes unlisted files. `parts` is the folder of the parts.
pub(super) async fn check(parts: &Path, catalogue: &Catalogue) -> Result<Checked> {
    let listed = catalogue.listed().await?;
    // Unlisted files are deleted, so the list must be complete.
    let count = catalogue.count_listed().await?;
    if listed.len() != count {
        return Err(Error::internal(format!("the catalogue returned {} of its {count} parts", listed.len())));
    }
    let folder = parts.to_owned();
    let verdicts =
        blocking(move || Ok(listed.into_iter().map(|listed| check_listed(&folder, listed)).collect::<Vec<_>>()))
            .await?;
    let (mut good, mut aside, mut bad, mut back) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for verdict in verdicts {
        match verdict {
            Verdict::Intact(info) => good.push(info),
            Verdict::Unchanged(still) => aside.push(still),
            Verdict::Damaged(new) => {
                bad.push(new.clone());
                aside.push(new);
            }
            Verdict::Restored(info) => {
                back.push(info.path.clone());
                good.push(info);
            }
        }
    }
    if !bad.is_empty() || !back.is_empty() {
        catalogue.set_aside(&bad, &back).await?;
    }
    let folder = parts.to_owned();
    let moved = bad.clone();
    let names: HashSet<String> =
        good.iter().chain(aside.iter().map(|aside| &aside.info)).map(|info| info.path.clone()).collect();
    blocking(move || {
        moved.iter().for_each(|aside| move_aside(&folder, aside));
        let names = names.iter().map(String::as_str).collect();
        let orphans = file::remove_orphans(&folder, &names)?;
        if orphans > 0 {
            tracing::info!(orphans, "removed files of parts that were never listed");
        }
        Ok(())
    })
    .await?;
    for path in &back {
        tracing::info!(part = path, "a part that was set aside is intact again and was restored");
    }
    aside.iter().for_each(log_aside);
    good.sort_by_key(|info| std::cmp::Reverse(info.max_time));
    Ok(Checked { good, aside })
}

fn check_listed(parts: &Path, listed: Listed) -> Verdict {
    let before = match listed {
        Listed::Good(info) => {
            return match check_file(&info.file(parts), &info) {
                Ok(()) => Verdict::Intact(info),
                Err((damage, reason)) => Verdict::Damaged(Aside { info, damage, reason }),
            };
        }
        Listed::Aside(before) => before,
    };
    let home = before.info.file(parts);
    let kept = before.info.file(&aside_folder(parts));
    let is_home = home.exists();
    let folder = if is_home { parts.to_owned() } else { aside_folder(parts) };
    match verify_file(&folder, &before) {
        Ok(()) if is_home => Verdict::Restored(before.info),
        Ok(()) => match move_file(&kept, &home) {
            Ok(()) => Verdict::Restored(before.info),
            Err(error) => {
                tracing::warn!(part = before.info.path, %error, "a part is intact again and cannot be moved back");
                Verdict::Unchanged(before)
            }
        },
        // The recorded damage describes the file that existed.
        Err((Damage::Missing, _)) => Verdict::Unchanged(before),
        Err((damage, reason)) => {
            let now = Aside { info: before.info.clone(), damage, reason };
            if now == before && !is_home { Verdict::Unchanged(before) } else { Verdict::Damaged(now) }
        }
    }
}

/// Checks that the file exists, and checks its size and trailer.
fn check_file(path: &Path, info: &PartInfo) -> Result<(), (Damage, String)> {
    let gone = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => (Damage::Missing, "its file is missing".to_owned()),
        _ => (Damage::Missing, format!("its file cannot be opened: {error}")),
    };
    let file = fs::File::open(path).map_err(gone)?;
    let bytes = file.metadata().map_err(gone)?.len();
    if bytes != info.bytes {
        return Err((Damage::Size, format!("its file has {bytes} bytes instead of {}", info.bytes)));
    }
    let mut end = [0; MAGIC.len()];
    let offset = bytes.saturating_sub(MAGIC.len() as u64);
    match file.read_exact_at(&mut end, offset) {
        Ok(()) if end == MAGIC => Ok(()),
        Ok(()) => Err((Damage::Content, "its file has no Parquet trailer".to_owned())),
        Err(error) => Err((Damage::Content, format!("its file cannot be read: {error}"))),
    }
}

/// Verifies the file against the catalogue, as thoroughly as its recorded damage requires.
fn verify_file(folder: &Path, before: &Aside) -> Result<(), (Damage, String)> {
    check_file(&before.info.file(folder), &before.info)?;
    if before.damage != Damage::Content {
        return Ok(());
    }
    let part = Part::new(before.info.clone(), folder, Arc::default());
    part.guarded(|| inspect::verify(&part, folder, false)).map_err(|error| (Damage::Content, error.message))
}

/// The folder of damaged files, next to the folder of the parts.
fn aside_folder(parts: &Path) -> PathBuf {
    parts.with_file_name("aside")
}

/// Moves a damaged file out of the folder of the parts. A file that cannot be moved stays there and is not read.
fn move_aside(parts: &Path, aside: &Aside) {
    let home = aside.info.file(parts);
    if !home.exists() {
        return;
    }
    let first = aside.info.file(&aside_folder(parts));
    let numbered = (1..1_000).map(|number| first.with_extension(format!("parquet.{number}")));
    let free = std::iter::once(first.clone()).chain(numbered).find(|path| !path.exists());
    if let Err(error) = move_file(&home, &free.unwrap_or(first)) {
        tracing::warn!(part = aside.info.path, %error, "cannot move the file of a damaged part");
    }
}

/// Removes files of these days that are not of a part in `kept`. Returns their number.
fn remove_remains(folder: &Path, days: &RangeInclusive<String>, kept: &[String]) -> io::Result<usize> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut removed = 0;
    for day in entries {
        let day = day?;
        let name = day.file_name().to_string_lossy().into_owned();
        if !days.contains(&name) || !day.path().is_dir() {
            continue;
        }
        for file in fs::read_dir(day.path())? {
            let file = file?;
            let path = format!("{name}/{}", file.file_name().to_string_lossy());
            // The files of one part are numbered.
            if !kept.iter().any(|kept| path.starts_with(kept.as_str())) {
                fs::remove_file(file.path())?;
                removed += 1;
            }
        }
        // Fails if the folder is not empty, as intended.
        let _ = fs::remove_dir(day.path());
    }
    Ok(removed)
}

fn move_file(from: &Path, to: &Path) -> Result<()> {
    let folder = to.parent().unwrap_or(to);
    fs::create_dir_all(folder).map_err(|error| file::failed("create", folder, &error))?;
    fs::rename(from, to).map_err(|error| file::failed("move", from, &error))?;
    file::sync_folder(folder)
}

fn log_aside(aside: &Aside) {
    let Aside { info, reason, .. } = aside;
    tracing::error!(
        part = info.path,
        records = info.rows,
        reason,
        "a part is set aside, its records are missing from every result; restore its file and restart the server, or give it \
         up with `logboom parts give-up`"
    );
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work).await.map_err(|error| Error::internal(format!("checking the parts failed: {error}")))?
}

impl Inner {
    /// Runs `work` on the current snapshot, on the scan threads. Retries without the parts that it finds damaged.
    pub(super) async fn scan<T: Send + 'static>(
        &self,
        scans: &Scans,
        work: impl Fn(&Snapshot, &Cancel) -> Result<T> + Send + Sync + 'static,
    ) -> Result<T> {
        let work = Arc::new(work);
        let run = move |snapshot: Arc<Snapshot>| {
            let work = work.clone();
            scans.run(move |cancel| work(&snapshot, cancel))
        };
        self.retried(run).await
    }

    /// Runs `work` on the current snapshot. Retries without the parts that it finds damaged.
    pub(super) async fn retried<T, F: Future<Output = Result<T>>>(
        &self,
        work: impl Fn(Arc<Snapshot>) -> F,
    ) -> Result<T> {
        let mut tries = 0;
        loop {
            let outcome = work(self.snapshots.load()).await;
            tries += 1;
            match outcome {
                Err(error) if error.class != ErrorClass::Invalid && tries < TRIES => {
                    if self.set_damaged_aside().await? == 0 {
                        return Err(error);
                    }
                }
                outcome => return outcome,
            }
        }
    }

    /// Sets aside the parts found damaged since they were listed. Returns their number.
    pub(super) async fn set_damaged_aside(&self) -> Result<usize> {
        let damaged = || -> Vec<Aside> {
            let snapshot = self.snapshots.load();
            let aside = |part: &Arc<Part>| {
                let (damage, reason) = part.damage()?;
                Some(Aside { info: part.info.clone(), damage, reason })
            };
            snapshot.parts.iter().filter_map(aside).collect()
        };
        if damaged().is_empty() {
            return Ok(0);
        }
        let _one = self.listing.lock().await;
        let damaged = damaged();
        self.catalogue.set_aside(&damaged, &[]).await?;
        self.snapshots.update(|snapshot| {
            let mut parts = snapshot.parts.to_vec();
            parts.retain(|part| !damaged.iter().any(|aside| aside.info.path == part.info.path));
            snapshot.parts = Arc::new(parts);
        });
        self.aside.lock().extend(damaged.iter().cloned());
        metrics::counter!("logboom_store_parts_set_aside_total").increment(damaged.len() as u64);
        damaged.iter().for_each(log_aside);
        let (folder, count) = (self.folder.clone(), damaged.len());
        blocking(move || {
            damaged.iter().for_each(|aside| move_aside(&folder, aside));
            Ok(())
        })
        .await?;
        Ok(count)
    }

    /// Removes what is left of damaged parts that were restored or given up since, of the UTC days of `range`: a copy of
    /// what a deletion has just removed may be in it.
    pub(super) async fn remove_remains(&self, range: TimeRange) -> Result<()> {
        // Held while files are moved aside.
        let _one = self.listing.lock().await;
        let day = |time| DateTime::from_timestamp_nanos(time).format("%Y-%m-%d").to_string();
        let days = day(range.from)..=day(range.to.saturating_sub(1));
        let kept: Vec<String> = self.aside.lock().iter().map(|aside| aside.info.path.clone()).collect();
        let folder = aside_folder(&self.folder);
        blocking(move || {
            let removed =
                remove_remains(&folder, &days, &kept).map_err(|error| file::failed("clear", &folder, &error))?;
            if removed > 0 {
                tracing::info!(removed, "removed what was left of damaged parts that were restored or given up");
            }
            Ok(())
        })
        .await
    }

    /// The parts that are set aside, newest first.
    pub(super) fn parts_aside(&self) -> Vec<PartAside> {
        let mut aside: Vec<PartAside> = self.aside.lock().iter().map(|aside| self.described(aside)).collect();
        aside.sort_by_key(|part| std::cmp::Reverse(part.newest));
        aside
    }

    fn described(&self, aside: &Aside) -> PartAside {
        let Aside { info, reason, .. } = aside;
        PartAside {
            name: info.path.clone(),
            path: info.file(&self.folder).display().to_string(),
            reason: reason.clone(),
            records: info.rows,
            bytes: info.bytes,
            oldest: info.min_time,
            newest: info.max_time,
        }
    }

    /// Removes a part that is set aside from the list, and deletes the rest of its file. Returns whether it existed.
    pub(super) async fn give_up(&self, name: &str) -> Result<bool> {
        let _one = self.listing.lock().await;
        let Some(aside) = self.aside.lock().iter().find(|aside| aside.info.path == name).cloned() else {
            return Ok(false);
        };
        self.catalogue.replace(&[name.to_owned()], &[]).await?;
        self.aside.lock().retain(|aside| aside.info.path != name);
        tracing::warn!(part = name, records = aside.info.rows, "a part that was set aside was given up");
        let folder = self.folder.clone();
        blocking(move || {
            // The file may be missing.
            let _ = fs::remove_file(aside.info.file(&aside_folder(&folder)));
            Ok(())
        })
        .await?;
        Ok(true)
    }
}
