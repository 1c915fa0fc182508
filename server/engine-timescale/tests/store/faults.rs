//! Failures and recovery.

use std::{sync::Arc, time::Duration};

use engine_timescale::{Options, connect};
use model::{Position, Query, Value};
use pipeline::{DeadLetterRequest, ErrorClass, ReadLimit, Supervisor, TimeRange, ask, envelope};
use sqlx::Row;
use testkit::{records, servers::postgres::Postgres};

use crate::support::{count, deliveries, follow, fresh_database, messages, open, session, until};

/// Makes the database refuse some records. Admission rejects all data that PostgreSQL refuses; this simulates an
/// unforeseen case.
async fn refuse_poison(url: &str) {
    sqlx::raw_sql("alter table logboom.logs add check (message not like '%poison%')")
        .execute(&mut session(url).await)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_record_becomes_a_dead_letter_and_the_others_are_stored() {
    let url = fresh_database().await;
    let store = open(&url).await;
    refuse_poison(&url).await;
    let mut batches = [records::batch(1, 20), records::batch(2, 20), records::batch(3, 1)];
    for (batch, place) in [(1, 7), (1, 8), (2, 0)] {
        batches[batch].records[place].message = "poison".to_owned();
    }
    let appended = store.append(&deliveries(&batches)).await.unwrap();
    assert_eq!((appended.records, appended.dead, appended.duplicates), (38, 3, 0));
    assert_eq!(messages(&store, "*").await.len(), 38);

    let blocks = follow(&store, 38).await;
    assert_eq!(count(&blocks), 38);
    let late = open(&url).await;
    let again = follow(&late, 38).await;
    let shape = |blocks: &[pipeline::Block]| -> Vec<_> {
        blocks.iter().map(|block| (block.first, block.batch.records.clone())).collect()
    };
    assert_eq!(shape(&again), shape(&blocks));
    for record in batches[1].records.iter().filter(|record| record.message != "poison") {
        assert_eq!(store.get(record.id).await.unwrap().unwrap().record, *record);
    }

    let letters = store.dead_letters(&DeadLetterRequest::newest(10)).await.unwrap();
    assert_eq!(letters.len(), 3);
    assert!(letters.iter().all(|letter| letter.reason.contains("postgresql refuses the record")));
    let letter = letters.iter().find(|letter| letter.batch_id == Some(batches[1].id)).unwrap();
    let letter = store.dead_letter(letter.id).await.unwrap().unwrap();
    let replay = envelope::decode(&letter.letter.payload).unwrap();
    assert_eq!(replay.records.len(), 1);
    assert_ne!(replay.id, batches[1].id);
    assert_eq!(replay.records[0].message, "poison");

    // The server itself refuses NUL.
    let mut batch = records::batch(4, 3);
    batch.records[1].message = "a\0b".to_owned();
    let appended = store.append(&deliveries(&[batch])).await.unwrap();
    assert_eq!((appended.records, appended.dead), (2, 1));

    let again = store.append(&deliveries(&batches)).await.unwrap();
    assert_eq!((again.records, again.dead, again.duplicates), (0, 0, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_of_any_background_task_is_outlived() {
    let supervisor = Supervisor::default();
    let options = Options { timescale: false, supervisor: supervisor.clone(), ..Options::default() };
    let store = connect(&fresh_database().await, options).await.unwrap();
    let names =
        ["postgresql-horizon", "postgresql-listen", "postgresql-upkeep", "postgresql-sizes", "postgresql-summaries"];
    for (number, name) in names.into_iter().enumerate() {
        assert!(supervisor.panic_in(name));
        store.append(&deliveries(&[records::batch(number as u64, 10)])).await.unwrap();
        let records = 10 * (number + 1);
        assert_eq!(count(&follow(&store, records).await), records);
    }
    until("each runs again", || async { supervisor.tasks().iter().all(|task| task.restarts == 1) }).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn among_many_batches_a_refused_record_and_a_redelivery_cost_only_themselves() {
    let url = fresh_database().await;
    let store = open(&url).await;
    refuse_poison(&url).await;
    let mut batches: Vec<_> = (0..1_000).map(|number| records::batch(number, 5)).collect();
    store.append(&deliveries(&batches[400..410])).await.unwrap();
    for (batch, place) in [(0, 0), (512, 2), (999, 4)] {
        batches[batch].records[place].message = "poison".to_owned();
    }
    let appended = store.append(&deliveries(&batches)).await.unwrap();
    assert_eq!((appended.records, appended.dead, appended.duplicates), (4_947, 3, 10));
    assert_eq!(count(&follow(&store, 4_997).await), 4_997);
    let letters = store.dead_letters(&DeadLetterRequest::newest(10)).await.unwrap();
    let mut refused: Vec<_> = letters.iter().map(|letter| letter.batch_id.unwrap()).collect();
    refused.sort_unstable();
    assert_eq!(refused, [batches[0].id, batches[512].id, batches[999].id]);
    let again = store.append(&deliveries(&batches)).await.unwrap();
    assert_eq!((again.records, again.dead, again.duplicates), (0, 0, 1_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_killed_in_the_middle_leaves_nothing_and_the_store_goes_on() {
    let url = fresh_database().await;
    let store = open(&url).await;
    let batches: Vec<_> = (0..4).map(|number| records::long_messages(number, 1_000, 2_000)).collect();
    let deliveries = Arc::new(deliveries(&batches));
    let mut admin = session(&url).await;
    let mut killed = 0;
    for _ in 0..50 {
        let (storing, to_store) = (Arc::clone(&store), Arc::clone(&deliveries));
        let append = tokio::spawn(async move { storing.append(&to_store).await });
        while !append.is_finished() {
            let kill = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                        where datname = current_database() and query like '%insert into logboom.logs %' and pid <> pg_backend_pid()";
            killed += sqlx::query(kill).fetch_one(&mut admin).await.unwrap().get::<i64, _>(0);
        }
        match append.await.unwrap() {
            Err(error) => assert_eq!(error.class, ErrorClass::Unavailable, "{error}"),
            // The append was faster than the kill.
            Ok(appended) => {
                assert!(appended.records == 4_000 || appended.duplicates == 4);
                break;
            }
        }
        assert_eq!(ask::count(&*store, &Query::default(), TimeRange::ALL).await.unwrap(), 0);
        if killed > 3 {
            store.append(&deliveries).await.unwrap();
            break;
        }
    }
    assert!(killed > 0, "no transaction was caught while it inserted");
    assert_eq!(ask::count(&*store, &Query::default(), TimeRange::ALL).await.unwrap(), 4_000);
    assert_eq!(count(&follow(&store, 4_000).await), 4_000);
    assert_eq!(store.append(&deliveries).await.unwrap().duplicates, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_late_is_waited_for() {
    let mut server = Postgres::start().await.unwrap();
    let url = server.fresh_database().await;
    server.stop().await.unwrap();
    // The first future is polled first, before the server runs; its success shows that it keeps trying.
    let (store, restarted) = tokio::join!(open(&url), server.restart());
    restarted.unwrap();

    // A crash in between: stored records are kept, and the store continues.
    store.append(&deliveries(&[records::batch(1, 3)])).await.unwrap();
    server.kill().await.unwrap();
    let error = store.append(&deliveries(&[records::batch(2, 3)])).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Unavailable, "{error}");
    until("trouble is shown", async || store.status().trouble.is_some()).await;
    server.restart().await.unwrap();
    until("the store answers again", async || store.append(&deliveries(&[records::batch(2, 3)])).await.is_ok()).await;
    until("trouble is over", async || store.status().trouble.is_none()).await;
    assert_eq!(count(&follow(&store, 6).await), 6);
    assert_eq!(messages(&store, "*").await.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_refused_is_said_at_once_and_without_the_password() {
    let url = fresh_database().await;
    for (from, to) in [("/test_", "/absent_"), ("postgres://logboom:", "postgres://logboom:wrong")] {
        let wrong = url.replace(from, to);
        assert_ne!(wrong, url);
        let error = connect(&wrong, Options::default()).await.err().unwrap();
        assert_eq!(error.class, ErrorClass::Invalid, "{error}");
        assert!(!error.to_string().contains("secret-"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_hold_every_character_is_refused() {
    let latin = format!("{}_latin", fresh_database().await);
    let database = latin.rsplit_once('/').unwrap().1;
    let create = format!("create database {database} template template0 encoding 'LATIN1' locale 'C'");
    Postgres::shared().await.sql(&create).await.unwrap();
    let error = connect(&latin, Options::default()).await.err().unwrap();
    assert_eq!(error.class, ErrorClass::Invalid, "{error}");
    assert!(error.to_string().contains("encoding is LATIN1") && error.to_string().contains("'UTF8'"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_a_newer_version_is_left_alone() {
    let url = fresh_database().await;
    open(&url).await.close().await;
    sqlx::query("insert into logboom.migrations (track, version, name) values ('plain', 1000, 'future')")
        .execute(&mut session(&url).await)
        .await
        .unwrap();
    let error = connect(&url, Options::default()).await.err().unwrap();
    assert_eq!(error.class, ErrorClass::Invalid);
    assert!(error.to_string().contains("newer logboom"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_search_stops_in_the_server() {
    let url = fresh_database().await;
    let store = open(&url).await;
    let mut admin = session(&url).await;
    store.append(&deliveries(&[records::batch(1, 100)])).await.unwrap();
    // A slow search: the function of filter comparisons sleeps.
    let slow = "create or replace function logboom.attribute_number(value jsonb) returns float8 \
                language plpgsql volatile as $$ begin perform pg_sleep(0.5); return 1; end $$";
    sqlx::raw_sql(slow).execute(&mut admin).await.unwrap();
    let query = Query::parse("status>=500").unwrap();
    let search = tokio::spawn(async move { ask::count(&*store, &query, TimeRange::ALL).await.map(|_| store) });
    let running = "select count(*) from pg_stat_activity where datname = current_database() \
                   and query like '%attribute_number%' and state = 'active' and pid <> pg_backend_pid()";
    let mut count_running = async || -> i64 { sqlx::query(running).fetch_one(&mut admin).await.unwrap().get(0) };
    while count_running().await == 0 {
        assert!(!search.is_finished());
    }
    search.abort();
    let begun = std::time::Instant::now();
    while count_running().await > 0 {
        assert!(begun.elapsed() < crate::support::PATIENCE, "the server is still searching");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Each block is read in a fifth of the limit of a statement, and all together in twice the limit.
#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_is_too_slow_for_one_statement_is_read_in_pieces() {
    let url = fresh_database().await;
    let options = Options { timescale: false, read_timeout: Duration::from_secs(1), ..Options::default() };
    let store = connect(&url, options).await.unwrap();
    for number in 0..10 {
        let mut batch = records::batch(number, 10);
        batch.records.iter_mut().for_each(|record| record.attributes = vec![("slow".into(), Value::Int(1))]);
        store.append(&deliveries(&[batch])).await.unwrap();
    }
    let slow = "create or replace function logboom.attribute_number(value jsonb) returns float8 language plpgsql volatile \
                as $$ begin perform pg_sleep(0.02); return value::float8; end; $$";
    sqlx::raw_sql(slow).execute(&mut session(&url).await).await.unwrap();
    let (newest, limit) = (store.newest().await.unwrap(), ReadLimit::of_records(1_000));
    let read = async |query: &str| {
        let query = Query::parse(query).unwrap();
        store.read_after(Position(i64::MIN), newest, TimeRange::ALL, &query, limit).await.unwrap()
    };
    assert_eq!(read("slow>=2").await, []);
    let all = read("slow>=1").await;
    assert_eq!(all.len(), 100);
    assert!(all.is_sorted_by_key(|stored| stored.position));
    store.close().await;
}
