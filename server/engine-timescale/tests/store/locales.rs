//! Search results do not depend on the locale of the database (C7).

use std::sync::Arc;

use async_trait::async_trait;
use pipeline::LogStore;
use testkit::{
    contract::{StoreHarness, store},
    servers::postgres::Postgres,
};

use crate::support;

struct Harness(String);

#[async_trait]
impl StoreHarness for Harness {
    async fn open(&self) -> Arc<dyn LogStore> {
        support::open(&self.0).await
    }
}

/// In Turkish, `lower('I')` is `ı`; in the locale C it is `i`, and that of `É` is `É`.
#[tokio::test(flavor = "multi_thread")]
async fn queries_are_answered_alike_in_any_locale() {
    let server = Postgres::shared().await;
    let url = support::fresh_database().await;
    for (name, locale) in [
        ("c", "locale 'C'"),
        ("turkish", "locale 'C.UTF-8' locale_provider icu icu_locale 'tr'"),
        ("german", "locale 'C.UTF-8' locale_provider icu icu_locale 'de'"),
    ] {
        let url = format!("{url}_{name}");
        let database = url.rsplit_once('/').unwrap().1;
        let create = format!("create database {database} template template0 encoding 'UTF8' {locale}");
        server.sql(&create).await.unwrap();
        let harness = Harness(url);
        store::fresh_records_answer_every_query_like_the_reference(&harness).await;
    }
}
