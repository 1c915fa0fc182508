//! The views that readers save.

use model::limits;
use pipeline::{ErrorClass, SavedView};

use crate::contract::StoreHarness;

fn view(name: &str, address: &str) -> SavedView {
    SavedView { name: name.to_owned(), address: address.to_owned() }
}

pub async fn views_are_saved_replaced_and_removed_by_name(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    assert_eq!(store.views().await.unwrap(), []);
    let errors = view("errors of the shop, 'quoted' 오류", "/?q=level%3Aerror+service%3Ashop&range=1h");
    store.save_view(&view("b", "/?q=b")).await.unwrap();
    store.save_view(&errors).await.unwrap();
    store.save_view(&view("b", "/patterns?q=other")).await.unwrap();
    store.close().await;
    drop(store);

    let store = harness.open().await;
    assert_eq!(store.views().await.unwrap(), [view("b", "/patterns?q=other"), errors.clone()]);
    store.remove_view("b").await.unwrap();
    store.remove_view("b").await.unwrap();
    assert_eq!(store.views().await.unwrap(), [errors]);
    store.close().await;
}

pub async fn views_are_bounded(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    for number in 0..limits::VIEWS {
        store.save_view(&view(&format!("{number:04}"), "/")).await.unwrap();
    }
    let error = store.save_view(&view("one more", "/")).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid);
    store.save_view(&view("0000", "/?q=changed")).await.unwrap();
    assert_eq!(store.views().await.unwrap().len(), limits::VIEWS);
    store.close().await;
}
