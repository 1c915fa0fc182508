//! Record queries: pages, exports, single records, neighbours, fields and values.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures::Stream;
use model::{
    Position, Query, Sight, StoredRecord,
    aggregate::{Aggregation, Cell, Grouping, Key, Measure},
    api::{ContextView, CountView, FacetValue, FacetsView, FieldView, LogsPage, RecordView},
    limits,
    query::Field,
    time,
};
use pipeline::{Ask, Cursor, Error, Log, LogStore, ReadLimit, Result, SearchRequest, TimeRange, ask};

use crate::{
    cursor,
    range::{Clock, DefaultRange, RangeText},
    sight::Seen,
};

/// The limit of fields, and of values, per facets call.
const MOST_FACETS: usize = 50;
/// The records per read of an export: a few megabytes.
const EXPORT_RECORDS: usize = 5000;
/// The number of newest matches sampled for the field list.
const SAMPLE: usize = 1000;
/// The limit of neighbours on each side of a record.
const MOST_NEIGHBOURS: usize = 1000;

/// Queries stored records, as one caller sees them; without [`Reader::seen_by`] as they are. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    /// The store as the caller sees it. All questions go here.
    pub(crate) ask: Arc<dyn Ask>,
    /// The store itself, for [`Reader::seen_by`] alone.
    store: Arc<dyn Ask>,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) clock: Clock,
    pub(crate) sight: Sight,
}

impl Reader {
    pub fn new(store: Arc<dyn LogStore>, clock: Clock) -> Self {
        Self { ask: store.clone(), store: store.clone(), log: store, clock, sight: Sight::default() }
    }

    /// The reader for a caller with this sight, within what this reader sees. A sight of everything changes nothing.
    #[must_use]
    pub fn seen_by(&self, sight: &Sight) -> Self {
        if sight.sees_everything() {
            return self.clone();
        }
        let sight = self.sight.and(sight);
        let ask = Seen::through(Arc::clone(&self.store), sight.clone());
        Self { ask, store: Arc::clone(&self.store), log: Arc::clone(&self.log), clock: self.clock.clone(), sight }
    }

    /// Whether the caller may see the values of this field.
    pub fn shows_field(&self, name: &str) -> bool {
        Field::parse_name(name).is_none_or(|field| self.sight.check(&field).is_ok())
    }

    /// The range of a request; `default` defines missing ends.
    ///
    /// # Errors
    /// `Invalid` for an end that is not a time, and for ends in the wrong order.
    pub fn range(&self, text: RangeText<'_>, default: DefaultRange) -> Result<TimeRange> {
        text.resolve(&self.clock, default)
    }

    /// The comparison range of a request; `None` if both ends are missing.
    ///
    /// # Errors
    /// As [`Reader::range`].
    pub fn compared(&self, text: RangeText<'_>) -> Result<Option<TimeRange>> {
        text.compared(&self.clock)
    }

    /// A page of records, newest first. If the search takes longer than `patience`, the page contains the matches so
    /// far, and its end shows how far back the search has come.
    pub async fn logs(
        &self,
        query: Query,
        range: TimeRange,
        limit: usize,
        cursor: Option<&str>,
        patience: Duration,
    ) -> Result<LogsPage> {
        if !(1..=limits::PAGE_RECORDS).contains(&limit) {
            return Err(Error::invalid(format!("limit is {limit}; it may be 1 to {}", limits::PAGE_RECORDS)));
        }
        let cursor = cursor.filter(|text| !text.is_empty()).map(cursor::parse).transpose()?;
        // Read before the search: a tail from this position may repeat some records, which it recognises by position,
        // but misses none.
        let position = self.log.newest().await?;
        let request = SearchRequest { cursor, patience: Some(patience), ..SearchRequest::new(query, range, limit) };
        let page = self.ask.search(&request).await?;
        Ok(LogsPage {
            records: page.records.iter().map(RecordView::from).collect(),
            next_cursor: page.next.map(cursor::print),
            partial: page.next.is_some() && page.records.len() < limit,
            searched_back_to: time::format_rfc3339(page.searched_back_to),
            complete: page.next.is_none(),
            position: position.to_string(),
            hints: Vec::new(),
        })
    }

    /// The newest final position. A tail from there on, and [`Reader::recent`] up to it, yield every record once.
    pub async fn newest(&self) -> Result<Position> {
        self.log.newest().await
    }

    /// The `limit` newest records whose positions are at most `upto`, oldest first.
    pub async fn recent(&self, upto: Position, limit: usize) -> Result<Vec<StoredRecord>> {
        let mut recent = self.search(Query::default(), TimeRange::ALL, limit, None).await?;
        recent.retain(|stored| stored.position <= upto);
        recent.reverse();
        Ok(recent)
    }

    /// A page of stored records, newest first, without a time limit.
    pub async fn search(
        &self,
        query: Query,
        range: TimeRange,
        limit: usize,
        cursor: Option<Cursor>,
    ) -> Result<Vec<StoredRecord>> {
        let request = SearchRequest { cursor, ..SearchRequest::new(query, range, limit) };
        Ok(self.ask.search(&request).await?.records)
    }

