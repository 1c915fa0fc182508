//! Reading: what the HTTP API and the dashboard ask of the store, in one place.
//!
//! Parameters come as texts, are checked here, and every error names the parameter.

mod cursor;
mod figures;
mod letters;
mod parameters;
mod parts;
mod patterns;
mod views;

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures::Stream;
use model::{
    LevelClass, Query, StoredRecord,
    api::{BucketView, ContextView, CountView, FacetValue, FacetsView, FieldView, HistogramView, LogsPage, RecordView},
    limits, time,
};
use pipeline::{Error, LogStore, Result, SearchRequest, TimeRange};

pub(crate) use figures::Figures;
pub(crate) use letters::{LetterFilter, Letters, Replayed, WholeLetter};
pub(crate) use parameters::{Clock, RangeText, compiled, hints, parse_query};
pub(crate) use parts::Parts;
pub(crate) use views::Views;

/// The buckets of one histogram.
const MOST_BUCKETS: u32 = 1000;
/// The fields and the values of one facets call.
const MOST_FACETS: usize = 50;
/// The records that an export reads at a time: a few megabytes.
const EXPORT_RECORDS: usize = 5000;
/// The newest matches whose fields are taken for those of all.
const SAMPLE: usize = 1000;
/// The neighbours on each side of a record.
const MOST_NEIGHBOURS: usize = 1000;

/// Answers questions about what is stored.
#[derive(Clone)]
pub(crate) struct Reader {
    store: Arc<dyn LogStore>,
    clock: Clock,
}

