//! Removes records from a day.

use std::sync::Arc;

use model::{Nanos, Query, StoredRecord, TimeRange};
use pipeline::{Error, Result};

use crate::{
    day::Day,
    fetch::blocking,
    local::LocalPart,
    manifest::{Manifest, PartEntry},
    place::Archive,
};

/// Rows decoded at a time.
const CHUNK_ROWS: usize = 4096;

/// What [`Archive::remove`] removes: the records of the day that match and have a time in the range.
#[derive(Debug, Clone)]
pub struct DayRemoval {
    pub day: Day,
    pub query: Query,
    pub range: TimeRange,
    /// The current time.
    pub now: Nanos,
}

impl Archive {
    /// Writes the parts of the day again that have such records, without them. Returns their number; 0 for a day that is
    /// not archived. A day of which nothing is left keeps its manifest without parts, so that the next look at the store
    /// takes only late records.
    ///
    /// The day is whole at each moment: the new parts come first, then the manifest, after `fence` has completed, and then
    /// the old parts go. A call after an interrupted one deletes what that has left. `fence` confirms that the caller
    /// still holds its lease.
    ///
    /// Who reads the day meanwhile may find an old part missing.
    ///
    /// # Errors
    /// `NotFound` or `Corrupt` if a part is missing or damaged, or a new one does not read back as written; `Unavailable`
    /// if the archive cannot be reached; the error of `fence`. The day is as before, or already without the records.
    pub async fn remove(&self, removal: &DayRemoval, fence: impl Future<Output = Result<()>>) -> Result<u64> {
        let day = removal.day;
        let manifest = self.manifest(day).await?;
        // The rest of an interrupted attempt may have the records, too.
        self.delete_unlisted(day, manifest.as_ref()).await?;
        let Some(manifest) = manifest else { return Ok(0) };
        let (mut parts, mut old, mut removed) = (Vec::with_capacity(manifest.parts.len()), Vec::new(), 0);
        for part in &manifest.parts {
            match self.rest_of(removal, part).await? {
                None => parts.push(part.clone()),
                Some(rest) => {
                    removed += rest.removed;
                    parts.extend(rest.part);
                    old.push(&part.name);
                }
            }
        }
        if removed == 0 {
            return Ok(0);
        }
        // It tells which records can be in the parts, and those that stay may be of any time before.
        let created_at = removal.now.max(manifest.created_at);
        let version = manifest.version + 1;
        let new = Manifest::new(day, version, manifest.store.clone(), manifest.position, created_at, parts);
        fence.await?;
        self.put_manifest(&new).await?;
        // Only these: if the lease is lost by now, another process may write further parts.
        for name in old {
            self.delete(day, name).await?;
        }
        Ok(removed)
    }

    /// Writes the rest of a part; `None` if it has no record to remove.
    async fn rest_of(&self, removal: &DayRemoval, part: &PartEntry) -> Result<Option<Rest>> {
        let (day, range) = (removal.day, removal.range);
        if part.last_time < range.from || part.first_time >= range.to {
            return Ok(None);
        }
        let local = self.fetch(day, part).await.map_err(|error| Error {
            message: format!("the part {day}/{} cannot be read: {}", part.name, error.message),
            ..error
        })?;
        let query = removal.query.clone();
        let (kept, removed) = blocking(move || split(&local, &query, range)).await?;
        if removed == 0 {
            return Ok(None);
        }
        let part = if kept.is_empty() { None } else { Some(self.write_part(day, Arc::new(kept)).await?) };
        Ok(Some(Rest { part, removed }))
    }
}

/// What is left of a part.
struct Rest {
    /// `None` if nothing is.
    part: Option<PartEntry>,
    removed: u64,
}

/// The records that stay, in the order of the part, and the number of the others.
fn split(part: &LocalPart, query: &Query, range: TimeRange) -> Result<(Vec<StoredRecord>, u64)> {
    let (mut kept, mut removed) = (Vec::new(), 0);
    for (group, rows) in part.groups().into_iter().enumerate() {
        for from in (0..rows).step_by(CHUNK_ROWS) {
            for stored in part.records(group, from..rows.min(from + CHUNK_ROWS))? {
                if range.contains(stored.record.time) && query.matches(&stored.record) {
                    removed += 1;
                } else {
                    kept.push(stored);
                }
            }
        }
    }
    Ok((kept, removed))
}