    /// The cursor of the page after the record at `position`; if that record is deleted, after the next one. Beyond the
    /// newest record it is the cursor of the first page.
    ///
    /// The record may be one that the caller does not see, so the cursor must not be shown. The pages after it have
    /// only what the caller sees.
    pub async fn cursor_at(&self, position: Position) -> Result<Cursor> {
        let before = Position(position.0.saturating_sub(1));
        let newest = self.log.newest().await?;
        let (upto, limit) = (newest.max(before), ReadLimit::of_records(1));
        // Without the filter: otherwise this would read on until a record matches, maybe through the whole log.
        let found = self.log.read_after(before, upto, TimeRange::ALL, &Query::default(), limit).await?;
        Ok(match found.first() {
            Some(stored) => Cursor { time: stored.record.time, position: stored.position },
            None => Cursor { time: time::Nanos::MAX, position: Position(i64::MAX) },
        })
    }

    /// All matches, newest first, in pages of some thousand records.
    pub fn pages(
        &self,
        query: Query,
        range: TimeRange,
    ) -> impl Stream<Item = Result<Vec<StoredRecord>>> + Send + use<> {
        let ask = self.ask.clone();
        async_stream::try_stream! {
            let mut request = SearchRequest::new(query, range, EXPORT_RECORDS);
            loop {
                let page = ask.search(&request).await?;
                yield page.records;
                let Some(next) = page.next else { break };
                request.cursor = Some(next);
            }
        }
    }

    pub async fn count(&self, query: &Query, range: TimeRange) -> Result<CountView> {
        Ok(CountView { count: ask::count(&*self.ask, query, range).await?, hints: Vec::new() })
    }

    pub async fn facets(&self, query: &Query, range: TimeRange, fields: &[String], limit: usize) -> Result<FacetsView> {
        if fields.is_empty() || fields.len() > MOST_FACETS {
            return Err(Error::invalid(format!(
                "fields names {} fields; name 1 to {MOST_FACETS}, with commas between them, as in fields=service,level",
                fields.len()
            )));
        }
        if !(1..=MOST_FACETS).contains(&limit) {
            return Err(Error::invalid(format!("limit is {limit}; it may be 1 to {MOST_FACETS} values a field")));
        }
        let mut groupings = Vec::with_capacity(fields.len());
        for name in fields {
            let field = Field::parse_name(name).ok_or_else(|| Error::invalid("fields has an empty name"))?;
            // One more, because the records without the field are also a group.
            let limit = limit + 1;
            groupings.push(Grouping { keys: vec![Key::Field(field)], measures: vec![Measure::Count], limit });
        }
        let tables = self.ask.aggregate(&Aggregation { query: query.clone(), range, groupings }).await?;
        let value = |(keys, count): (Vec<Cell>, u64)| match keys.into_iter().next() {
            Some(Cell::Text(value)) => Some(FacetValue { value, count }),
            _ => None,
        };
        let values = tables.into_iter().map(|table| table.counts().filter_map(value).take(limit).collect());
        Ok(fields.iter().cloned().zip(values).collect())
    }

    /// The fields of the newest matches, most frequent first, with the share of matches that have the field, and its
    /// number of distinct values.
    pub async fn fields(&self, query: &Query, range: TimeRange) -> Result<Vec<FieldView>> {
        let mut request = SearchRequest::new(query.clone(), range, SAMPLE);
        request.patience = Some(Duration::from_secs(2));
        let page = self.ask.search(&request).await?;
        let mut found: BTreeMap<&str, (u64, HashSet<String>)> = BTreeMap::new();
        for (key, value) in page.records.iter().flat_map(|stored| &stored.record.attributes) {
            let (count, values) = found.entry(key.as_str()).or_default();
            *count += 1;
            values.insert(value.to_string());
        }
        let records = page.records.len() as u64;
        let mut fields: Vec<FieldView> = found
            .into_iter()
            .map(|(name, (count, values))| FieldView {
                name: name.to_owned(),
                count,
                values: values.len() as u64,
                records,
            })
            .collect();
        fields.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.name.cmp(&other.name)));
        Ok(fields)
    }

    pub async fn record(&self, id: &str) -> Result<RecordView> {
        let stored = self.ask.get(parse_id(id)?).await?.ok_or_else(|| no_record(id))?;
        Ok(RecordView::from(&stored))
    }

    pub async fn context(&self, id: &str, before: usize, after: usize) -> Result<ContextView> {
        for (name, asked) in [("before", before), ("after", after)] {
            if asked > MOST_NEIGHBOURS {
                return Err(Error::invalid(format!("{name} is {asked}; it may be 0 to {MOST_NEIGHBOURS}")));
            }
        }
        let context = self.ask.context(parse_id(id)?, before, after).await?.ok_or_else(|| no_record(id))?;
        Ok(ContextView {
            before: context.before.iter().map(RecordView::from).collect(),
            record: RecordView::from(&context.record),
            after: context.after.iter().map(RecordView::from).collect(),
        })
    }
}

fn parse_id(id: &str) -> Result<model::RecordId> {
    id.parse().map_err(|error: model::id::InvalidId| Error::invalid(error.to_string()))
}

fn no_record(id: &str) -> Error {
    Error::not_found(format!("no record has the id {id}; it may have been deleted by retention"))
}
