//! The contract of every store, on each layout.

use std::sync::Arc;

use async_trait::async_trait;
use engine_timescale::Options;
use pipeline::LogStore;
use testkit::{contract::StoreHarness, servers::postgres::Postgres};

use crate::{summaries, support};

struct Harness {
    url: String,
    timescale: bool,
    /// Whether the store builds summaries of small blocks at once.
    summaries: bool,
}

impl Harness {
    fn options(&self) -> Options {
        let options = Options { timescale: self.timescale, ..Options::default() };
        if self.summaries { summaries::eager(options) } else { options }
    }
}

#[async_trait]
impl StoreHarness for Harness {
    async fn open(&self) -> Arc<dyn LogStore> {
        let store = support::open_with(&self.url, self.options()).await;
        assert_eq!(store.status().engine.contains("TimescaleDB"), self.timescale);
        store
    }

    fn keeps_patience(&self) -> bool {
        !self.summaries
    }

    async fn settle(&self) {
        if self.summaries {
            summaries::until_built(&self.url).await;
        }
    }
}

async fn on_plain(summaries: bool) -> Harness {
    Harness { url: support::fresh_database().await, timescale: false, summaries }
}

/// Without the extension, the suite runs on plain PostgreSQL once more, and reports it.
async fn on_timescale(summaries: bool) -> Harness {
    let server = Postgres::shared().await;
    if server.has_timescale() {
        return Harness { url: server.fresh_database_with_timescale().await, timescale: true, summaries };
    }
    testkit::not_run("the store's contract on TimescaleDB, because the extension is not installed");
    on_plain(summaries).await
}

mod on_plain_postgresql {
    use super::*;

    async fn harness() -> Harness {
        on_plain(false).await
    }

    testkit::store_contract!(harness);
    testkit::documents_contract!(harness);
}

mod on_timescaledb {
    use super::*;

    async fn harness() -> Harness {
        on_timescale(false).await
    }

    testkit::store_contract!(harness);
    testkit::documents_contract!(harness);
}

mod on_plain_postgresql_with_summaries {
    use super::*;

    async fn harness() -> Harness {
        on_plain(true).await
    }

    testkit::store_contract!(harness);
}

mod on_timescaledb_with_summaries {
    use super::*;

    async fn harness() -> Harness {
        on_timescale(true).await
    }

    testkit::store_contract!(harness);
}
