//! Queries, compared with the reference (C7).

use std::{sync::Arc, time::Duration};

use model::{
    Query, RecordId,
    aggregate::{self, Aggregation, Grouping, Key, Measure},
    query::Field,
};
use pipeline::{Ask, Batch, ErrorClass, LogStore, SearchPage, SearchRequest, TimeRange, ask};

use super::{Feeder, assert_same, records};
use crate::{
    contract::StoreHarness,
    memory::MemoryStore,
    records::{self as corpora, OBSERVED},
};

const SECOND: i64 = 1_000_000_000;

/// The store under test and the reference, with the same batches.
pub(super) struct Pair {
    pub(super) corpus: Vec<Batch>,
    pub(super) store: Arc<dyn LogStore>,
    pub(super) reference: MemoryStore,
}

impl Pair {
    /// Closes and reopens the store after these numbers of batches.
    async fn open(harness: &dyn StoreHarness, seed: u64, closed_after: &[usize]) -> Self {
        let corpus = corpora::corpus(seed, 30);
        let (reference, feeder) = (MemoryStore::new(), Feeder::default());
        feeder.feed(&reference, &corpus).await;
        let feeder = Feeder::default();
        let mut store = harness.open().await;
        let mut start = 0;
        for end in closed_after {
            feeder.feed(&*store, &corpus[start..*end]).await;
            start = *end;
            store.close().await;
            drop(store);
            store = harness.open().await;
        }
        feeder.feed(&*store, &corpus[start..]).await;
        if seed.is_multiple_of(2) {
            harness.settle().await;
        }
        Self { corpus, store, reference }
    }

    /// Most batches are old, some are new.
    pub(super) async fn mixed(harness: &dyn StoreHarness, seed: u64) -> Self {
        Self::open(harness, seed, &[10, 20]).await
    }

    pub(super) async fn compare_queries(&self, seed: u64) {
        for (number, query) in corpora::queries(seed, &self.corpus, 120).into_iter().enumerate() {
            let range = ranges()[number % ranges().len()];
            let expected = ask::count(&self.reference, &query, range).await.unwrap();
            let found = ask::count(&*self.store, &query, range).await.unwrap();
            assert_eq!(found, expected, "count of `{query}` in {range:?}\n{:?}", query.expr);
            let what = format!("search for `{query}` in {range:?}");
            let expected = all_pages(&self.reference, &query, range, 10_000).await;
            assert_same(&all_pages(&*self.store, &query, range, 100).await, &expected, &what);
            let request = SearchRequest { patience: Some(Duration::ZERO), ..SearchRequest::new(query, range, 100) };
            let hasty = all_pages_of(&*self.store, request).await;
            assert_same(&hasty, &expected, &format!("{what} without patience"));
        }
    }
}

fn ranges() -> [TimeRange; 4] {
    [
        TimeRange::ALL,
        TimeRange { from: OBSERVED - SECOND, to: OBSERVED + 2 * SECOND },
        TimeRange { from: OBSERVED + 1, to: OBSERVED + 2 },
        TimeRange { from: OBSERVED + 100 * SECOND, to: OBSERVED + 200 * SECOND },
    ]
}

/// Reads pages until the end.
async fn all_pages(store: &dyn Ask, query: &Query, range: TimeRange, limit: usize) -> Vec<model::Record> {
    all_pages_of(store, SearchRequest::new(query.clone(), range, limit)).await
}

async fn all_pages_of(store: &dyn Ask, mut request: SearchRequest) -> Vec<model::Record> {
    let mut found = Vec::new();
    // A search may stop early, but must make progress.
    for _ in 0..10_000 {
        let page = store.search(&request).await.unwrap();
        assert!(page.records.len() <= request.limit);
        found.extend(records(&page.records));
        match page.next {
            None => return found,
            next => {
                assert_ne!(next, request.cursor, "the search does not get on");
                request.cursor = next;
            }
        }
    }
    panic!("there is no end to the pages of `{}`", request.query);
}

pub async fn fresh_records_answer_every_query_like_the_reference(harness: &dyn StoreHarness) {
    let pair = Pair::open(harness, 51, &[]).await;
    pair.compare_queries(1).await;
    pair.store.close().await;
}

pub async fn reopened_records_answer_every_query_like_the_reference(harness: &dyn StoreHarness) {
    let pair = Pair::open(harness, 52, &[30]).await;
    pair.compare_queries(2).await;
    pair.store.close().await;
}

pub async fn old_and_fresh_records_answer_every_query_like_the_reference(harness: &dyn StoreHarness) {
    let pair = Pair::mixed(harness, 53).await;
    pair.compare_queries(3).await;
    pair.store.close().await;
}

