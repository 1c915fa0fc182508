//! One round: takes closed days and late records to the archive, and deletes its old days.

use std::{collections::HashMap, time::Duration};

use archive::{Archive, Day, NewDay};
use futures::StreamExt as _;
use model::{Position, Query};
use pipeline::{Error, Result, clock::Clock};
use reading::Reader;

use super::{
    Fence,
    events::{DayArchived, DayExpired, show_last},
};

/// Takes days from the store to the archive.
pub(super) struct Round {
    pub(super) archive: Archive,
    pub(super) reader: Reader,
    pub(super) store_id: String,
    pub(super) clock: Clock,
    pub(super) days: u32,
    pub(super) grace: Duration,
    /// What the store had of each day at the last look. Without it, a restart compares with the manifests.
    pub(super) looked: HashMap<Day, Looked>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Looked {
    upto: Position,
    /// Records of the day up to the position.
    records: u64,
}

impl Round {
    /// # Errors
    /// The first error of a day. Other days are still taken, unless the archive or the store cannot be reached.
    pub(super) async fn run(&mut self, fence: &Fence) -> Result<()> {
        let now = self.clock.now();
        let grace = i64::try_from(self.grace.as_nanos()).unwrap_or(i64::MAX);
        let open = Day::of(now.saturating_sub(grace));
        let first = Day::of(now).earlier(self.days.into());
        fence.confirm().await?;
        for day in self.archive.expire(first).await? {
            DayExpired { day }.emit();
        }
        self.looked.retain(|day, _| *day >= first);
        let mut failure = None;
        let mut day = first;
        while day < open {
            match self.take(day, fence).await {
                Ok(()) => {}
                Err(error) if error.is_retryable() => return Err(error),
                Err(error) => failure = failure.or(Some(error)),
            }
            day = day.earlier(-1);
        }
        failure.map_or(Ok(()), Err)
    }

    /// Takes a day, or its late records, if the store has any.
    async fn take(&mut self, day: Day, fence: &Fence) -> Result<()> {
        let previous = self.archive.manifest(day).await?;
        if let Some(manifest) = &previous {
            show_last(day);
            if manifest.store != self.store_id {
                return Err(Error::conflict(format!(
                    "the day {day} was archived from another store; give each store its own folder or prefix in \
                     --archive"
                )));
            }
        }
        let archived =
            previous.as_ref().map(|manifest| Looked { upto: Position(manifest.position), records: manifest.records });
        let looked = self.looked.get(&day).copied().or(archived);
        // Before the count: records that are stored in between make the count greater, and are found now or later.
        let upto = self.reader.newest().await?;
        if looked.is_some_and(|looked| looked.upto == upto) {
            return Ok(());
        }
        let records = self.reader.count(&Query::default(), day.range()).await?.count;
        if records == looked.map_or(0, |looked| looked.records) {
            self.looked.insert(day, Looked { upto, records });
            return Ok(());
        }
        let pages = self.reader.pages(Query::default(), day.range()).boxed();
        let new = NewDay { day, store: self.store_id.clone(), upto, previous, now: self.clock.now() };
        let written = self.archive.write(new, pages, fence.confirm()).await?;
        if let Some(manifest) = &written.manifest {
            show_last(day);
            DayArchived { manifest, records: written.records }.emit();
        }
        self.looked.insert(day, Looked { upto, records: written.seen });
        Ok(())
    }
}
