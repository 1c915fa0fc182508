//! Reference implementations of the store's read methods, which test every record.

use model::{Position, Query, RecordId, StoredRecord};
use pipeline::{Context, Cursor, SearchPage, SearchRequest, TimeRange};

fn sort_key(stored: &StoredRecord) -> (i64, Position) {
    (stored.record.time, stored.position)
}

/// The matching records of the range, newest first.
fn matching(all: Vec<StoredRecord>, query: &Query, range: TimeRange) -> Vec<StoredRecord> {
    let mut found: Vec<_> =
        all.into_iter().filter(|stored| range.contains(stored.record.time) && query.matches(&stored.record)).collect();
    found.sort_by_key(|stored| std::cmp::Reverse(sort_key(stored)));
    found
}

pub(super) fn search(all: Vec<StoredRecord>, request: &SearchRequest) -> SearchPage {
    let mut records = matching(all, &request.query, request.range);
    if let Some(cursor) = request.cursor {
        records.retain(|stored| sort_key(stored) < (cursor.time, cursor.position));
    }
    let more = records.len() > request.limit;
    records.truncate(request.limit);
    match records.last() {
        Some(last) if more => {
            let next = Cursor { time: last.record.time, position: last.position };
            // Not the record's own time: others with the same time may be on the next page.
            SearchPage { searched_back_to: last.record.time.saturating_add(1), next: Some(next), records }
        }
        _ => SearchPage { searched_back_to: request.range.from, next: None, records },
    }
}

pub(super) fn context(all: Vec<StoredRecord>, id: RecordId, before: usize, after: usize) -> Option<Context> {
    let record = all.iter().find(|stored| stored.record.id == id)?.clone();
    let alike = |stored: &StoredRecord| {
        stored.record.service == record.record.service && stored.record.node == record.record.node
    };
    let mut family: Vec<_> = all.into_iter().filter(alike).collect();
    family.sort_by_key(sort_key);
    let middle = family.partition_point(|stored| sort_key(stored) < sort_key(&record));
    Some(Context {
        before: family[middle.saturating_sub(before)..middle].to_vec(),
        after: family[middle + 1..].iter().take(after).cloned().collect(),
        record,
    })
}
