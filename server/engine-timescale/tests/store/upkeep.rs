//! Upkeep: retention, and maintenance of TimescaleDB.

use std::{sync::Arc, time::Duration};

use engine_timescale::Options;
use model::{
    Query,
    aggregate::{self, Aggregation, Grouping, Key, Measure},
    query::Field,
    time::Nanos,
};
use pipeline::{Batch, DeadLetterBounds, DeadLetterRequest, LogStore, NewDeadLetter, TimeRange, ask};
use sqlx::{PgPool, Row};
use testkit::{records, servers::postgres::Postgres};

use crate::support::{deliveries, fresh_database, messages, open_with, until};

pub(crate) const DAY: Nanos = 86_400_000_000_000;
pub(crate) const HOUR: Nanos = DAY / 24;

pub(crate) fn now() -> Nanos {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as Nanos
}

/// A batch of records of the service at these times.
pub(crate) fn batch_at(number: u64, service: &str, times: &[Nanos]) -> Batch {
    let mut batch = records::batch(number, times.len());
    for (record, time) in batch.records.iter_mut().zip(times) {
        record.time = *time;
        record.service = service.into();
        record.message = format!("{service} of {} hours ago", (now() - time) / HOUR);
    }
    batch
}

pub(crate) fn busy() -> Options {
    Options { upkeep_pause: Duration::from_millis(50), ..Options::default() }
}

/// The result of a query for one boolean.
pub(crate) async fn is_so(pool: &PgPool, sql: &'static str) -> bool {
    sqlx::query(sql).fetch_one(pool).await.unwrap().get(0)
}

async fn count(store: &Arc<dyn LogStore>) -> u64 {
    ask::count(&**store, &Query::default(), TimeRange::ALL).await.unwrap()
}

/// The available layouts, each with the URL of a new database and its options.
pub(crate) async fn layouts(options: Options) -> Vec<(String, Options)> {
    let mut layouts = vec![(fresh_database().await, Options { timescale: false, ..options.clone() })];
    layouts.extend(timescale_database().await.map(|url| (url, options)));
    layouts
}

/// A new database with the extension; reports if it is not installed.
pub(crate) async fn timescale_database() -> Option<String> {
    let server = Postgres::shared().await;
    if server.has_timescale() {
        return Some(server.fresh_database_with_timescale().await);
    }
    testkit::not_run("upkeep of the store on TimescaleDB, because the extension is not installed");
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_past_its_age_goes_with_its_day() {
    let options = Options { retention: Some(Duration::from_secs(3 * 86_400)), ..busy() };
    for (url, options) in layouts(options).await {
        // Stored before retention was configured.
        let store = open_with(&url, Options { retention: None, ..options.clone() }).await;
        let now = now();
        let times = [now, now - HOUR, now - 2 * DAY, now - 5 * DAY, now - 6 * DAY, now - 900 * DAY];
        store.append(&deliveries(&[batch_at(1, "api", &times[..3]), batch_at(2, "api", &times[3..])])).await.unwrap();
        assert_eq!(count(&store).await, 6);
        store.close().await;

        let store = open_with(&url, options).await;
        until("the old days are gone", async || count(&store).await == 3).await;
        let pool = PgPool::connect(&url).await.unwrap();
        let runs = "select count(*) = 1 from logboom.runs";
        until("their runs are gone too", async || is_so(&pool, runs).await).await;
        let blocks = "select count(*) = 1 from logboom.blocks";
        assert!(is_so(&pool, blocks).await, "the newest block is what readers go by");
        // The tail continues across the gap, and appends work.
        store.append(&deliveries(&[batch_at(3, "api", &[now])])).await.unwrap();
        assert_eq!(crate::support::count(&crate::support::follow(&store, 4).await), 4);
        store.close().await;
    }
}

/// Readers find the newest records by their runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_past_its_age_has_its_run_until_its_day_goes() {
    let options = Options { retention: Some(Duration::from_secs(3_600)), ..busy() };
    for (url, options) in layouts(options).await {
        let store = open_with(&url, options).await;
        let now = now();
        let batches = [batch_at(1, "api", &[now - 2 * HOUR]), batch_at(2, "api", &[now - 5 * DAY])];
        store.append(&deliveries(&batches)).await.unwrap();
        let pool = PgPool::connect(&url).await.unwrap();
        let gone = "select not exists (select from logboom.runs where latest < now() - interval '4 days')";
        until("the run of a day that is gone is gone", async || is_so(&pool, gone).await).await;
        let have_runs = "select not exists (select from logboom.logs where not exists (select from logboom.runs \
                         where position between first_position and first_position + records - 1))";
        assert!(is_so(&pool, have_runs).await);
        store.close().await;
    }
}

