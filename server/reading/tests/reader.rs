//! Tests of the reader on a store.

#![allow(clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use chrono::FixedOffset;
use futures::TryStreamExt as _;
use model::{Position, Query, StoredRecord, limits};
use pipeline::{Content, Delivery, ErrorClass, Log as _, Receipt, TimeRange, clock};
use reading::{Clock, Reader};
use testkit::{memory::MemoryStore, records};

const PATIENCE: Duration = Duration::from_secs(10);

/// A reader over three batches of ten records.
async fn reader() -> (Reader, Vec<StoredRecord>) {
    let store = MemoryStore::new();
    for number in 1..=3 {
        let content = Content::Batch(Arc::new(records::batch(number, 10)));
        store.append(&[Delivery { receipt: Receipt(number), content }]).await.unwrap();
    }
    let mut newest_first = store.all();
    newest_first.sort_by_key(|stored| std::cmp::Reverse((stored.record.time, stored.position)));
    let clock = Clock {
        clock: clock::Clock::from_fn(|| records::OBSERVED),
        assume_timezone: FixedOffset::east_opt(0).unwrap(),
    };
    (Reader::new(Arc::new(store), clock), newest_first)
}

fn positions(records: &[StoredRecord]) -> Vec<Position> {
    records.iter().map(|stored| stored.position).collect()
}

#[tokio::test]
async fn pages_follow_one_another_by_their_cursors() {
    let (reader, all) = reader().await;
    let (mut cursor, mut found) = (None, Vec::new());
    loop {
        let page = reader.logs(Query::default(), TimeRange::ALL, 7, cursor.as_deref(), PATIENCE).await.unwrap();
        found.extend(page.records.into_iter().map(|record| record.id));
        cursor = page.next_cursor;
        if page.complete {
            break;
        }
    }
    assert_eq!(found, all.iter().map(|stored| stored.record.id.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_export_holds_what_all_pages_hold() {
    let (reader, all) = reader().await;
    let pages: Vec<_> = reader.pages(Query::default(), TimeRange::ALL).try_collect().await.unwrap();
    assert_eq!(positions(&pages.concat()), positions(&all));
}

#[tokio::test]
async fn the_recent_records_are_the_newest_up_to_a_position_oldest_first() {
    let (reader, all) = reader().await;
    let newest = reader.newest().await.unwrap();
    let mut expected = positions(&all[..5]);
    expected.reverse();
    assert_eq!(positions(&reader.recent(newest, 5).await.unwrap()), expected);
    // Records after this position belong to the tail.
    let upto = all[2].position;
    let recent = reader.recent(upto, 30).await.unwrap();
    assert!(recent.iter().all(|stored| stored.position <= upto));
    assert!(recent.iter().any(|stored| stored.position == upto));
}

#[tokio::test]
async fn a_search_goes_on_behind_the_record_at_a_position() {
    let (reader, all) = reader().await;
    let search = async |position| {
        let cursor = reader.cursor_at(position).await.unwrap();
        positions(&reader.search(Query::default(), TimeRange::ALL, 30, Some(cursor)).await.unwrap())
    };
    assert_eq!(search(all[4].position).await, positions(&all[5..]));
    assert_eq!(search(Position(i64::MAX)).await, positions(&all), "past the newest record");
}

#[tokio::test]
async fn a_limit_out_of_bounds_is_refused_by_name() {
    let (reader, _) = reader().await;
    for limit in [0, limits::PAGE_RECORDS + 1] {
        let error = reader.logs(Query::default(), TimeRange::ALL, limit, None, PATIENCE).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid);
        assert!(error.message.starts_with(&format!("limit is {limit}")), "{error}");
    }
    let error = reader.histogram(&Query::default(), TimeRange::ALL, 0).await.unwrap_err();
    assert!(error.message.starts_with("buckets is 0"), "{error}");
    let error = reader.facets(&Query::default(), TimeRange::ALL, &[], 10).await.unwrap_err();
    assert!(error.message.starts_with("fields names 0 fields"), "{error}");
}
