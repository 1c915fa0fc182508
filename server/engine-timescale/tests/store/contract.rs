//! The contract of every store, on each layout.

use std::sync::Arc;

use async_trait::async_trait;
use engine_timescale::Options;
use pipeline::LogStore;
use testkit::{contract::StoreHarness, servers::postgres::Postgres};

use crate::support;

struct Harness {
    url: String,
    timescale: bool,
}

#[async_trait]
impl StoreHarness for Harness {
    async fn open(&self) -> Arc<dyn LogStore> {
        let store = support::open_with(&self.url, Options { timescale: self.timescale, ..Options::default() }).await;
        assert_eq!(store.status().engine.contains("TimescaleDB"), self.timescale);
        store
    }
}

mod on_plain_postgresql {
    use super::*;

    async fn harness() -> Harness {
        Harness { url: support::fresh_database().await, timescale: false }
    }

    testkit::store_contract!(harness);
    testkit::documents_contract!(harness);
}

/// Without the extension, the suite runs on plain PostgreSQL once more, and reports it.
mod on_timescaledb {
    use super::*;

    async fn harness() -> Harness {
        let server = Postgres::shared().await;
        if server.has_timescale() {
            return Harness { url: server.fresh_database_with_timescale().await, timescale: true };
        }
        testkit::not_run("the store's contract on TimescaleDB, because the extension is not installed");
        Harness { url: server.fresh_database().await, timescale: false }
    }

    testkit::store_contract!(harness);
    testkit::documents_contract!(harness);
}
