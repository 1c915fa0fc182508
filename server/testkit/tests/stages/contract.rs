//! The reference engines pass the suites that they are the measure of.

mod queue {
    use std::sync::Arc;

    use async_trait::async_trait;
    use pipeline::Queue;
    use testkit::{contract::QueueHarness, memory::MemoryQueue};

    struct Harness(MemoryQueue);

    #[async_trait]
    impl QueueHarness for Harness {
        async fn open(&self) -> Arc<dyn Queue> {
            Arc::new(self.0.reopen())
        }
    }

    async fn harness() -> Harness {
        Harness(MemoryQueue::new())
    }

    testkit::queue_contract!(harness);
}

mod store {
    use std::sync::Arc;

    use async_trait::async_trait;
    use pipeline::LogStore;
    use testkit::{contract::StoreHarness, memory::MemoryStore};

    struct Harness(MemoryStore);

    #[async_trait]
    impl StoreHarness for Harness {
        async fn open(&self) -> Arc<dyn LogStore> {
            Arc::new(self.0.reopen())
        }

        /// It looks at every record, always.
        fn keeps_patience(&self) -> bool {
            false
        }
    }

    async fn harness() -> Harness {
        Harness(MemoryStore::new())
    }

    testkit::store_contract!(harness);
    testkit::documents_contract!(harness);
}
