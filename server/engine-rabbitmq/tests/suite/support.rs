//! Shared helpers of the tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use engine_rabbitmq::Options;
use lapin::{Channel, Connection, ConnectionProperties, options::QueueDeclareOptions, types::FieldTable};
use pipeline::{Batch, BatchId, Content, Delivery, Queue, Receipt};
use testkit::{chaos::Proxy, records, servers::rabbitmq::RabbitMq};

/// Connects the engine, without the wait that only matters when the broker is killed.
pub(crate) async fn connect(url: &str) -> Arc<dyn Queue> {
    connect_with(url, Options { new_queue_rest: Duration::ZERO, ..Options::default() }).await
}

/// Connects the engine.
pub(crate) async fn connect_with(url: &str, options: Options) -> Arc<dyn Queue> {
    // The engine's log lines, selected by RUST_LOG, are shown with failures.
    let filter =
        tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "engine_rabbitmq=debug".into());
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
    engine_rabbitmq::connect(url, options).await.unwrap()
}

/// A batch of three records whose id is derived from the number.
pub(crate) fn batch(number: u64) -> Arc<Batch> {
    Arc::new(records::batch(number, 3))
}

/// The batch of a delivery.
pub(crate) fn content(delivery: &Delivery) -> &Arc<Batch> {
    match &delivery.content {
        Content::Batch(batch) => batch,
        Content::Undecodable { reason, .. } => panic!("not a batch: {reason}"),
    }
}

pub(crate) fn receipts(deliveries: &[Delivery]) -> Vec<Receipt> {
    deliveries.iter().map(|delivery| delivery.receipt).collect()
}

/// Receives and acknowledges until all of these batches have arrived; returns how often each arrived.
pub(crate) async fn receive_all(queue: &dyn Queue, mut awaited: BTreeSet<BatchId>) -> BTreeMap<BatchId, usize> {
    let mut counts = BTreeMap::new();
    while !awaited.is_empty() {
        let deliveries = queue.receive(1_000).await.unwrap();
        for delivery in &deliveries {
            let id = content(delivery).id;
            awaited.remove(&id);
            *counts.entry(id).or_default() += 1;
        }
        queue.acknowledge(&receipts(&deliveries)).await.unwrap();
    }
    counts
}

/// A proxy in front of the shared broker, and the URL of a new queue behind it. A silent network is detected within
/// seconds.
pub(crate) async fn behind_proxy() -> (Proxy, String) {
    let url = RabbitMq::shared().await.fresh_queue();
    let broker = url.split(['@', '/']).nth(3).unwrap().to_owned();
    let address = tokio::net::lookup_host(&broker).await.unwrap().next().unwrap();
    let proxy = Proxy::start(address).await.unwrap();
    let url = url.replacen(&broker, &proxy.address().to_string(), 1);
    (proxy, format!("{url}&heartbeat=2"))
}

/// Publishes until it is confirmed, like a client that retries.
pub(crate) async fn publish_until_confirmed(queue: &dyn Queue, batch: &Arc<Batch>) {
    while let Err(error) = queue.publish(batch.clone()).await {
        assert!(error.is_retryable(), "{error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A separate channel, to inspect and damage the queue.
pub(crate) struct SideChannel {
    pub(crate) channel: Channel,
    pub(crate) queue: String,
    _connection: Connection,
}

impl SideChannel {
    pub(crate) async fn connect(url: &str) -> Self {
        let queue = url.rsplit_once("queue=").unwrap().1.split('&').next().unwrap().to_owned();
        let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        Self { channel, queue, _connection: connection }
    }

    /// Waiting messages and consumers.
    pub(crate) async fn counts(&self) -> (u32, u32) {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let queue = self.channel.queue_declare(self.queue.as_str().into(), options, FieldTable::default());
        let queue = queue.await.unwrap();
        (queue.message_count(), queue.consumer_count())
    }

    pub(crate) async fn until(&self, is_so: impl Fn((u32, u32)) -> bool) {
        while !is_so(self.counts().await) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
