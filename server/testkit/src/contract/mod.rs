//! The contracts of the engines, written once.
//!
//! An engine's package defines how its engine is opened, and instantiates the whole suite:
//!
//! ```ignore
//! // server/engine-embedded/tests/contract.rs
//! use std::sync::Arc;
//! use pipeline::LogStore;
//! use testkit::contract::StoreHarness;
//!
//! struct Harness { folder: tempfile::TempDir }
//!
//! #[async_trait::async_trait]
//! impl StoreHarness for Harness {
//!     async fn open(&self) -> Arc<dyn LogStore> {
//!         Arc::new(EmbeddedStore::open(self.folder.path()).await.unwrap())
//!     }
//! }
//!
//! /// A new folder for each test.
//! async fn harness() -> Harness {
//!     Harness { folder: tempfile::tempdir().unwrap() }
//! }
//!
//! testkit::store_contract!(harness);
//! ```
//!
//! Each case becomes a test function in the module of the macro, so two instances need two modules. It creates a new
//! harness, and may open, close and open again, but never has two open at once. `testkit::documents_contract!` takes
//! the same harness, and `testkit::queue_contract!` a [`QueueHarness`]. The instantiating package needs `tokio` with
//! `macros` and `rt-multi-thread`.

#![allow(clippy::unwrap_used, reason = "suites are tests")]

pub mod documents;
pub mod queue;
pub mod store;

use std::sync::Arc;

use async_trait::async_trait;
use pipeline::{LogStore, Queue};

/// Opens the same store repeatedly.
#[async_trait]
pub trait StoreHarness: Send + Sync {
    /// Opens the store with its content from before.
    async fn open(&self) -> Arc<dyn LogStore>;

    /// Whether a search without patience ends before it has examined everything.
    fn keeps_patience(&self) -> bool {
        true
    }

    /// Waits until the store has derived in the background what it answers from, if it does so. A suite calls it in
    /// half of its cases, so that the others find a mixture.
    async fn settle(&self) {}

    /// Ends the store without [`LogStore::close`], as similar to a crash as a process allows. Must not return before
    /// the store can be opened again.
    async fn crash(&self, store: Arc<dyn LogStore>) {
        drop(store);
    }
}

/// Opens the same queue repeatedly.
#[async_trait]
pub trait QueueHarness: Send + Sync {
    /// Opens the queue with its content from before.
    async fn open(&self) -> Arc<dyn Queue>;

    /// Ends the queue without [`Queue::close`], as similar to a crash as a process allows. Must not return before the
    /// queue can be opened again.
    async fn crash(&self, queue: Arc<dyn Queue>) {
        drop(queue);
    }
}

/// Generates one test function per case.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_cases {
    ($suite:ident, $make:path, $($case:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let harness = $make().await;
                $crate::contract::within_limit($crate::contract::$suite::$case(&harness)).await;
            }
        )+
    };
}

/// Ends a case that hangs; generous, because test machines are slow.
#[doc(hidden)]
pub async fn within_limit(case: impl Future<Output = ()>) {
    let limit = std::time::Duration::from_secs(180);
    assert!(tokio::time::timeout(limit, case).await.is_ok(), "the case did not end within {limit:?}");
}
