//! The contract suite of the port, on one queue per case of a shared broker.

use std::sync::Arc;

use async_trait::async_trait;
use pipeline::Queue;
use testkit::{contract::QueueHarness, servers::rabbitmq::RabbitMq};

use crate::support::{self, SideChannel};

struct Harness {
    url: String,
}

#[async_trait]
impl QueueHarness for Harness {
    async fn open(&self) -> Arc<dyn Queue> {
        support::connect(&self.url).await
    }

    async fn crash(&self, queue: Arc<dyn Queue>) {
        drop(queue);
        // The deliveries of the lost consumer are back in the queue once it is gone.
        SideChannel::connect(&self.url).await.until(|(_, consumers)| consumers == 0).await;
    }
}

async fn harness() -> Harness {
    Harness { url: RabbitMq::shared().await.fresh_queue() }
}

testkit::queue_contract!(harness);
