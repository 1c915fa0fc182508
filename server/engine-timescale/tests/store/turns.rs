//! One node at a time does the upkeep, under a lease.

use std::{sync::Arc, time::Duration};

use engine_timescale::Options;
use pipeline::{DeadLetterBounds, DeadLetterRequest, LogStore, NewDeadLetter};
use sqlx::{Connection, PgPool, Row};

use crate::{
    documents::run_out,
    support::{fresh_database, open_with, session, until},
};

/// The lease of the upkeep.
const UPKEEP: &str = "upkeep";
/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(3_600);

/// Keeps only the newest dead letter.
fn busy() -> Options {
    let dead_letters = DeadLetterBounds { bytes: 1, age: LONG };
    Options { timescale: false, dead_letters, upkeep_pause: Duration::from_millis(20), ..Options::default() }
}

/// Leaves the upkeep to other nodes.
fn idle() -> Options {
    Options { timescale: false, upkeep_pause: LONG, ..Options::default() }
}

async fn put_letters(store: &Arc<dyn LogStore>) {
    let letter =
        NewDeadLetter { reason: "r".into(), producer: "test".into(), batch_id: None, payload: vec![7], records: 1 };
    store.put_dead_letters(&vec![letter; 5]).await.unwrap();
}

async fn letters(store: &Arc<dyn LogStore>) -> usize {
    store.dead_letters(&DeadLetterRequest::newest(100)).await.unwrap().len()
}

/// The server process that waits for a lock on the table of dead letters.
async fn waiting(pool: &PgPool) -> Option<i32> {
    let sql = "select pid from pg_locks where relation = 'logboom.dead_letters'::regclass and not granted";
    sqlx::query(sql).fetch_optional(pool).await.unwrap().map(|row| row.get(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_does_the_upkeep_when_the_lease_of_one_that_vanished_has_run_out() {
    let url = fresh_database().await;
    let vanished = open_with(&url, idle()).await;
    vanished.leases().acquire(UPKEEP, "vanished", LONG).await.unwrap().unwrap();
    put_letters(&vanished).await;
    let looking = PgPool::connect(&url).await.unwrap();
    let opened: String = sqlx::query("select clock_timestamp()::text").fetch_one(&looking).await.unwrap().get(0);
    let store = open_with(&url, busy()).await;
    until("it has asked for the lease", async || {
        let asked = "select exists (select from pg_stat_activity where query like '%insert into logboom.leases%' \
                     and state = 'idle' and query_start > $1::timestamptz and datname = current_database())";
        sqlx::query(asked).bind(&opened).fetch_one(&looking).await.unwrap().get(0)
    })
    .await;
    assert_eq!(letters(&store).await, 5);
    run_out(&url, UPKEEP).await;
    until("the letters are bounded", async || letters(&store).await == 1).await;
    store.close().await;
    vanished.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_has_lost_its_lease_writes_nothing_more() {
    let url = fresh_database().await;
    let other = open_with(&url, idle()).await;
    put_letters(&other).await;
    // The first node reaches its deletion, and waits there for the table.
    let (mut blocking, looking) = (session(&url).await, PgPool::connect(&url).await.unwrap());
    let mut table = blocking.begin().await.unwrap();
    sqlx::raw_sql("lock table logboom.dead_letters in share mode").execute(&mut *table).await.unwrap();
    let first = open_with(&url, busy()).await;
    until("the first node is in the middle of its turn", async || waiting(&looking).await.is_some()).await;
    let pid = waiting(&looking).await;

    run_out(&url, UPKEEP).await;
    let lease = other.leases().acquire(UPKEEP, "other", LONG).await.unwrap().unwrap();
    assert!(lease.token > 1);
    table.commit().await.unwrap();
    until("the first node has ended its transaction", async || {
        let open = "select exists (select from pg_stat_activity where pid = $1 and xact_start is not null)";
        !sqlx::query(open).bind(pid).fetch_one(&looking).await.unwrap().get::<bool, _>(0)
    })
    .await;
    assert_eq!(letters(&other).await, 5, "what it had deleted came back");
    // It does nothing until it has the lease again.
    assert!(other.leases().renew(&lease, LONG).await.unwrap());
    assert!(other.leases().release(&lease).await.unwrap());
    until("the letters are bounded", async || letters(&other).await == 1).await;
    first.close().await;
    other.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_closed_gives_its_lease_back() {
    let url = fresh_database().await;
    let store = open_with(&url, busy()).await;
    let looking = PgPool::connect(&url).await.unwrap();
    until("it has had a turn", async || {
        let had = "select exists (select from logboom.leases where name = 'upkeep')";
        sqlx::query(had).fetch_one(&looking).await.unwrap().get(0)
    })
    .await;
    store.close().await;
    let free = "select expires_at <= clock_timestamp() from logboom.leases where name = 'upkeep'";
    assert!(sqlx::query(free).fetch_one(&looking).await.unwrap().get::<bool, _>(0));
}
