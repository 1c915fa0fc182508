//! Writes a day.

use std::{cmp::Reverse, fs, sync::Arc};

use futures::{Stream, TryStreamExt as _};
use model::{Nanos, Position, RecordId, StoredRecord};
use parts::{
    builder::Row,
    place_of,
    writer::{self, Effort},
};
use pipeline::{Error, Result};
use sha2::{Digest as _, Sha256};

use crate::{
    day::Day,
    fetch::blocking,
    local::{self, LocalPart},
    manifest::{Manifest, PartEntry},
    place::Archive,
};

/// Records of a part.
const PART_RECORDS: usize = 200_000;
/// Bytes in memory of a part's records. The file is smaller.
const PART_BYTES: usize = 64 << 20;

/// What to write.
#[derive(Debug, Clone)]
pub struct NewDay {
    pub day: Day,
    /// The id of the store that the records are from.
    pub store: String,
    /// Records with greater positions are left out.
    pub upto: Position,
    /// The current manifest of the day. Its records are left out, and its parts stay.
    pub previous: Option<Manifest>,
    /// The current time.
    pub now: Nanos,
}

/// The result of [`Archive::write`].
#[derive(Debug, Clone)]
pub struct Written {
    /// The new manifest; `None` if there was nothing to write.
    pub manifest: Option<Manifest>,
    /// The records of this call.
    pub records: u64,
    /// All records of the day that the store has up to [`NewDay::upto`], archived before or now.
    pub seen: u64,
}

impl Archive {
    /// Writes the records of `pages`, which come newest first, as parts of up to 200,000 records or 64 MiB in memory.
    /// Each part is read back and compared. The manifest is written last, after `fence` has completed.
    ///
    /// `fence` confirms that the caller still holds its lease.
    ///
    /// # Errors
    /// `Unavailable` if the archive cannot be reached; `Corrupt` if a part does not read back as written; the error of
    /// `pages` or of `fence`. In each case the day stays as it was.
    pub async fn write(
        &self,
        new: NewDay,
        pages: impl Stream<Item = Result<Vec<StoredRecord>>>,
        fence: impl Future<Output = Result<()>>,
    ) -> Result<Written> {
        let NewDay { day, store, upto, previous, now } = new;
        self.delete_unlisted(day, previous.as_ref()).await?;
        let after = previous.as_ref().map_or(i64::MIN, |manifest| manifest.position);
        let (mut entries, mut seen) = (Vec::new(), 0);
        let mut waiting = Waiting::default();
        let mut pages = std::pin::pin!(pages);
        while let Some(page) = pages.try_next().await? {
            for stored in page {
                if stored.position > upto || Day::of(stored.record.time) != day {
                    continue;
                }
                seen += 1;
                if previous.is_none() || stored.position.0 > after {
                    waiting.push(stored);
                }
                if waiting.is_full() {
                    entries.extend(self.write_new(day, previous.as_ref(), waiting.take()).await?);
                }
            }
        }
        entries.extend(self.write_new(day, previous.as_ref(), waiting.take()).await?);
        let records = entries.iter().map(|entry| entry.records).sum();
        if entries.is_empty() {
            return Ok(Written { manifest: None, records, seen });
        }
        let version = previous.as_ref().map_or(1, |manifest| manifest.version + 1);
        let mut parts = previous.map(|manifest| manifest.parts).unwrap_or_default();
        parts.extend(entries);
        let manifest = Manifest::new(day, version, store, upto.0, now, parts);
        fence.await?;
        self.put_manifest(&manifest).await?;
        Ok(Written { manifest: Some(manifest), records, seen })
    }

    /// Writes the records that the day does not have as one part; `None` if there are none.
    async fn write_new(
        &self,
        day: Day,
        previous: Option<&Manifest>,
        mut records: Vec<StoredRecord>,
    ) -> Result<Option<PartEntry>> {
        if let Some(manifest) = previous {
            self.remove_known(manifest, &mut records).await?;
        }
        if records.is_empty() {
            return Ok(None);
        }
        self.write_part(day, Arc::new(records)).await.map(Some)
    }

    /// Writes one part, and compares it with the records after reading it back.
    pub(crate) async fn write_part(&self, day: Day, records: Arc<Vec<StoredRecord>>) -> Result<PartEntry> {
        let (scratch, written) = (self.scratch.clone(), Arc::clone(&records));
        let (entry, content) = blocking(move || {
            let folder = local::folder(&scratch)?;
            let rows: Vec<Row<'_>> = written.iter().map(row).collect();
            let info = writer::write(folder.path(), &day.to_string(), &rows, Effort::Lasting)?;
            let file = info.file(folder.path());
            let content = fs::read(&file)
                .map_err(|error| Error::unavailable(format!("cannot read {}: {error}", file.display())))?;
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let entry = PartEntry {
                name,
                bytes: content.len() as u64,
                records: info.rows,
                first_time: info.min_time,
                last_time: info.max_time,
                sha256: model::hex::encode(&Sha256::digest(&content)),
            };
            Ok((entry, content))
        })
        .await?;
        self.put(day, &entry.name, content).await?;
        let name = entry.name.clone();
        let wrong = |reason: &str| Error::corrupt(format!("the part {day}/{name} does not read back: {reason}"));
        let part = self.fetch(day, &entry).await.map_err(|error| match error.is_retryable() {
            true => error,
            false => wrong(&error.message),
        })?;
        let is_equal = blocking(move || is_equal(&part, &records)).await.map_err(|error| wrong(&error.message))?;
        if is_equal { Ok(entry) } else { Err(wrong("its records differ")) }
    }
}

/// The records of the next part.
#[derive(Default)]
struct Waiting {
    records: Vec<StoredRecord>,
    bytes: usize,
}

impl Waiting {
    fn push(&mut self, stored: StoredRecord) {
        self.bytes += stored.record.weight();
        self.records.push(stored);
    }

    fn is_full(&self) -> bool {
        self.records.len() >= PART_RECORDS || self.bytes >= PART_BYTES
    }

    /// In the order of a part.
    fn take(&mut self) -> Vec<StoredRecord> {
        let Self { mut records, .. } = std::mem::take(self);
        records.sort_by_key(|stored| Reverse((stored.record.time, stored.position)));
        records
    }
}

/// A part derives a record's id from its position and the id of its batch's first record. Not every store counts
/// positions so, but any base that gives the id will do.
fn row(stored: &StoredRecord) -> Row<'_> {
    let place = place_of(stored.position.0) as u128;
    let id_base = RecordId(stored.record.id.0.wrapping_sub(place));
    Row { record: &stored.record, position: stored.position.0, id_base }
}

fn is_equal(part: &LocalPart, records: &[StoredRecord]) -> Result<bool> {
    let mut rest = records;
    for (group, rows) in part.groups().into_iter().enumerate() {
        for stored in part.records(group, 0..rows)? {
            match rest.split_first() {
                Some((first, others)) if *first == stored => rest = others,
                _ => return Ok(false),
            }
        }
    }
    Ok(rest.is_empty())
}
