//! What every store must do.

use std::sync::Arc;

use pipeline::{Content, Delivery, Receipt, TimeRange};

use super::StoreHarness;
use crate::records;

/// Instantiates the suite; see [`crate::contract`].
#[macro_export]
macro_rules! store_contract {
    ($make:path) => {
        $crate::contract_cases!(store, $make, what_is_appended_is_counted);
    };
}

pub async fn what_is_appended_is_counted(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let content = Content::Batch(Arc::new(records::batch(1, 3)));
    store.append(&[Delivery { receipt: Receipt(1), content }]).await.unwrap();
    assert_eq!(store.count(&model::Query::default(), TimeRange::ALL).await.unwrap(), 3);
    store.close().await;
}
