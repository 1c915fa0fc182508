//! Reads a day in the order of time.

use std::collections::VecDeque;

use futures::Stream;
use model::{Nanos, Position, StoredRecord};
use pipeline::{Error, Result};

use crate::{
    day::Day,
    fetch::blocking,
    local::LocalPart,
    manifest::{Manifest, PartEntry},
    place::Archive,
};

/// Rows decoded at a time from each open part.
const CHUNK_ROWS: usize = 4096;
/// Records of a batch.
const BATCH_RECORDS: usize = 1000;

impl Archive {
    /// The records of a day, oldest first: by time, then by position. Batches have up to 1000 records.
    ///
    /// Reads the parts that the manifest named at the first poll. Holds 4096 records of each part whose times overlap;
    /// parts of one manifest version overlap in at most one instant.
    ///
    /// # Errors
    /// The stream ends with its first error: `NotFound` if the day is not archived or a part is missing, `Corrupt` if
    /// something is damaged, `Unavailable` if the archive cannot be reached.
    pub fn read(&self, day: Day) -> impl Stream<Item = Result<Vec<StoredRecord>>> + Send + use<> {
        let archive = self.clone();
        async_stream::try_stream! {
            let manifest = archive.manifest(day).await?;
            let manifest = manifest.ok_or_else(|| Error::not_found(format!("the day {day} is not archived")))?;
            let mut merge = Merge::new(archive, manifest);
            let mut batch = Vec::with_capacity(BATCH_RECORDS);
            while let Some(stored) = merge.next().await? {
                batch.push(stored);
                if batch.len() == BATCH_RECORDS {
                    yield std::mem::replace(&mut batch, Vec::with_capacity(BATCH_RECORDS));
                }
            }
            if !batch.is_empty() {
                yield batch;
            }
        }
    }
}

/// Merges the parts of a day.
struct Merge {
    archive: Archive,
    day: Day,
    /// Parts that are not downloaded yet, by their first time.
    closed: VecDeque<PartEntry>,
    open: Vec<OpenPart>,
}

impl Merge {
    fn new(archive: Archive, manifest: Manifest) -> Self {
        let mut parts = manifest.parts;
        parts.sort_by_key(|part| part.first_time);
        Self { archive, day: manifest.day, closed: parts.into(), open: Vec::new() }
    }

    async fn next(&mut self) -> Result<Option<StoredRecord>> {
        // A part may hold the next record if it begins no later than the oldest one of the open parts.
        while let Some(part) = self.closed.front()
            && self.oldest().is_none_or(|(_, (time, _))| part.first_time <= time)
        {
            let part = self.archive.fetch(self.day, part).await.map_err(|error| Error {
                message: format!("the part {}/{} cannot be read: {}", self.day, part.name, error.message),
                ..error
            })?;
            self.closed.pop_front();
            let part = OpenPart::new(part).refilled().await?;
            self.open.extend(part);
        }
        let Some((place, _)) = self.oldest() else { return Ok(None) };
        let stored = self.open[place].records.pop();
        if self.open[place].records.is_empty() {
            let part = self.open.swap_remove(place);
            self.open.extend(part.refilled().await?);
        }
        Ok(stored)
    }

    /// The open part with the oldest record.
    fn oldest(&self) -> Option<(usize, (Nanos, Position))> {
        let keys = self.open.iter().enumerate().filter_map(|(place, part)| Some((place, part.key()?)));
        keys.min_by_key(|(_, key)| *key)
    }
}

/// A downloaded part, read from its end, where its oldest records are.
struct OpenPart {
    part: LocalPart,
    /// The rows of each row group that are not decoded yet.
    rest: Vec<usize>,
    /// Decoded records, newest first.
    records: Vec<StoredRecord>,
}

impl OpenPart {
    fn new(part: LocalPart) -> Self {
        Self { rest: part.groups(), part, records: Vec::new() }
    }

    fn key(&self) -> Option<(Nanos, Position)> {
        self.records.last().map(|stored| (stored.record.time, stored.position))
    }

    /// Decodes the next records; `None` at the end of the part.
    async fn refilled(mut self) -> Result<Option<Self>> {
        blocking(move || {
            while self.rest.last() == Some(&0) {
                self.rest.pop();
            }
            let Some(group) = self.rest.len().checked_sub(1) else { return Ok(None) };
            let rows = self.rest[group];
            let from = rows.saturating_sub(CHUNK_ROWS);
            self.records = self.part.records(group, from..rows)?;
            self.rest[group] = from;
            Ok(Some(self))
        })
        .await
    }
}
