//! One meaning of a filter (C7): memory, parts, and both together return the same as testing each record.

use std::time::{Duration, Instant};

use engine_embedded::{Options, inspect};
use model::{
    Query, Record, StoredRecord,
    aggregate::{Aggregation, Grouping, Key, Measure},
    query::Field,
};
use pipeline::{Ask as _, Log as _, LogStore, ReadLimit, SearchRequest, TimeRange, ask};
use proptest::prelude::*;
use testkit::{
    memory::MemoryStore,
    records::{self, OBSERVED},
};

use crate::support::{compacting_at, delivery, flushing_at, in_memory};

/// Queries that were wrong before, or are likely to be.
const ATOMS: &[&str] = &[
    "timeout",
    "\"connection reset\"",
    "RESET",
    "é",
    "ОШИБКА",
    "\"подключения: превышен\"",
    "\"σύνδεσησ στο οδοσ\"",
    "İSTANBUL",
    "istanbul",
    "straẞe",
    "ᲥᲐᲠᲗᲣᲚᲘ",
    "հայերեն",
    "kelvin",
    "\"10 ångström 5 ωhm\"",
    "password",
    "ta\u{17f}\u{212a}",
    "Ⱥⱥ",
    "실패",
    "\"'; drop table\"",
    "500",
    "level:error",
    "level>=warn",
    "level<info",
    "level:http,error",
    "level:straße",
    "level:n*",
    "service:api,web",
    "service:*",
    "service:주문",
    "service:/^A/",
    "node:n1",
    "node:10*",
    "http.status>=500",
    "http.status<1",
    "http.status:500",
    "http.status:500.0",
    "http.status:\"+500\"",
    "http.status:5*",
    "http.method:true",
    "http.method:*",
    "duration_ms<=1.5",
    "duration_ms>9007199254740992",
    "duration_ms:-0",
    "user_id:/^[0-9]+$/",
    "path:/api/*",
    "path:\"\"",
    "Path:*",
    "nothing.has.this:*",
    "nothing.has.this>1",
    "attr.level:null",
    "attr.service:a",
    "\"with space\":*",
    "\"quo\\\"te\":*",
    "키:*",
    "seq>100",
    "seq:17",
    "seq:1*",
    "message:/answered after 1\\d+ ms/",
    "message:/^$/",
    "message:req*",
    "trace_id:*",
    "trace_id:01010101010101010101010101010101",
    "span_id:0*",
    "id:*",
];

fn expression() -> impl Strategy<Value = String> {
    let atom = prop::sample::select(ATOMS).prop_map(str::to_owned);
    atom.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" "))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" OR "))),
            inner.prop_map(|part| format!("NOT ({part})")),
        ]
    })
}

fn range() -> impl Strategy<Value = TimeRange> {
    let edge = || (-4_i64..4, 0_i64..3).prop_map(|(seconds, nanos)| OBSERVED + seconds * 1_000_000_000 + nanos);
    prop_oneof![Just(TimeRange::ALL), (edge(), edge()).prop_map(|(a, b)| TimeRange { from: a.min(b), to: a.max(b) }),]
}

fn options() -> impl Strategy<Value = Options> {
    prop_oneof![Just(in_memory()), Just(flushing_at(1)), Just(flushing_at(90)), Just(compacting_at(20))]
}

