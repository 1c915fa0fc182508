//! The caller's sight: what of the records a caller may see ([`model::Sight`]) holds for each answer.
//!
//! - [`Reader::seen_by`](crate::Reader::seen_by) puts [`Seen`] before the store. Every question of a reader goes through
//!   it, so a method cannot forget the filter.
//! - What cannot be filtered exactly is refused to a limited sight as a whole ([`need_whole_sight`]): dead letters, the
//!   loss ledger, damaged parts, the export of documents, and numbers of all records.
//! - Saved views are words of other users; a limited sight sees none.
//! - Audit records are left out for everybody but admins. That is no limit: a sight without a filter and hidden fields is
//!   whole, and is refused nothing but the dead letters that contain audit records.

use std::sync::Arc;

use async_trait::async_trait;
use model::{
    HiddenField, Query, RecordId, Sight, StoredRecord,
    aggregate::{Aggregation, Key, Table},
};
use pipeline::{Ask, Context, Error, Result, SearchPage, SearchRequest};

/// The most neighbours on each side that are examined for those which the sight shows.
const MOST_EXAMINED: usize = 1_000;
/// How many more are examined if too few are shown.
const GROWTH: usize = 4;

/// Refuses a limited sight.
///
/// # Errors
/// `Forbidden`. `what` is the subject of the sentence, in the plural.
pub fn need_whole_sight(sight: &Sight, what: &str) -> Result<()> {
    if sight.is_whole() {
        return Ok(());
    }
    Err(Error::forbidden(format!(
        "{what} concern all records, and your access is limited by a filter or hidden fields; use a key or a user \
         without these limits"
    )))
}

/// The error of a request that names a hidden field.
pub(crate) fn refused(error: HiddenField) -> Error {
    Error::forbidden(error.to_string())
}

/// A store as a caller sees it.
pub(crate) struct Seen {
    store: Arc<dyn Ask>,
    sight: Sight,
}

impl Seen {
    /// A sight of everything gets the store itself.
    pub(crate) fn through(store: Arc<dyn Ask>, sight: Sight) -> Arc<dyn Ask> {
        if sight.sees_everything() { store } else { Arc::new(Self { store, sight }) }
    }

    fn query(&self, query: &Query) -> Result<Query> {
        self.sight.apply(query.clone()).map_err(refused)
    }

    /// The record without its hidden fields; `None` if the filter does not show it.
    fn shown(&self, mut stored: StoredRecord) -> Option<StoredRecord> {
        if !self.sight.shows(&stored.record) {
            return None;
        }
        self.sight.hide(&mut stored.record);
        Some(stored)
    }
}

#[async_trait]
impl Ask for Seen {
    async fn search(&self, request: &SearchRequest) -> Result<SearchPage> {
        let request = SearchRequest { query: self.query(&request.query)?, ..request.clone() };
        let mut page = self.store.search(&request).await?;
        page.records.iter_mut().for_each(|stored| self.sight.hide(&mut stored.record));
        Ok(page)
    }

    async fn aggregate(&self, aggregation: &Aggregation) -> Result<Vec<Table>> {
        for key in aggregation.groupings.iter().flat_map(|grouping| &grouping.keys) {
            match key {
                Key::Field(field) => self.sight.check(field).map_err(refused)?,
                Key::Time { .. } => {}
            }
        }
        let aggregation = Aggregation { query: self.query(&aggregation.query)?, ..aggregation.clone() };
        self.store.aggregate(&aggregation).await
    }

    async fn get(&self, id: RecordId) -> Result<Option<StoredRecord>> {
        Ok(self.store.get(id).await?.and_then(|stored| self.shown(stored)))
    }

    /// The nearest neighbours that the sight shows, among the nearest 1,000 on each side.
    async fn context(&self, id: RecordId, before: usize, after: usize) -> Result<Option<Context>> {
        let (mut examined_before, mut examined_after) = (before, after);
        loop {
            let Some(found) = self.store.context(id, examined_before, examined_after).await? else { return Ok(None) };
            let Some(record) = self.shown(found.record) else { return Ok(None) };
            // A side that is short of what was asked has no more neighbours.
            let may_have_more = |found: usize, examined: usize| found >= examined && examined < MOST_EXAMINED;
            let more_before = may_have_more(found.before.len(), examined_before);
            let more_after = may_have_more(found.after.len(), examined_after);
            let shown = |side: Vec<StoredRecord>| -> Vec<_> {
                side.into_iter().filter_map(|stored| self.shown(stored)).collect()
            };
            let (mut earlier, mut later) = (shown(found.before), shown(found.after));
            let (lacks_before, lacks_after) = (earlier.len() < before, later.len() < after);
            if lacks_before && more_before || lacks_after && more_after {
                if lacks_before {
                    examined_before = grown(examined_before);
                }
                if lacks_after {
                    examined_after = grown(examined_after);
                }
                continue;
            }
            // The nearest are the last before and the first after.
            earlier.drain(..earlier.len().saturating_sub(before));
            later.truncate(after);
            return Ok(Some(Context { before: earlier, record, after: later }));
        }
    }
}

fn grown(examined: usize) -> usize {
    (examined * GROWTH).clamp(1, MOST_EXAMINED)
}

#[cfg(test)]
mod tests {
    use testkit::memory::MemoryStore;

    use super::*;

    #[test]
    fn a_whole_sight_costs_nothing() {
        let store: Arc<dyn Ask> = Arc::new(MemoryStore::new());
        let seen = Seen::through(Arc::clone(&store), Sight::default());
        assert!(Arc::ptr_eq(&seen, &store));
        assert!(!Arc::ptr_eq(&Seen::through(Arc::clone(&store), Sight::default().without_audit()), &store));
        need_whole_sight(&Sight::default(), "metrics").unwrap();
    }

    #[test]
    fn a_limited_sight_is_refused_with_the_way_out() {
        let error = need_whole_sight(&Sight::new(None, vec!["user".to_owned()]), "dead letters").unwrap_err();
        assert_eq!(error.class, pipeline::ErrorClass::Forbidden);
        assert!(error.message.starts_with("dead letters concern all records"), "{error}");
        assert!(error.message.contains("without these limits"), "{error}");
    }
}
