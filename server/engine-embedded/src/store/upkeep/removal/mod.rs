//! Deletes the records that match a query, for good: [`Log::remove`](pipeline::Log::remove).
//!
//! Parts never change, so a part with such records is written again without them and replaced in one transaction of the
//! catalogue, as by a merge. A part that has no others is dropped. A pass:
//!
//! 1. seals the write-ahead log, and waits until the records in memory are in parts;
//! 2. visits the parts whose bounds meet the removal, in the order of their creation. A part that a merge or this pass
//!    makes meanwhile is the newest, so it is visited, too. Indexes rule out most parts and row groups without matches;
//! 3. waits until no file holds the records: neither the write-ahead log nor a replaced part that a query still reads.
//!
//! A step takes parts until a second has passed, so it writes at least one part, which takes some seconds if it is a full
//! one. Each part is one transaction: after a crash, a part is the old or the new one. The new part needs its space on
//! disk until the old one is deleted. Memory: the positions of the matching rows of one part, and that of a merge.

mod count;
mod place;
mod rows;

use std::{slice, sync::Arc, time::Duration};

use crash_points::crash_point;
use parts::{PartInfo, frame_of, merge::Keep, reader::Part};
use pipeline::{Error, ErrorClass, Removal, RemovalStep, Result, Tally};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use self::{place::Place, rows::window};
use super::{Inner, stopped};

/// The time after which a step takes no further part.
const STEP: Duration = Duration::from_secs(1);
/// How long a step waits for a merge to end.
const TURN: Duration = Duration::from_secs(60);
/// The pause between two looks at the files that have to go.
const LOOK: Duration = Duration::from_millis(50);
/// The number of steps that wait for the files before the reason becomes an error.
const LOOKS: u32 = 30;
/// The number of names in a message.
const NAMES: usize = 3;

impl Inner {
    /// As [`Log::count_removal`](pipeline::Log::count_removal).
    pub(in crate::store) async fn count_removal(&self, removal: &Removal) -> Result<Tally> {
        let removal = removal.clone();
        self.scan(&self.removals, move |snapshot, cancel| count::count(snapshot, &removal, cancel)).await
    }

    /// As [`Log::remove`](pipeline::Log::remove), until `stop`. It must not be dropped before its end: the catalogue would
    /// be ahead of the snapshot.
    pub(in crate::store) async fn remove(
        self: &Arc<Self>,
        removal: Removal,
        from: Option<String>,
        stop: &CancellationToken,
    ) -> Result<RemovalStep> {
        let removal = Arc::new(removal);
        match from.as_deref().map(Place::read).transpose()? {
            None => {
                self.leave_memory(&removal, stop).await.map_err(not_at_the_end)?;
                self.remove_from_parts(&removal, (String::new(), false), stop).await.map_err(not_at_the_end)
            }
            Some(Place::After { part, has_removed }) => {
                self.remove_from_parts(&removal, (part, has_removed), stop).await.map_err(not_at_the_end)
            }
            Some(Place::Files { looks, has_removed }) => self.remove_files(&removal, looks, has_removed, stop).await,
        }
    }

    /// Seals the write-ahead log, and waits until the records in memory are in parts.
    async fn leave_memory(&self, removal: &Removal, stop: &CancellationToken) -> Result<()> {
        let frame = self.last_frame(removal).await;
        self.journal.wal().forget(frame).await?;
        crash_point!("removal::log-sealed");
        until(stop, self.flush_upto(frame)).await?;
        crash_point!("removal::memory-flushed");
        Ok(())
    }

    /// The last frame with a record that the removal may take.
    async fn last_frame(&self, removal: &Removal) -> u64 {
        frame_of(removal.upto.0).min(self.appender.lock().await.frame)
    }

    /// Removes the records from the parts after the one of this name. The pass has removed some before, or has not.
    async fn remove_from_parts(
        self: &Arc<Self>,
        removal: &Arc<Removal>,
        (mut after, had_removed): (String, bool),
        stop: &CancellationToken,
    ) -> Result<RemovalStep> {
        let turn = timeout(TURN, stop.run_until_cancelled(self.rewriting.lock())).await;
        let Some(_alone) = turn.map_err(|_| Error::overloaded("parts are being merged", STEP))? else {
            return Err(stopped());
        };
        let deadline = Instant::now() + STEP;
        let mut removed = 0;
        let step = |removed: u64, part: String| {
            let place = Place::After { part, has_removed: had_removed || removed > 0 };
            RemovalStep { removed, next: Some(place.to_string()) }
        };
        while let Some(part) = self.next_part(removal, &after) {
            match self.remove_from_part(&part, removal, stop).await {
                Ok(records) => removed += records,
                // Then the next part is another one: the damaged one is no longer listed as intact. A search may have
                // set it aside first.
                Err(_) if part.damage().is_some() => {
                    self.set_damaged_aside().await?;
                    continue;
                }
                // The next step returns the error.
                Err(_) if removed > 0 => return Ok(step(removed, after)),
                Err(error) => return Err(error),
            }
            place::name(&part.info.path).clone_into(&mut after);
            if Instant::now() >= deadline {
                return Ok(step(removed, after));
            }
        }
        let place = Place::Files { looks: 0, has_removed: had_removed || removed > 0 };
        Ok(RemovalStep { removed, next: Some(place.to_string()) })
    }

