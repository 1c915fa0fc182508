//! Documents and leases in a database: two nodes, and saved views of earlier versions.

use std::time::Duration;

use pipeline::{Expected, Json, Kind, Version, documents::unchecked};
use sqlx::{PgPool, Row};

use crate::support::{fresh_database, open, session};

const NOTE: Kind =
    Kind { name: "note", format: 1, plural: "notes", most_bytes: 1_000, most_documents: 5, check: unchecked };
const VIEW: Kind =
    Kind { name: "view", format: 1, plural: "saved views", most_bytes: 1_000, most_documents: 5, check: unchecked };

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(3_600);

fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_see_the_documents_of_each_other() {
    let url = fresh_database().await;
    let (one, other) = (open(&url).await, open(&url).await);
    let (written, watched) = (one.documents(), other.documents());
    let mut seen = Version(0);
    for number in 1..=20 {
        let put = tokio::spawn({
            let written = written.clone();
            async move { written.put(&NOTE, "a", &json(&number.to_string()), Expected::Any, None).await.unwrap() }
        });
        let watching = async {
            while seen.0 < number {
                seen = watched.watch(&NOTE, seen).await.unwrap();
            }
        };
        let (put, ()) = tokio::join!(put, watching);
        assert_eq!(put.unwrap(), seen);
        assert_eq!(watched.get(&NOTE, "a").await.unwrap().unwrap().body, json(&number.to_string()));
    }
    // The other node has changed it meanwhile: a conflict.
    watched.put(&NOTE, "a", &json("0"), Expected::Version(seen), None).await.unwrap();
    let error = written.put(&NOTE, "a", &json("0"), Expected::Version(seen), None).await.unwrap_err();
    assert!(error.message.contains("version 21 now"), "{error}");
    one.close().await;
    other.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_one_has_a_lease_and_the_other_gets_it_when_it_has_run_out() {
    let url = fresh_database().await;
    let (one, other) = (open(&url).await, open(&url).await);
    let lease = one.leases().acquire("a", "one", LONG).await.unwrap().unwrap();
    assert_eq!(other.leases().acquire("a", "other", LONG).await.unwrap(), None);
    one.documents().put(&NOTE, "a", &json("1"), Expected::Any, Some(&lease)).await.unwrap();

    run_out(&url, "a").await;
    let next = other.leases().acquire("a", "other", LONG).await.unwrap().unwrap();
    assert!(next.token > lease.token);
    let error = one.documents().put(&NOTE, "a", &json("2"), Expected::Any, Some(&lease)).await.unwrap_err();
    assert!(error.message.contains("lease a with token 1 is lost"), "{error}");
    other.documents().put(&NOTE, "a", &json("3"), Expected::Any, Some(&next)).await.unwrap();
    assert_eq!(one.documents().get(&NOTE, "a").await.unwrap().unwrap().body, json("3"));
    one.close().await;
    other.close().await;
}

/// While a holder writes, nobody takes over before the commit.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_not_taken_over_between_its_check_and_the_commit() {
    let url = fresh_database().await;
    let store = open(&url).await;
    let lease = store.leases().acquire("a", "one", LONG).await.unwrap().unwrap();
    let mut writer = session(&url).await;
    let mut writing = sqlx::Connection::begin(&mut writer).await.unwrap();
    let hold = sqlx::query("select logboom.hold_lease('a', $1)").bind(lease.token as i64);
    hold.execute(&mut *writing).await.unwrap();

    let expiring = tokio::spawn({
        let url = url.clone();
        async move { run_out(&url, "a").await }
    });
    let looking = PgPool::connect(&url).await.unwrap();
    crate::support::until("the change of the lease waits", async || {
        let waiting = "select exists (select from pg_stat_activity where wait_event_type = 'Lock' \
                       and query like 'update logboom.leases%' and datname = current_database())";
        sqlx::query(waiting).fetch_one(&looking).await.unwrap().get(0)
    })
    .await;
    writing.commit().await.unwrap();
    expiring.await.unwrap();
    assert!(store.leases().acquire("a", "other", LONG).await.unwrap().is_some());
    store.close().await;
}

/// Starts from the schema of the last version that had a table of views.
#[tokio::test(flavor = "multi_thread")]
async fn views_that_were_saved_before_there_were_documents_are_documents_now() {
    let url = fresh_database().await;
    let mut session = session(&url).await;
    sqlx::raw_sql(include_str!("../../migrations/0000_track.sql")).execute(&mut session).await.unwrap();
    for (version, sql) in (1..).zip([
        include_str!("../../migrations/plain/0001_logs.sql"),
        include_str!("../../migrations/plain/0002_blocks.sql"),
        include_str!("../../migrations/plain/0003_values.sql"),
        include_str!("../../migrations/plain/0004_days.sql"),
        include_str!("../../migrations/plain/0005_upkeep.sql"),
        include_str!("../../migrations/plain/0006_views.sql"),
        include_str!("../../migrations/plain/0007_dead_letters.sql"),
    ]) {
        sqlx::raw_sql(sql).execute(&mut session).await.unwrap();
        let applied = sqlx::query("insert into logboom.migrations (track, version, name) values ('plain', $1, '')");
        applied.bind(version).execute(&mut session).await.unwrap();
    }
    let views =
        [("A", "/"), ("a/b \"quoted\" 'twice'", "/patterns?q=\"a \\ b\""), ("z", "/?q=z"), ("오류 🧪", "/?q=오류")];
    for (name, address) in views.into_iter().rev() {
        let saved = sqlx::query("insert into logboom.views (name, address) values ($1, $2)");
        saved.bind(name).bind(address).execute(&mut session).await.unwrap();
    }
    for _ in 0..2 {
        let store = open(&url).await;
        let listing = store.documents().list(&VIEW).await.unwrap();
        assert_eq!(listing.version, Version(4));
        let found: Vec<(String, serde_json::Value)> =
            listing.documents.iter().map(|found| (found.name.clone(), found.body.read().unwrap())).collect();
        assert_eq!(found, views.map(|(name, address)| (name.to_owned(), serde_json::json!({"address": address}))));
        store.close().await;
    }
}

/// Expires a lease without waiting.
pub(crate) async fn run_out(url: &str, name: &str) {
    let end = sqlx::query("update logboom.leases set expires_at = now() - interval '1 second' where name = $1");
    let changed = end.bind(name).execute(&mut session(url).await).await.unwrap();
    assert_eq!(changed.rows_affected(), 1);
}
