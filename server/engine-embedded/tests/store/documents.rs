//! Documents of the embedded store, beyond the contract.

use std::{task::Poll, time::Duration};

use pipeline::{Documents, Expected, Json, Kind, Version, documents::unchecked};

use crate::support::in_memory;

const NOTE: Kind =
    Kind { name: "note", format: 1, plural: "notes", most_bytes: 100, most_documents: 9, check: unchecked };

/// Starts a call and drops it.
async fn abandon(call: impl Future) {
    let mut call = std::pin::pin!(call);
    std::future::poll_fn(|context| {
        assert!(call.as_mut().poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
}

/// A watch does not poll, so it depends on the signal of each change.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_learns_of_a_change_whose_caller_went_away() {
    async fn next(documents: &dyn Documents, seen: Version) -> Version {
        tokio::time::timeout(Duration::from_secs(20), documents.watch(&NOTE, seen)).await.unwrap().unwrap()
    }

    let scratch = tempfile::tempdir().unwrap();
    let store = engine_embedded::open_store(scratch.path(), in_memory()).await.unwrap();
    let documents = store.documents();
    let body = Json::parse("1").unwrap();

    abandon(documents.put(&NOTE, "a", &body, Expected::Any, None)).await;
    let put = next(&*documents, Version(0)).await;
    assert_eq!(documents.get(&NOTE, "a").await.unwrap().unwrap().version, put);

    abandon(documents.delete(&NOTE, "a", Expected::Any, None)).await;
    next(&*documents, put).await;
    assert_eq!(documents.get(&NOTE, "a").await.unwrap(), None);
    store.close().await;
}
