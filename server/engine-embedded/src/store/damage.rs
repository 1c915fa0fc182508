//! Parts whose files are missing or damaged.
//!
//! Such a part is set aside: the catalogue keeps its row and notes what is wrong, answers
//! are made without it, and [`status`](pipeline::StoreStatus::aside) names it. The file, if
//! there is one, moves to the folder `aside`, out of the way of programs that read all
//! parts. At each start the file is looked for, in its own place first, and the part is
//! taken back when it is whole.
//!
//! Lengths and ends of files are looked at when the store opens; what is wrong inside is
//! found by the first scan that reads it, which then goes on without the part.

use std::{
    collections::HashSet,
    fs, io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use parts::{Damage, PartInfo, file, reader::Part};
use pipeline::{Error, ErrorClass, PartAside, Result};
use tokio::task::spawn_blocking;

use super::{Inner, scans::Cancel, scans::Scans, snapshot::Snapshot};
use crate::{
    catalogue::{
        Catalogue,
        aside::{Aside, Listed},
    },
    inspect,
};

/// What a Parquet file ends with.
const MAGIC: &[u8] = b"PAR1";

/// How often one call is made again without the parts that it found damaged.
const TRIES: usize = 32;

/// The parts of a store that opens.
pub(super) struct Checked {
    /// Newest first.
    pub(super) good: Vec<PartInfo>,
    pub(super) aside: Vec<Aside>,
}

enum Judged {
    Good(PartInfo),
    /// Was set aside, and is whole again.
    Back(PartInfo),
    /// Is to be set aside, or for another reason than before.
    Bad(Aside),
    /// Is as it was.
    Still(Aside),
}

/// Sets aside what is damaged, takes back what is whole again, and removes the files that no
/// part names. `parts` is the folder of the parts.
pub(super) async fn check(parts: &Path, catalogue: &Catalogue) -> Result<Checked> {
    let listed = catalogue.listed().await?;
    // What is not in the list is deleted, so nothing of the list may be missing.
    let count = catalogue.count_listed().await?;
    if listed.len() != count {
        return Err(Error::internal(format!("the catalogue gives {} of its {count} parts", listed.len())));
    }
    let folder = parts.to_owned();
    let judged =
        blocking(move || Ok(listed.into_iter().map(|listed| judge(&folder, listed)).collect::<Vec<_>>())).await?;
    let (mut good, mut aside, mut bad, mut back) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for judged in judged {
        match judged {
            Judged::Good(info) => good.push(info),
            Judged::Still(still) => aside.push(still),
            Judged::Bad(new) => {
                bad.push(new.clone());
                aside.push(new);
            }
            Judged::Back(info) => {
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
        tracing::info!(part = path, "a part that was set aside is whole again and was taken back");
    }
    aside.iter().for_each(log_aside);
    good.sort_by_key(|info| std::cmp::Reverse(info.max_time));
    Ok(Checked { good, aside })
}

fn judge(parts: &Path, listed: Listed) -> Judged {
    let before = match listed {
        Listed::Good(info) => {
            return match look(&info.file(parts), &info) {
                Ok(()) => Judged::Good(info),
                Err((damage, reason)) => Judged::Bad(Aside { info, damage, reason }),
            };
        }
        Listed::Aside(before) => before,
    };
    let home = before.info.file(parts);
    let kept = before.info.file(&aside_folder(parts));
    let is_home = home.exists();
    let folder = if is_home { parts.to_owned() } else { aside_folder(parts) };
    match whole(&folder, &before) {
        Ok(()) if is_home => Judged::Back(before.info),
        Ok(()) => match move_file(&kept, &home) {
            Ok(()) => Judged::Back(before.info),
            Err(error) => {
                tracing::warn!(part = before.info.path, %error, "a part is whole again and cannot be moved back");
                Judged::Still(before)
            }
        },
        // What is said of it is about the file that there was.
        Err((Damage::Missing, _)) => Judged::Still(before),
        Err((damage, reason)) => {
            let now = Aside { info: before.info.clone(), damage, reason };
            if now == before && !is_home { Judged::Still(before) } else { Judged::Bad(now) }
        }
    }
}

/// Whether the file is there in its length and ends as a part does.
fn look(path: &Path, info: &PartInfo) -> Result<(), (Damage, String)> {
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
        Ok(()) => Err((Damage::Content, "its file does not end as a Parquet file".to_owned())),
        Err(error) => Err((Damage::Content, format!("its file does not read: {error}"))),
    }
}

/// Whether the file is what is listed, looked at as closely as its damage before asks for.
fn whole(folder: &Path, before: &Aside) -> Result<(), (Damage, String)> {
    look(&before.info.file(folder), &before.info)?;
    if before.damage != Damage::Content {
        return Ok(());
    }
    let part = Part::new(before.info.clone(), folder, Arc::default());
    part.guarded(|| inspect::verify(&part, folder, false)).map_err(|error| (Damage::Content, error.message))
}

/// Where damaged files go: beside the folder of the parts.
fn aside_folder(parts: &Path) -> PathBuf {
    parts.with_file_name("aside")
}

/// Moves a damaged file out of the folder of the parts. What cannot be moved stays there,
/// and is as little read.
fn move_aside(parts: &Path, aside: &Aside) {
    let home = aside.info.file(parts);
    if !home.exists() {
        return;
    }
    let first = aside.info.file(&aside_folder(parts));
    let numbered = (1..1_000).map(|number| first.with_extension(format!("parquet.{number}")));
    let free = std::iter::once(first.clone()).chain(numbered).find(|path| !path.exists());
    if let Err(error) = move_file(&home, &free.unwrap_or(first)) {
        tracing::warn!(part = aside.info.path, %error, "the file of a damaged part stays where it is");
    }
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
        "a part is set aside, its records are missing from every answer; put its file back and start again, or give it \
         up with `logboom parts give-up`"
    );
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work).await.map_err(|error| Error::internal(format!("looking at the parts failed: {error}")))?
}

impl Inner {
    /// Runs `work` on the current snapshot, off the async threads; once more without the
    /// parts that it finds damaged.
    pub(super) async fn scan<T: Send + 'static>(
        &self,
        scans: &Scans,
        work: impl Fn(&Snapshot, &Cancel) -> Result<T> + Send + Sync + 'static,
    ) -> Result<T> {
        let work = Arc::new(work);
        let mut tries = 0;
        loop {
            let snapshot = self.snapshots.load();
            let work = work.clone();
            let outcome = scans.run(move |cancel| work(&snapshot, cancel)).await;
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

    /// Sets aside the parts that were found damaged since they were listed. Returns how many.
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

    /// The parts that are set aside, the newest first.
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

    /// Lists a part that is set aside no more, and deletes what is left of its file. Says
    /// whether there was one.
    pub(super) async fn give_up(&self, name: &str) -> Result<bool> {
        let _one = self.listing.lock().await;
        let Some(aside) = self.aside.lock().iter().find(|aside| aside.info.path == name).cloned() else {
            return Ok(false);
        };
        self.catalogue.replace(&[name.to_owned()], &[]).await?;
        self.aside.lock().retain(|aside| aside.info.path != name);
        tracing::warn!(part = name, records = aside.info.rows, "a part that was set aside is given up");
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