pub async fn a_search_pages_through_everything_once_newest_first(harness: &dyn StoreHarness) {
    let pair = Pair::mixed(harness, 54).await;
    for text in ["*", "level>=warn", "request OR reset", "-service:*"] {
        let query = Query::parse(text).unwrap();
        for range in ranges() {
            let expected = all_pages(&pair.reference, &query, range, 10_000).await;
            for limit in [1, 7, 1000] {
                if limit > 1 || expected.len() < 200 {
                    let found = all_pages(&*pair.store, &query, range, limit).await;
                    assert_same(&found, &expected, &format!("`{text}`, {limit} a page, {range:?}"));
                }
            }
        }
    }
    pair.store.close().await;
}

pub async fn a_search_says_truly_how_far_back_it_has_looked(harness: &dyn StoreHarness) {
    let pair = Pair::mixed(harness, 55).await;
    let range = ranges()[1];
    let patience = [None, Some(Duration::ZERO)];
    let cases = ["*", "level:error", "500", "nothing.like.this:*"].into_iter();
    for (text, patience) in cases.flat_map(|text| patience.map(|patience| (text, patience))) {
        let mut request = SearchRequest { patience, ..SearchRequest::new(Query::parse(text).unwrap(), range, 13) };
        let all = all_pages(&pair.reference, &request.query, range, 10_000).await;
        let mut seen = 0;
        loop {
            let page: SearchPage = pair.store.search(&request).await.unwrap();
            seen += page.records.len();
            assert!(
                all[seen..].iter().all(|record| record.time < page.searched_back_to),
                "`{text}`: some matches at or after {} were not shown",
                page.searched_back_to
            );
            request.cursor = page.next;
            if page.next.is_none() {
                assert!(page.searched_back_to <= range.from, "`{text}`: at the end, all is searched");
                break;
            }
        }
        assert_eq!(seen, all.len());
    }
    pair.store.close().await;
}

/// More batches and records than any engine scans between two checks of the deadline.
const MANY: u64 = 130;

pub async fn a_search_whose_patience_runs_out_answers_in_part_and_its_cursors_lead_to_the_end(
    harness: &dyn StoreHarness,
) {
    let mut corpus: Vec<Batch> = (0..MANY).map(|number| corpora::batch(number, 100)).collect();
    for (number, batch) in corpus.iter_mut().enumerate() {
        for (place, record) in batch.records.iter_mut().enumerate() {
            // Hundreds of records share a time, and pages end among them.
            record.time = OBSERVED + ((number * 100 + place) / 300) as i64;
        }
        if number % 50 == 1 {
            batch.records[70].message = "the needle in the haystack".to_owned();
            batch.records[70].trace_id = Some([7; 16]);
        }
    }
    let (reference, store) = (MemoryStore::new(), harness.open().await);
    Feeder::default().feed(&reference, &corpus).await;
    Feeder::default().feed(&*store, &corpus).await;
    harness.settle().await;
    let mut most_pages = 0;
    for (text, is_there) in [
        ("nowhere", false),
        ("nothing.like.this:*", false),
        ("message:/no.where/", false),
        ("ΠΟΥΘΕΝΑ", false),
        ("NEEDLE", true),
        ("message:/ne+dle in/", true),
        ("trace_id:07070707070707070707070707070707", true),
    ] {
        let query = Query::parse(text).unwrap();
        let expected = all_pages(&reference, &query, TimeRange::ALL, 10_000).await;
        assert_eq!(!expected.is_empty(), is_there);
        let mut request = SearchRequest::new(query.clone(), TimeRange::ALL, 100);
        request.patience = Some(Duration::ZERO);
        let (mut pages, mut looked_back_to, mut found) = (0, i64::MAX, Vec::new());
        loop {
            let page = store.search(&request).await.unwrap();
            pages += 1;
            found.extend(records(&page.records));
            assert!(page.searched_back_to <= looked_back_to, "`{text}` page {pages}");
            looked_back_to = page.searched_back_to;
            let Some(next) = page.next else { break };
            assert!(request.cursor.is_none_or(|before| next < before), "`{text}` page {pages}: it does not get on");
            request.cursor = Some(next);
        }
        most_pages = most_pages.max(pages);
        assert_same(&found, &expected, &format!("`{text}` without patience"));
        let unhurried = all_pages(&*store, &query, TimeRange::ALL, 100).await;
        assert_same(&unhurried, &expected, &format!("`{text}` with all the time in the world"));
    }
    // An index may reduce some searches to one step, but never all of them.
    assert!(most_pages > 1 || !harness.keeps_patience(), "each search went through everything in one page");
    store.close().await;
}

impl Pair {
    pub(super) async fn compare(&self, aggregation: &Aggregation) {
        let found = self.store.aggregate(aggregation).await.unwrap();
        let expected = self.reference.aggregate(aggregation).await.unwrap();
        assert_eq!(found.len(), expected.len());
        for ((found, expected), grouping) in found.iter().zip(&expected).zip(&aggregation.groupings) {
            let Aggregation { query, range, .. } = aggregation;
            assert_eq!(found, expected, "`{query}` in {range:?}: {grouping:?}\n{:?}", query.expr);
        }
    }
}