impl Reader {
    pub(crate) fn new(store: Arc<dyn LogStore>, clock: Clock) -> Self {
        Self { store, clock }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// A page of records, newest first. Where looking takes longer than `patience`, it is
    /// what was found so far, and the page's end says how far back that is.
    pub(crate) async fn logs(
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
        // Before the search: a tail that goes on from here sees some records twice
        // rather than missing some, and tells them by their positions.
        let position = self.store.newest().await?;
        let request = SearchRequest { cursor, patience: Some(patience), ..SearchRequest::new(query, range, limit) };
        let page = self.store.search(&request).await?;
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

    /// Everything that matches, newest first, some thousand records at a time.
    pub(crate) fn pages(
        &self,
        query: Query,
        range: TimeRange,
    ) -> impl Stream<Item = Result<Vec<StoredRecord>>> + Send + use<> {
        let store = self.store.clone();
        async_stream::try_stream! {
            let mut request = SearchRequest::new(query, range, EXPORT_RECORDS);
            loop {
                let page = store.search(&request).await?;
                yield page.records;
                let Some(next) = page.next else { break };
                request.cursor = Some(next);
            }
        }
    }

    pub(crate) async fn count(&self, query: &Query, range: TimeRange) -> Result<CountView> {
        Ok(CountView { count: self.store.count(query, range).await?, hints: Vec::new() })
    }

    /// Counts by level in about `buckets` buckets of a round width.
    pub(crate) async fn histogram(&self, query: &Query, range: TimeRange, buckets: u32) -> Result<HistogramView> {
        if !(1..=MOST_BUCKETS).contains(&buckets) {
            return Err(Error::invalid(format!("buckets is {buckets}; it may be 1 to {MOST_BUCKETS}")));
        }
        let range = self.closed(range);
        let width = bucket_width(range, buckets);
        let histogram = self.store.histogram(query, range, width).await?;
        let buckets = histogram
            .counts
            .iter()
            .enumerate()
            .map(|(place, counts)| BucketView {
                time: time::format_rfc3339(histogram.start.saturating_add(width.saturating_mul(place as i64))),
                counts: LevelClass::ALL
                    .iter()
                    .zip(counts)
                    .filter(|(_, count)| **count > 0)
                    .map(|(class, count)| (class.name().to_owned(), *count))
                    .collect(),
            })
            .collect();
        Ok(HistogramView { bucket_seconds: width as f64 / 1e9, buckets })
    }

    /// The range with its open ends closed, at now and an hour before the end: an open one
    /// would stretch the buckets over centuries.
    fn closed(&self, range: TimeRange) -> TimeRange {
        const HOUR: i64 = 3_600_000_000_000;
        let to = if range.to == i64::MAX { self.clock.now().max(range.from).saturating_add(1) } else { range.to };
        let from = if range.from == i64::MIN { to.saturating_sub(HOUR) } else { range.from };
        TimeRange { from, to }
    }

    pub(crate) async fn facets(
        &self,
        query: &Query,
        range: TimeRange,
        fields: &[String],
        limit: usize,
    ) -> Result<FacetsView> {
        if fields.is_empty() || fields.len() > MOST_FACETS {
            return Err(Error::invalid(format!(
                "fields names {} fields; name 1 to {MOST_FACETS}, with commas between them, as in fields=service,level",
                fields.len()
            )));
        }
        if !(1..=MOST_FACETS).contains(&limit) {
            return Err(Error::invalid(format!("limit is {limit}; it may be 1 to {MOST_FACETS} values a field")));
        }
        let facets = self.store.facets(query, range, fields, limit).await?;
        let values =
            |values: Vec<(String, u64)>| values.into_iter().map(|(value, count)| FacetValue { value, count }).collect();
        Ok(facets.into_iter().map(|facet| (facet.field, values(facet.values))).collect())
    }

    /// The names of the fields that the newest matches have, the most frequent first, each
    /// with a share of how many of them have it and how many values it has there.
    pub(crate) async fn fields(&self, query: &Query, range: TimeRange) -> Result<Vec<FieldView>> {
        let mut request = SearchRequest::new(query.clone(), range, SAMPLE);
        request.patience = Some(Duration::from_secs(2));
        let page = self.store.search(&request).await?;
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

    pub(crate) async fn record(&self, id: &str) -> Result<RecordView> {
        let stored = self.store.get(parse_id(id)?).await?.ok_or_else(|| no_record(id))?;
        Ok(RecordView::from(&stored))
    }

    pub(crate) async fn context(&self, id: &str, before: usize, after: usize) -> Result<ContextView> {
        for (name, asked) in [("before", before), ("after", after)] {
            if asked > MOST_NEIGHBOURS {
                return Err(Error::invalid(format!("{name} is {asked}; it may be 0 to {MOST_NEIGHBOURS}")));
            }
        }
        let context = self.store.context(parse_id(id)?, before, after).await?.ok_or_else(|| no_record(id))?;
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

/// The narrowest round width of which `buckets` cover the range, in nanoseconds.
fn bucket_width(range: TimeRange, buckets: u32) -> i64 {
    const MILLISECOND: i64 = 1_000_000;
    const SECOND: i64 = 1000 * MILLISECOND;
    const MINUTE: i64 = 60 * SECOND;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const WIDTHS: [i64; 27] = [
        MILLISECOND,
        5 * MILLISECOND,
        10 * MILLISECOND,
        50 * MILLISECOND,
        100 * MILLISECOND,
        250 * MILLISECOND,
        500 * MILLISECOND,
        SECOND,
        2 * SECOND,
        5 * SECOND,
        10 * SECOND,
        15 * SECOND,
        30 * SECOND,
        MINUTE,
        2 * MINUTE,
        5 * MINUTE,
        10 * MINUTE,
        15 * MINUTE,
        30 * MINUTE,
        HOUR,
        2 * HOUR,
        3 * HOUR,
        6 * HOUR,
        12 * HOUR,
        DAY,
        7 * DAY,
        30 * DAY,
    ];
    let length = range.to.saturating_sub(range.from).max(1);
    let least = length / i64::from(buckets) + i64::from(length % i64::from(buckets) != 0);
    match WIDTHS.into_iter().find(|width| *width >= least) {
        Some(width) => width,
        None => least.div_euclid(DAY).saturating_add(1).saturating_mul(DAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_round_and_cover_the_range() {
        let hour = TimeRange { from: 0, to: 3_600_000_000_000 };
        assert_eq!(bucket_width(hour, 60), 60_000_000_000);
        assert_eq!(bucket_width(hour, 50), 120_000_000_000);
        assert_eq!(bucket_width(TimeRange { from: 5, to: 5 }, 60), 1_000_000);
        let all = bucket_width(TimeRange::ALL, 60);
        assert!(all.checked_mul(60).is_none_or(|covered| covered > 0));
    }
}
