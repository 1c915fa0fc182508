//! What the cases share.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use engine_rabbitmq::Options;
use lapin::{Channel, Connection, ConnectionProperties, options::QueueDeclareOptions, types::FieldTable};
use pipeline::{Batch, BatchId, Content, Delivery, Queue, Receipt};
use testkit::{chaos::Proxy, records, servers::rabbitmq::RabbitMq};

/// Connects the engine, without the rest that only matters when the broker is killed.
pub(crate) async fn connect(url: &str) -> Arc<dyn Queue> {
    connect_with(url, Options { new_queue_rest: Duration::ZERO, ..Options::default() }).await
}

/// Connects the engine.
pub(crate) async fn connect_with(url: &str, options: Options) -> Arc<dyn Queue> {
    // What the engine says is shown with the failures, chosen by RUST_LOG.
    let filter =
        tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "engine_rabbitmq=debug".into());
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
    engine_rabbitmq::connect(url, options).await.unwrap()
}

/// A batch of three records whose id is made of the number.
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

/// Receives and acknowledges until all of these batches were there; returns how often
/// each came.
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

/// A proxy before the shared broker, and the URL of a fresh queue behind it. A silent
/// network is noticed within seconds.
pub(crate) async fn behind_proxy() -> (Proxy, String) {
    let url = RabbitMq::shared().await.fresh_queue();
    let broker = url.split(['@', '/']).nth(3).unwrap().to_owned();
    let address = tokio::net::lookup_host(&broker).await.unwrap().next().unwrap();
    let proxy = Proxy::start(address).await.unwrap();
    let url = url.replacen(&broker, &proxy.address().to_string(), 1);
    (proxy, format!("{url}&heartbeat=2"))
}

/// Publishes until it is confirmed, as a client that resends would.
pub(crate) async fn publish_until_confirmed(queue: &dyn Queue, batch: &Arc<Batch>) {
    while let Err(error) = queue.publish(batch.clone()).await {
        assert!(error.is_retryable(), "{error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A channel beside the engine's, to look at the queue and to harm it.
pub(crate) struct Aside {
    pub(crate) channel: Channel,
    pub(crate) queue: String,
    _connection: Connection,
}

impl Aside {
    pub(crate) async fn connect(url: &str) -> Self {
        let queue = url.rsplit_once("queue=").unwrap().1.split('&').next().unwrap().to_owned();
        let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        Self { channel, queue, _connection: connection }
    }

    /// Waiting messages and consumers.
    pub(crate) async fn look(&self) -> (u32, u32) {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let queue = self.channel.queue_declare(self.queue.as_str().into(), options, FieldTable::default());
        let queue = queue.await.unwrap();
        (queue.message_count(), queue.consumer_count())
    }

    pub(crate) async fn until(&self, is_so: impl Fn((u32, u32)) -> bool) {
        while !is_so(self.look().await) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