pub async fn fresh_records_aggregate_like_the_reference(harness: &dyn StoreHarness) {
    let pair = Pair::open(harness, 60, &[]).await;
    for aggregation in corpora::aggregations(4, &pair.corpus, 150) {
        pair.compare(&aggregation).await;
    }
    pair.store.close().await;
}

pub async fn old_and_fresh_records_aggregate_like_the_reference(harness: &dyn StoreHarness) {
    let pair = Pair::mixed(harness, 61).await;
    for aggregation in corpora::aggregations(5, &pair.corpus, 200) {
        pair.compare(&aggregation).await;
    }
    pair.store.close().await;
}

pub async fn histograms_agree_with_the_reference(harness: &dyn StoreHarness) {
    let pair = Pair::mixed(harness, 56).await;
    let cases = [
        (OBSERVED - 5 * SECOND, OBSERVED + 5 * SECOND, SECOND),
        (OBSERVED - 5 * SECOND + 1, OBSERVED + 5 * SECOND - 1, SECOND),
        (OBSERVED - SECOND, OBSERVED + SECOND + 2, SECOND / 3),
        (OBSERVED, OBSERVED + 3, 1),
        (OBSERVED - 86_400 * SECOND, OBSERVED + 86_400 * SECOND, 3600 * SECOND),
        (OBSERVED - 600 * SECOND, OBSERVED + 600 * SECOND, 60 * SECOND),
        (-7, 7, 5),
    ];
    for text in ["*", "level>=warn", "request", "http.status>=500 OR timeout"] {
        let query = Query::parse(text).unwrap();
        for (from, to, width) in cases {
            let keys = vec![Key::Time { width }, Key::Field(Field::Level)];
            let range = TimeRange { from, to };
            pair.compare(&Aggregation::counting(query.clone(), range, keys, aggregate::GROUPS)).await;
        }
    }
    pair.store.close().await;
}

pub async fn an_aggregation_beyond_a_bound_is_refused(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let by_time = |to, width| {
        let keys = vec![Key::Time { width }];
        Aggregation::counting(Query::default(), TimeRange { from: 0, to }, keys, aggregate::GROUPS)
    };
    for (to, width) in [(10_001, 1), (10, 0), (10, -1)] {
        let error = store.aggregate(&by_time(to, width)).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid, "{error}");
    }
    assert_eq!(store.aggregate(&by_time(10_000, 1)).await.unwrap().len(), 1);
    let nothing = Aggregation { groupings: vec![], ..by_time(10, 1) };
    assert_eq!(store.aggregate(&nothing).await.unwrap_err().class, ErrorClass::Invalid);
    store.close().await;
}

pub async fn facets_agree_with_the_reference(harness: &dyn StoreHarness) {
    let pair = Pair::mixed(harness, 57).await;
    let names = [
        "level",
        "service",
        "node",
        "message",
        "trace_id",
        "span_id",
        "id",
        "http.status",
        "path",
        "attr.level",
        "attr.service",
        "with space",
        "키",
        "duration_ms",
        "seq",
        "nothing.like.this",
    ];
    for text in ["*", "level>=warn", "request", "nothing.like.this:*"] {
        let query = Query::parse(text).unwrap();
        for range in ranges() {
            for limit in [3, 10_000] {
                let by = |name| Grouping {
                    keys: vec![Key::Field(Field::parse_name(name).unwrap())],
                    measures: vec![Measure::Count],
                    limit,
                };
                let groupings = names.into_iter().map(by).collect();
                pair.compare(&Aggregation { query: query.clone(), range, groupings }).await;
            }
        }
    }
    pair.store.close().await;
}

pub async fn contexts_agree_with_the_reference(harness: &dyn StoreHarness) {
    let pair = Pair::mixed(harness, 58).await;
    let ids: Vec<RecordId> = pair.corpus.iter().flat_map(|batch| &batch.records).map(|record| record.id).collect();
    for (number, id) in ids.into_iter().enumerate().step_by(23) {
        let (before, after) = [(5, 5), (0, 3), (3, 0), (1000, 1000)][number % 4];
        let found = pair.store.context(id, before, after).await.unwrap().unwrap();
        let expected = pair.reference.context(id, before, after).await.unwrap().unwrap();
        assert_eq!(found.record.record, expected.record.record);
        assert_same(&records(&found.before), &records(&expected.before), &format!("{before} before {id}"));
        assert_same(&records(&found.after), &records(&expected.after), &format!("{after} after {id}"));
    }
    pair.store.close().await;
}

pub async fn a_record_that_is_not_there_is_not_found(harness: &dyn StoreHarness) {
    let pair = Pair::mixed(harness, 59).await;
    let first = pair.corpus[0].records[0].id;
    for id in [RecordId(0), RecordId(u128::MAX), first.nth(9_999), RecordId(first.0 - 1)] {
        assert_eq!(pair.store.get(id).await.unwrap(), None, "{id}");
        assert_eq!(pair.store.context(id, 2, 2).await.unwrap(), None, "{id}");
    }
    pair.store.close().await;
}
