//! The prefetch follows the size of batches: many small ones, few large ones.

use std::sync::Arc;

use engine_rabbitmq::Options;
use testkit::{contract::within_limit, records, servers::rabbitmq::RabbitMq};

use crate::support::{SideChannel, connect, connect_with, content, receipts};

/// The window grows meanwhile, which recreates the subscription several times.
#[tokio::test]
async fn a_backlog_of_small_batches_comes_in_order_and_once_while_the_window_grows() {
    within_limit(async {
        let queue = connect(&RabbitMq::shared().await.fresh_queue()).await;
        let sent: Vec<_> = (0..4_000).map(|number| records::batch(number, 1)).collect();
        for part in sent.chunks(200) {
            let published = part.iter().map(|batch| queue.publish(Arc::new(batch.clone())));
            for result in futures::future::join_all(published).await {
                result.unwrap();
            }
        }
        let mut received = Vec::new();
        while received.len() < sent.len() {
            let deliveries = queue.receive(50_000).await.unwrap();
            received.extend(deliveries.iter().map(|delivery| content(delivery).records[0].message.clone()));
            queue.acknowledge(&receipts(&deliveries)).await.unwrap();
        }
        let expected: Vec<_> = sent.iter().map(|batch| batch.records[0].message.clone()).collect();
        assert!(received == expected, "out of order, or not once");
        queue.close().await;
    })
    .await;
}

#[tokio::test]
async fn large_batches_stay_at_the_broker_past_the_bytes_of_the_window() {
    within_limit(async {
        let url = RabbitMq::shared().await.fresh_queue();
        let options = Options {
            prefetch_bytes: 64 << 10,
            decoded_bytes: 16 << 10,
            new_queue_rest: std::time::Duration::ZERO,
            ..Options::default()
        };
        let queue = connect_with(&url, options).await;
        let aside = SideChannel::connect(&url).await;
        let total = 150;
        for number in 0..total {
            // 16 kB that compress to no less than 12.
            queue.publish(Arc::new(records::long_messages(number, 1, 16 << 10))).await.unwrap();
        }
        let mut received = 0;
        while received < total as usize {
            let deliveries = queue.receive(1_000).await.unwrap();
            assert!(deliveries.len() <= 2, "a call returns no more than is decoded ahead");
            let (waiting, _) = aside.counts().await;
            // The first subscription is for 32, before a size is known.
            let held = total as usize - received - waiting as usize;
            assert!(held <= 32 + 4, "{held} batches are held");
            received += deliveries.len();
            queue.acknowledge(&receipts(&deliveries)).await.unwrap();
        }
        queue.close().await;
    })
    .await;
}
