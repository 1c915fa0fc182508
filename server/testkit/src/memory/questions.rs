//! What the reading methods of a store mean, by looking at every record.

use std::collections::BTreeMap;

use model::{LevelClass, Position, Query, RecordId, StoredRecord, query::Field};
use pipeline::{Context, Cursor, Error, Facet, Histogram, Result, SearchPage, SearchRequest, TimeRange};

fn place(stored: &StoredRecord) -> (i64, Position) {
    (stored.record.time, stored.position)
}

/// The matching records of the range, newest first.
pub(super) fn matching(all: Vec<StoredRecord>, query: &Query, range: TimeRange) -> Vec<StoredRecord> {
    let mut found: Vec<_> =
        all.into_iter().filter(|stored| range.contains(stored.record.time) && query.matches(&stored.record)).collect();
    found.sort_by_key(|stored| std::cmp::Reverse(place(stored)));
    found
}

pub(super) fn search(all: Vec<StoredRecord>, request: &SearchRequest) -> SearchPage {
    let mut records = matching(all, &request.query, request.range);
    if let Some(cursor) = request.cursor {
        records.retain(|stored| place(stored) < (cursor.time, cursor.position));
    }
    let more = records.len() > request.limit;
    records.truncate(request.limit);
    match records.last() {
        Some(last) if more => {
            let next = Cursor { time: last.record.time, position: last.position };
            // Not its own time: others of the same time may be on the next page.
            SearchPage { searched_back_to: last.record.time.saturating_add(1), next: Some(next), records }
        }
        _ => SearchPage { searched_back_to: request.range.from, next: None, records },
    }
}

pub(super) fn histogram(found: &[StoredRecord], range: TimeRange, bucket: i64) -> Result<Histogram> {
    if bucket <= 0 {
        return Err(Error::invalid("bucket: must be greater than 0"));
    }
    let start = range.from.div_euclid(bucket).saturating_mul(bucket);
    let span = i128::from(range.to.max(range.from)) - i128::from(start);
    let count = (span + i128::from(bucket) - 1) / i128::from(bucket);
    if count > 10_000 {
        return Err(Error::invalid(format!("bucket: the range has {count} of them; the limit is 10000")));
    }
    let mut counts = vec![[0; LevelClass::ALL.len()]; count as usize];
    for stored in found {
        let bucket = (i128::from(stored.record.time) - i128::from(start)) / i128::from(bucket);
        counts[bucket as usize][stored.record.severity.class().index()] += 1;
    }
    Ok(Histogram { start, bucket, counts })
}

pub(super) fn facets(found: &[StoredRecord], fields: &[String], limit: usize) -> Vec<Facet> {
    let facet = |name: &String| {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        let field = Field::parse_name(name);
        for stored in found {
            let value = match &field {
                Some(Field::Level) => Some(stored.record.severity.class().name().to_owned()),
                Some(field) => field.text(&stored.record).map(|text| text.into_owned()),
                None => None,
            };
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                *counts.entry(value).or_default() += 1;
            }
        }
        // Stable: equal counts stay in order of value.
        let mut values: Vec<_> = counts.into_iter().collect();
        values.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        values.truncate(limit);
        Facet { field: name.clone(), values }
    };
    fields.iter().map(facet).collect()
}

pub(super) fn context(all: Vec<StoredRecord>, id: RecordId, before: usize, after: usize) -> Option<Context> {
    let record = all.iter().find(|stored| stored.record.id == id)?.clone();
    let alike = |stored: &StoredRecord| {
        stored.record.service == record.record.service && stored.record.node == record.record.node
    };
    let mut family: Vec<_> = all.into_iter().filter(alike).collect();
    family.sort_by_key(place);
    let middle = family.partition_point(|stored| place(stored) < place(&record));
    Some(Context {
        before: family[middle.saturating_sub(before)..middle].to_vec(),
        after: family[middle + 1..].iter().take(after).cloned().collect(),
        record,
    })
}