/// Nothing notes what goes with a partition that somebody drops.
#[tokio::test(flavor = "multi_thread")]
async fn counted_minutes_are_compared_with_the_records() {
    let url = fresh_database().await;
    let options = Options { timescale: false, ..busy() };
    let minutes = Minutes::of(&options);
    let store = open_with(&url, options).await;
    let now = now();
    store.append(&deliveries(&[batch_at(1, "api", &[now, now - 5 * DAY, now - 5 * DAY - 1])])).await.unwrap();
    let pool = PgPool::connect(&url).await.unwrap();
    until("the minutes are up to date", async || is_so(&pool, minutes.counted).await).await;
    assert_eq!(count(&store).await, 3);
    let drop = "do $$ begin execute (select format('drop table %s', partition) from logboom.days() \
                where pg_relation_size(partition) > 0 order by day limit 1); end $$";
    sqlx::raw_sql(drop).execute(&pool).await.unwrap();
    until("what is gone is counted no more", async || count(&store).await < 3).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_keep_to_their_bounds_and_what_went_is_counted_for_good() {
    let url = fresh_database().await;
    let letter = |number: u32| NewDeadLetter {
        reason: format!("reason {number:04}"),
        producer: "test".into(),
        batch_id: None,
        payload: vec![7; 1_000],
        records: 2,
    };
    let reasons = async |store: &Arc<dyn LogStore>| -> Vec<String> {
        let heads = store.dead_letters(&DeadLetterRequest::newest(10_000)).await.unwrap();
        heads.into_iter().rev().map(|head| head.reason).collect()
    };
    let expected = |numbers: std::ops::Range<u32>| numbers.map(|number| letter(number).reason).collect::<Vec<_>>();
    let weight = letter(0).weight();
    let bounded = |bytes, age| Options { timescale: false, dead_letters: DeadLetterBounds { bytes, age }, ..busy() };
    let long = Duration::from_secs(3_600);
    let store = open_with(&url, bounded(10 * weight, long)).await;
    for number in 0..25 {
        store.put_dead_letters(&[letter(number)]).await.unwrap();
    }
    assert_eq!(reasons(&store).await, expected(15..25));
    store.put_dead_letters(&(25..55).map(letter).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(reasons(&store).await, expected(45..55));
    let status = store.status().dead_letters;
    let counted = (status.letters, status.bytes, status.dropped, status.dropped_records);
    assert_eq!(counted, (10, 10 * weight, 45, 90));
    store.close().await;

    // A reduced limit applies without a new letter; the newest stays.
    let store = open_with(&url, bounded(1, long)).await;
    until("the older ones are gone", async || reasons(&store).await == expected(54..55)).await;
    store.close().await;
    let store = open_with(&url, bounded(u64::MAX, Duration::ZERO)).await;
    until("the last is too old", async || reasons(&store).await.is_empty()).await;
    store.close().await;
    let store = open_with(&url, bounded(u64::MAX, long)).await;
    let status = store.status().dead_letters;
    assert_eq!((status.letters, status.bytes, status.dropped, status.dropped_records), (0, 0, 55, 110));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn past_its_size_the_oldest_days_go_and_the_newest_stays() {
    let options = Options { retention_bytes: Some(1), ..busy() };
    for (url, options) in layouts(options).await {
        let store = open_with(&url, Options { retention_bytes: None, ..options.clone() }).await;
        let now = now();
        let days: Vec<Batch> = (0..4).map(|day| batch_at(day, "api", &[now - day as Nanos * DAY; 3])).collect();
        store.append(&deliveries(&days)).await.unwrap();
        store.close().await;

        let store = open_with(&url, options).await;
        until("the old days are gone", async || count(&store).await == 3).await;
        // A later round, which deletes old records that arrived since, keeps it as well.
        let old = batch_at(9, "late", &[now - 2 * DAY]);
        assert_eq!(store.append(&deliveries(&[old])).await.unwrap().records, 1);
        until("what is old and came later is gone", async || count(&store).await == 3).await;
        assert_eq!(messages(&store, "").await, ["api of 0 hours ago"; 3]);
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_with_a_shorter_time_is_deleted_and_others_are_not() {
    let services = vec![("debug".to_owned(), Duration::from_secs(7_200))];
    for (url, options) in layouts(Options { retention_services: services, ..busy() }).await {
        let store = open_with(&url, options).await;
        let now = now();
        let times = [now - 10 * 60_000_000_000, now - 3 * HOUR, now - 30 * HOUR];
        store.append(&deliveries(&[batch_at(1, "debug", &times), batch_at(2, "api", &times)])).await.unwrap();
        until("its old records are gone", async || count(&store).await == 4).await;
        assert_eq!(messages(&store, "service:debug").await, ["debug of 0 hours ago"]);
        assert_eq!(messages(&store, "service:api").await.len(), 3);
        store.close().await;
    }
}

/// Statements about the counted minutes of a layout.
struct Minutes {
    /// Whether all stored records are counted.
    counted: &'static str,
    /// Whether nothing was deleted since.
    settled: &'static str,
}

impl Minutes {
    fn of(options: &Options) -> Self {
        if options.timescale {
            return Self {
                counted: "select position = logboom.final_position() from logboom.minutes_upto",
                settled: "select not exists (select from logboom.minutes_changed)",
            };
        }
        Self {
            counted: "select position = logboom.final_position() from logboom.minute_counts_upto",
            settled: "select not exists (select from logboom.minute_counts_changed)",
        }
    }
}

/// Holds even without a later append that would recount the minutes.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_is_counted_no_more() {
    for (url, options) in layouts(busy()).await {
        let minutes = Minutes::of(&options);
        let store = open_with(&url, options.clone()).await;
        let now = now();
        let times = [now - 10 * 60_000_000_000, now - 3 * HOUR, now - 5 * DAY];
        store.append(&deliveries(&[batch_at(1, "debug", &times), batch_at(2, "api", &times)])).await.unwrap();
        let pool = PgPool::connect(&url).await.unwrap();
        until("the minutes are up to date", async || is_so(&pool, minutes.counted).await).await;
        assert_eq!(count(&store).await, 6);
        store.close().await;

        let limits = Options {
            retention: Some(Duration::from_secs(3 * 86_400)),
            retention_services: vec![("debug".to_owned(), Duration::from_secs(7_200))],
            ..options
        };
        let store = open_with(&url, limits).await;
        until("the old day and the old records are gone", async || count(&store).await == 3).await;
        until("the minutes are counted again", async || is_so(&pool, minutes.settled).await).await;
        assert_eq!(count(&store).await, 3);
        let range = TimeRange { from: now - 6 * DAY, to: now };
        let by_hour = Aggregation::counting(Query::default(), range, vec![Key::Time { width: HOUR }], 1_000);
        let table = store.aggregate(&by_hour).await.unwrap().remove(0);
        assert_eq!(table.counts().map(|(_, count)| count).sum::<u64>(), 3);
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_planner_is_told_of_a_new_day() {
    for (url, options) in layouts(busy()).await {
        let store = open_with(&url, options).await;
        let now = now();
        let batches: Vec<Batch> = (0..20).map(|number| batch_at(number, "api", &[now; 500])).collect();
        store.append(&deliveries(&batches)).await.unwrap();
        let pool = PgPool::connect(&url).await.unwrap();
        let known = "select bool_or(reltuples = 10000) from pg_inherits join pg_class on oid = inhrelid \
                     where inhparent = 'logboom.logs'::regclass";
        until("the new day is analysed", async || is_so(&pool, known).await).await;
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_become_columns_and_answer_as_before() {
    let Some(url) = timescale_database().await else { return };
    let store = open_with(&url, Options { upkeep_pause: Duration::from_secs(3_600), ..busy() }).await;
    let old = now() - 3 * DAY;
    let batches: Vec<Batch> = (0..20)
        .map(|number| {
            batch_at(number, if number % 2 == 0 { "api" } else { "web" }, &[old + number as Nanos * 1_000; 50])
        })
        .collect();
    store.append(&deliveries(&batches)).await.unwrap();
    let before = messages(&store, "service:api").await;
    assert_eq!(before.len(), 500);
    store.close().await;

    let store = open_with(&url, busy()).await;
    let pool = PgPool::connect(&url).await.unwrap();
    let converted = "select bool_or(is_compressed) from timescaledb_information.chunks where hypertable_name = 'logs'";
    until("the chunk is in columns", async || is_so(&pool, converted).await).await;
    assert_eq!(messages(&store, "service:api").await, before);
    let record = &batches[7].records[3];
    assert_eq!(store.get(record.id).await.unwrap().unwrap().record, *record);
    // A late record is stored and found with the others.
    store.append(&deliveries(&[batch_at(99, "late", &[old + 5])])).await.unwrap();
    assert_eq!(messages(&store, "service:late").await.len(), 1);
    assert_eq!(count(&store).await, 1_001);
    store.close().await;
}

/// The minutes are an optimisation: counts are equal with them, also while they lag.
#[tokio::test(flavor = "multi_thread")]
async fn counted_minutes_give_the_same_counts_as_the_records() {
    for (url, options) in layouts(busy()).await {
        let minutes = Minutes::of(&options);
        let store = open_with(&url, options).await;
        let pool = PgPool::connect(&url).await.unwrap();
        let minute = 60_000_000_000;
        let begin = (now() / HOUR - 5) * HOUR;
        let mut stored = Vec::new();
        for round in 0..6_u64 {
            let services = ["api", "web", "db"];
            for (place, service) in services.iter().enumerate() {
                // Some records of each round are in minutes that were already counted.
                let times: Vec<Nanos> =
                    (0..40).map(|n| begin + ((n * 7 + round as Nanos * 13) % 90) * minute / 2 + n * 1_001).collect();
                let batch = batch_at(round * 10 + place as u64, service, &times);
                store.append(&deliveries(std::slice::from_ref(&batch))).await.unwrap();
                stored.extend(batch.records);
            }
            if round % 2 == 0 {
                until("the minutes are up to date", async || is_so(&pool, minutes.counted).await).await;
            }
            for query in ["", "service:api", "level:error", "-service:web level>=info", "service:a*", "timeout"] {
                let query = Query::parse(query).unwrap();
                for (from, to) in
                    [(begin, begin + HOUR), (begin + 90_001, begin + 33 * minute + 5), (i64::MIN, i64::MAX)]
                {
                    let range = TimeRange { from, to };
                    let matching: Vec<_> =
                        stored.iter().filter(|record| range.contains(record.time) && query.matches(record)).collect();
                    assert_eq!(
                        ask::count(&*store, &query, range).await.unwrap(),
                        matching.len() as u64,
                        "{query} {range:?}"
                    );
                    let by =
                        |keys: &[Key], limit| Grouping { keys: keys.to_vec(), measures: vec![Measure::Count], limit };
                    let (service, level) = (Key::Field(Field::Service), Key::Field(Field::Level));
                    let time = Key::Time { width: 5 * minute };
                    let mut groupings = vec![
                        by(&[], 1),
                        by(std::slice::from_ref(&service), 2),
                        by(&[level.clone(), service.clone()], 9),
                    ];
                    if from > i64::MIN {
                        groupings.push(by(&[time.clone(), level.clone()], 5_000));
                        groupings.push(by(&[service.clone(), time.clone()], 20));
                        // Not whole minutes, so counted from the records.
                        groupings.push(by(&[Key::Time { width: 90_001_000_000 }, service, level], 5_000));
                    }
                    let aggregation = Aggregation { query: query.clone(), range, groupings };
                    let expected = aggregate::evaluate(&aggregation, &stored).unwrap();
                    assert_eq!(store.aggregate(&aggregation).await.unwrap(), expected, "{query} {range:?}");
                }
            }
        }
        store.close().await;
    }
}