fn bare(records: Vec<StoredRecord>) -> Vec<Record> {
    records.into_iter().map(|stored| stored.record).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn memory_and_parts_answer_as_the_matcher_does(
        seed in any::<u32>(),
        options in options(),
        questions in prop::collection::vec((expression(), range()), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(compare(u64::from(seed), options, false, &questions));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_question_is_answered_alike_in_memory_and_parts() {
    let questions: Vec<_> = ATOMS
        .iter()
        .flat_map(|atom| [(*atom).to_owned(), format!("NOT {atom}")])
        .map(|question| (question, TimeRange::ALL))
        .collect();
    for options in [in_memory(), flushing_at(1), flushing_at(150), compacting_at(1)] {
        compare(7, options, false, &questions).await;
    }
    // Only merged parts have a message index.
    compare(7, compacting_at(60), true, &questions).await;
}

/// `merged`: queries once the parts are merged into one.
async fn compare(seed: u64, options: Options, merged: bool, questions: &[(String, TimeRange)]) {
    let folder = tempfile::tempdir().unwrap();
    let reference = MemoryStore::new();
    let store = engine_embedded::open_store(folder.path(), options).await.unwrap();
    for (receipt, batch) in (1..).zip(records::corpus(seed, 12)) {
        let deliveries = [delivery(receipt, batch)];
        assert_eq!(
            store.append(&deliveries).await.unwrap().records,
            reference.append(&deliveries).await.unwrap().records
        );
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    while merged && inspect::parts(folder.path()).await.unwrap().len() != 1 {
        assert!(Instant::now() < deadline, "the parts are not merged");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for (text, range) in questions {
        let query = Query::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        ask(&*store, &reference, text, &query, *range).await;
    }
    store.close().await;
}

async fn ask(store: &dyn LogStore, reference: &MemoryStore, text: &str, query: &Query, range: TimeRange) {
    let mut ours = SearchRequest::new(query.clone(), range, 37);
    let mut theirs = ours.clone();
    loop {
        let page = store.search(&ours).await.unwrap();
        let expected = reference.search(&theirs).await.unwrap();
        assert_eq!(bare(page.records), bare(expected.records), "search {text} in {range:?}");
        assert_eq!(page.searched_back_to, expected.searched_back_to, "search {text} in {range:?}");
        assert_eq!(page.next.is_some(), expected.next.is_some(), "search {text} in {range:?}");
        if page.next.is_none() {
            break;
        }
        (ours.cursor, theirs.cursor) = (page.next, expected.next);
    }

    let count = ask::count(store, query, range).await.unwrap();
    assert_eq!(count, ask::count(reference, query, range).await.unwrap(), "count {text} in {range:?}");

    let by = |keys: Vec<Key>, limit| Grouping { keys, measures: vec![Measure::NewestTime, Measure::Count], limit };
    let fields = ["level", "service", "node", "http.status", "path", "attr.level", "trace_id"];
    let mut groupings: Vec<Grouping> =
        fields.iter().map(|name| by(vec![Key::Field(Field::parse_name(name).unwrap())], 5)).collect();
    groupings.push(by(fields[..3].iter().map(|name| Key::Field(Field::parse_name(name).unwrap())).collect(), 1_000));
    compare_tables(store, reference, text, Aggregation { query: query.clone(), range, groupings }).await;

    let narrow =
        TimeRange { from: range.from.max(OBSERVED - 5_000_000_000), to: range.to.min(OBSERVED + 5_000_000_000) };
    let time = Key::Time { width: 700_000_000 };
    let over_time = by(vec![time.clone(), Key::Field(Field::Level)], 1_000);
    let by_service = by(vec![Key::Field(Field::Service), time], 3);
    let groupings = vec![over_time, by_service];
    compare_tables(store, reference, text, Aggregation { query: query.clone(), range: narrow, groupings }).await;

    let newest = store.newest().await.unwrap();
    let limit = ReadLimit::of_records(100_000);
    let in_order = store.read_after(Default::default(), newest, TimeRange::ALL, query, limit).await.unwrap();
    assert!(in_order.is_sorted_by_key(|stored| stored.position));
    let newest = reference.newest().await.unwrap();
    let expected = reference.read_after(Default::default(), newest, TimeRange::ALL, query, limit).await.unwrap();
    assert_eq!(bare(in_order), bare(expected), "read_after {text}");
}

async fn compare_tables(store: &dyn LogStore, reference: &MemoryStore, text: &str, aggregation: Aggregation) {
    let found = store.aggregate(&aggregation).await.unwrap();
    let expected = reference.aggregate(&aggregation).await.unwrap();
    assert_eq!(found, expected, "{text} in {:?}: {:?}", aggregation.range, aggregation.groupings);
    // A count alone may use the totals of a part.
    let mut counting = aggregation;
    counting.groupings.iter_mut().for_each(|grouping| grouping.measures = vec![Measure::Count]);
    let found = store.aggregate(&counting).await.unwrap();
    assert_eq!(found, reference.aggregate(&counting).await.unwrap(), "counting {text} in {:?}", counting.range);
}
