//! Finds out which records a day has already.

use std::collections::HashSet;

use model::{Nanos, RecordId, StoredRecord};
use pipeline::{Error, Result};

use crate::{
    fetch::blocking,
    manifest::{Manifest, PartEntry},
    place::Archive,
};

/// Rows decoded at a time.
const CHUNK_ROWS: usize = 4096;
/// How far the clocks of two nodes may differ, in milliseconds.
const SKEW: u64 = 600_000;

impl Archive {
    /// Removes the records that the parts of the manifest have. A replay to the store stores archived records again, at
    /// new positions, so that they look like late ones.
    ///
    /// Only records that were admitted before the manifest was written can be in it, so late records mostly cost no
    /// download.
    ///
    /// # Errors
    /// `NotFound` or `Corrupt` if a part is missing or damaged, `Unavailable` if the archive cannot be reached.
    pub(crate) async fn remove_known(&self, manifest: &Manifest, records: &mut Vec<StoredRecord>) -> Result<()> {
        let written = u64::try_from(manifest.created_at / 1_000_000).unwrap_or(0).saturating_add(SKEW);
        let is_old = |stored: &&StoredRecord| stored.record.id.unix_millis() <= written;
        let times: Vec<Nanos> = records.iter().filter(is_old).map(|stored| stored.record.time).collect();
        let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else { return Ok(()) };
        let mut ids: HashSet<RecordId> = records.iter().filter(is_old).map(|stored| stored.record.id).collect();
        let mut known = HashSet::new();
        for part in manifest.parts.iter().filter(|part| part.first_time <= *last && *first <= part.last_time) {
            let (wanted, found) = self.find_in(manifest, part, ids).await?;
            ids = wanted;
            known.extend(found);
        }
        records.retain(|stored| !known.contains(&stored.record.id));
        Ok(())
    }

    /// Returns the ids, and those of them that the part has.
    async fn find_in(
        &self,
        manifest: &Manifest,
        part: &PartEntry,
        ids: HashSet<RecordId>,
    ) -> Result<(HashSet<RecordId>, HashSet<RecordId>)> {
        let local = self.fetch(manifest.day, part).await.map_err(|error| Error {
            message: format!("the part {}/{} cannot be read: {}", manifest.day, part.name, error.message),
            ..error
        })?;
        blocking(move || {
            let mut known = HashSet::new();
            for (group, rows) in local.groups().into_iter().enumerate() {
                for from in (0..rows).step_by(CHUNK_ROWS) {
                    let chunk = local.records(group, from..rows.min(from + CHUNK_ROWS))?;
                    known.extend(chunk.iter().map(|stored| stored.record.id).filter(|id| ids.contains(id)));
                }
            }
            Ok((ids, known))
        })
        .await
    }
}