    /// The first part after the one of this name that may have records of the removal.
    fn next_part(&self, removal: &Removal, after: &str) -> Option<Arc<Part>> {
        let snapshot = self.snapshots.load();
        let later = snapshot.parts.iter().filter(|part| place::name(&part.info.path) > after);
        let next = later
            .filter(|part| may_hold(&part.info, removal))
            .min_by(|one, other| place::name(&one.info.path).cmp(place::name(&other.info.path)));
        next.cloned()
    }

    /// Replaces a part by one without the records of the removal. Returns their number.
    async fn remove_from_part(
        self: &Arc<Self>,
        part: &Arc<Part>,
        removal: &Arc<Removal>,
        stop: &CancellationToken,
    ) -> Result<u64> {
        let (searched, wanted) = (Arc::clone(part), Arc::clone(removal));
        let search = self.removals.run(move |cancel| rows::positions(&searched, &wanted, cancel));
        let positions = until(stop, search).await?;
        let removed = positions.len() as u64;
        if removed == 0 {
            return Ok(0);
        }
        let rest = if removed == part.info.rows {
            None
        } else {
            let keep: Box<Keep> = Box::new(move |_: &str, position: i64| positions.binary_search(&position).is_err());
            self.merge(vec![Arc::clone(part)], Some(keep), stop).await?
        };
        let kept = rest.as_ref().map_or(0, |rest| rest.rows);
        if kept + removed != part.info.rows {
            self.discard(rest);
            return Err(Error::internal(format!(
                "without {removed} of its {} records, the part {} has {kept}; it stays as it is",
                part.info.rows, part.info.path
            )));
        }
        self.replace(slice::from_ref(part), rest).await?;
        crash_point!("removal::part-replaced");
        tracing::debug!(part = part.info.path, removed, kept, "records of a deletion removed from a part");
        Ok(removed)
    }

    /// Ends the pass once no file holds the records any longer.
    async fn remove_files(
        &self,
        removal: &Removal,
        looks: u32,
        has_removed: bool,
        stop: &CancellationToken,
    ) -> Result<RemovalStep> {
        let deadline = Instant::now() + STEP;
        while let Some(left) = self.left_on_disk(removal, stop).await.map_err(not_at_the_end)? {
            if Instant::now() < deadline {
                let pause = async {
                    sleep(LOOK).await;
                    Ok(())
                };
                until(stop, pause).await?;
            } else if looks < LOOKS {
                let place = Place::Files { looks: looks + 1, has_removed };
                return Ok(RemovalStep { removed: 0, next: Some(place.to_string()) });
            } else {
                return Err(Error::unavailable(left));
            }
        }
        // What a deletion without matches finds there is of no use to it, but perhaps to whoever looks into the damage.
        if has_removed {
            self.remove_remains(removal.range).await.map_err(not_at_the_end)?;
        }
        crash_point!("removal::files-gone");
        match self.aside_of(removal) {
            Some(error) => Err(error),
            None => Ok(RemovalStep::default()),
        }
    }

    /// What still holds removed records on disk, and when it goes.
    async fn left_on_disk(&self, removal: &Removal, stop: &CancellationToken) -> Result<Option<String>> {
        let (frame, wal) = (self.last_frame(removal).await, self.journal.wal());
        if let Some(last) = wal.forget(frame).await? {
            until(stop, self.flush_upto(last)).await?;
            if let Some(last) = wal.forget(frame).await? {
                return Ok(Some(format!(
                    "the records are removed, and files of the write-ahead log still hold them: they go when the \
                     batches up to number {last} are stored"
                )));
            }
        }
        let mut leaving = self.leaving.lock();
        leaving.retain(|file| file.exists());
        Ok(leaving.first().map(|file| {
            format!(
                "the records are removed, and {} replaced files still hold them, such as {}: they go when the queries \
                 that read them end, or at the next start",
                leaving.len(),
                file.display()
            )
        }))
    }

    /// The error that names the parts which are set aside and may hold records of the removal.
    fn aside_of(&self, removal: &Removal) -> Option<Error> {
        let aside = self.aside.lock();
        let names: Vec<&str> =
            aside.iter().filter(|aside| may_hold(&aside.info, removal)).map(|aside| aside.info.path.as_str()).collect();
        let (shown, others) = names.split_at(names.len().min(NAMES));
        let others = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
        (!names.is_empty()).then(|| {
            Error::corrupt(format!(
                "all matching records are removed, except those of parts that are set aside: {}{others}; restore their \
                 files and restart the server, or give them up with `logboom parts give-up`, and start the deletion again",
                shown.join(", ")
            ))
        })
    }
}

/// `Corrupt` says that everything else of the pass is removed, so only its end returns that.
fn not_at_the_end(error: Error) -> Error {
    if error.class == ErrorClass::Corrupt { Error::internal(error.message) } else { error }
}

/// Whether a part may have records of the removal, by its bounds.
fn may_hold(part: &PartInfo, removal: &Removal) -> bool {
    window(removal).meets((part.min_time, part.max_time), (part.min_position, part.max_position))
}

/// The result of `work`, which may be dropped.
///
/// # Errors
/// `Unavailable` on `stop`.
async fn until<T>(stop: &CancellationToken, work: impl Future<Output = Result<T>>) -> Result<T> {
    stop.run_until_cancelled(work).await.unwrap_or_else(|| Err(stopped()))
}
