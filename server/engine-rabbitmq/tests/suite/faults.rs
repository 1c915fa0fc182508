//! Failures between the engine and a broker.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use engine_rabbitmq::Options;
use lapin::{
    BasicProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};
use pipeline::{Content, ErrorClass, Queue, Supervisor};
use testkit::{contract::within_limit, servers::rabbitmq::RabbitMq};

use crate::support::{self, SideChannel, batch, connect, content, publish_until_confirmed, receipts, receive_all};

#[tokio::test]
async fn bytes_that_are_no_batch_are_delivered_as_such_and_stop_nothing() {
    within_limit(async {
        let url = RabbitMq::shared().await.fresh_queue();
        let queue = connect(&url).await;
        let aside = SideChannel::connect(&url).await;
        let options = BasicPublishOptions::default();
        let name = aside.queue.as_str().into();
        // Confirmed: otherwise the batch below, from another connection, may come first.
        aside.channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let published = aside.channel.basic_publish("".into(), name, options, b"hello", BasicProperties::default());
        published.await.unwrap().await.unwrap();
        queue.publish(batch(1)).await.unwrap();

        let mut seen = Vec::new();
        while seen.len() < 2 {
            seen.extend(queue.receive(100).await.unwrap());
        }
        assert!(matches!(&seen[0].content, Content::Undecodable { bytes, .. } if bytes == b"hello"));
        assert_eq!(content(&seen[1]).id, batch(1).id);
        queue.acknowledge(&receipts(&seen)).await.unwrap();
        queue.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_deleted_queue_fails_what_it_loses_and_is_declared_again() {
    within_limit(async {
        let url = RabbitMq::shared().await.fresh_queue();
        let queue = connect(&url).await;
        queue.publish(batch(1)).await.unwrap();
        let aside = SideChannel::connect(&url).await;
        aside.channel.queue_delete(aside.queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();

        // Each one either fails or arrives, and eventually they arrive again.
        let mut confirmed = BTreeSet::new();
        let mut failed = 0;
        for number in 2.. {
            let batches = (0..20).map(|place| batch(number * 100 + place));
            let published = batches.map(|batch| {
                let queue = queue.clone();
                async move { (batch.id, queue.publish(batch).await) }
            });
            let published = futures::future::join_all(published).await;
            failed += published.iter().filter(|(_, result)| result.is_err()).count();
            let all = published.iter().all(|(_, result)| result.is_ok());
            confirmed.extend(published.iter().filter(|(_, result)| result.is_ok()).map(|(id, _)| *id));
            if all {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(failed > 0, "the first after the deletion had nowhere to go");
        receive_all(&*queue, confirmed).await;
        queue.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_queue_deleted_under_its_consumer_is_consumed_again() {
    within_limit(async {
        let url = RabbitMq::shared().await.fresh_queue();
        let queue = connect(&url).await;
        queue.publish(batch(1)).await.unwrap();
        receive_all(&*queue, [batch(1).id].into()).await;
        let aside = SideChannel::connect(&url).await;
        aside.channel.queue_delete(aside.queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
        publish_until_confirmed(&*queue, &batch(2)).await;
        receive_all(&*queue, [batch(2).id].into()).await;
        queue.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_panic_of_either_part_is_outlived_and_what_is_unacknowledged_comes_again() {
    within_limit(async {
        let supervisor = Supervisor::default();
        let options = Options { new_queue_rest: Duration::ZERO, supervisor: supervisor.clone(), ..Options::default() };
        let queue = support::connect_with(&RabbitMq::shared().await.fresh_queue(), options).await;
        queue.publish(batch(1)).await.unwrap();
        let held = queue.receive(100).await.unwrap();
        assert_eq!(content(&held[0]).id, batch(1).id);
        for (name, number, awaited) in
            [("rabbitmq-consume", 2, vec![batch(1).id, batch(2).id]), ("rabbitmq-publish", 3, vec![batch(3).id])]
        {
            assert!(supervisor.panic_in(name));
            publish_until_confirmed(&*queue, &batch(number)).await;
            receive_all(&*queue, awaited.into_iter().collect()).await;
        }
        until(|| supervisor.tasks().iter().all(|task| task.restarts == 1)).await;
        queue.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_confirmed_batch_is_lost_when_the_broker_is_killed() {
    within_limit(async {
        let mut broker = RabbitMq::start().await.unwrap();
        let queue = support::connect_with(&broker.fresh_queue(), Options::default()).await;
        let publisher = tokio::spawn(publish_for_a_while(queue.clone(), 0..400));
        let receiver = tokio::spawn(receive_for_a_while(queue.clone()));

        for _ in 0..2 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            broker.kill().await.unwrap();
            until(|| queue.status().trouble.is_some()).await;
            let refused = queue.publish(batch(1_000_000)).await.unwrap_err();
            assert_eq!(refused.class, ErrorClass::Unavailable);
            broker.restart().await.unwrap();
            until(|| queue.status().trouble.is_none()).await;
        }
        let confirmed = publisher.await.unwrap();
        assert_eq!(confirmed.len(), 400);
        publish_until_confirmed(&*queue, &batch(LAST)).await;
        let received = receiver.await.unwrap();
        let lost: Vec<_> = confirmed.difference(&received).collect();
        assert!(lost.is_empty(), "lost {lost:?}");
        queue.close().await;
    })
    .await;
}

#[tokio::test]
async fn receipts_from_before_a_restart_are_ignored_and_their_batches_come_again() {
    within_limit(async {
        let mut broker = RabbitMq::start().await.unwrap();
        let queue = connect(&broker.fresh_queue()).await;
        queue.publish(batch(1)).await.unwrap();
        let held = queue.receive(100).await.unwrap();
        broker.stop().await.unwrap();
        until(|| queue.status().trouble.is_some()).await;
        broker.restart().await.unwrap();

        let again = queue.receive(100).await.unwrap();
        assert_eq!(content(&again[0]), content(&held[0]));
        assert_ne!(again[0].receipt, held[0].receipt);
        queue.acknowledge(&receipts(&held)).await.unwrap();
        queue.release(&receipts(&again)).await.unwrap();
        let once_more = queue.receive(100).await.unwrap();
        assert_eq!(content(&once_more[0]), content(&held[0]));
        queue.acknowledge(&receipts(&once_more)).await.unwrap();
        queue.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_confirmed_batch_is_lost_when_the_network_is_cut_again_and_again() {
    within_limit(async {
        let (proxy, url) = support::behind_proxy().await;
        let queue = connect(&url).await;
        let publisher = tokio::spawn(publish_for_a_while(queue.clone(), 0..300));
        let receiver = tokio::spawn(receive_for_a_while(queue.clone()));
        while !publisher.is_finished() {
            tokio::time::sleep(Duration::from_millis(400)).await;
            proxy.cut_once();
        }
        let confirmed = publisher.await.unwrap();
        publish_until_confirmed(&*queue, &batch(LAST)).await;
        let received = receiver.await.unwrap();
        let lost: Vec<_> = confirmed.difference(&received).collect();
        assert!(lost.is_empty(), "lost {lost:?}");
        queue.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_network_that_swallows_everything_is_noticed_and_left() {
    within_limit(async {
        let (proxy, url) = support::behind_proxy().await;
        let queue = connect(&url).await;
        queue.publish(batch(1)).await.unwrap();
        let held = queue.receive(100).await.unwrap();
        proxy.black_hole();
        let error = queue.publish(batch(2)).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Unavailable);
        until(|| queue.status().trouble.is_some()).await;

        proxy.restore();
        proxy.cut_once();
        publish_until_confirmed(&*queue, &batch(3)).await;
        // The first was never acknowledged, so it is redelivered; the second may be.
        receive_all(&*queue, [content(&held[0]).id, batch(3).id].into()).await;
        queue.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_memory_alarm_is_answered_at_once_and_passes() {
    within_limit(async {
        let broker = RabbitMq::start().await.unwrap();
        let queue = connect(&broker.fresh_queue()).await;
        publish_until_confirmed(&*queue, &batch(1)).await;
        broker.control(&["set_vm_memory_high_watermark", "absolute", "1"]).await.unwrap();
        // The broker notifies publishers.
        let mut number = 2;
        let error = loop {
            match queue.publish(batch(number)).await {
                Ok(()) => number += 1,
                Err(error) => break error,
            }
        };
        assert!(error.is_retryable(), "{error}");
        let error = queue.publish(batch(number)).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Overloaded);
        assert!(error.retry_after.is_some());
        assert!(queue.status().trouble.unwrap().contains("blocks publishers"));
        // Messages in the queue are still delivered.
        receive_all(&*queue, (1..number).map(|number| batch(number).id).collect()).await;

        broker.control(&["set_vm_memory_high_watermark", "0.9"]).await.unwrap();
        publish_until_confirmed(&*queue, &batch(number + 1)).await;
        receive_all(&*queue, [batch(number + 1).id].into()).await;
        queue.close().await;
    })
    .await;
}

#[tokio::test]
async fn released_batches_stay_at_the_broker_until_they_are_asked_for() {
    within_limit(async {
        let url = RabbitMq::shared().await.fresh_queue();
        let queue = connect(&url).await;
        let aside = SideChannel::connect(&url).await;
        for number in 1..=5 {
            queue.publish(batch(number)).await.unwrap();
        }
        let mut held = Vec::new();
        while held.len() < 5 {
            held.extend(queue.receive(100).await.unwrap());
        }
        queue.release(&receipts(&held)).await.unwrap();
        aside.until(|(_, consumers)| consumers == 0).await;
        receive_all(&*queue, (1..=5).map(|number| batch(number).id).collect()).await;
        until(|| queue.status().depth == 0).await;
        queue.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_the_broker_refuses_is_an_error_and_not_a_wait() {
    within_limit(async {
        let broker = RabbitMq::start().await.unwrap();
        let url = broker.fresh_queue();
        let refusals =
            [(url.replacen("guest:guest", "guest:wr0ng", 1), "ACCESS"), (url.replacen("%2f", "nowhere", 1), "vhost")];
        for (url, reason) in refusals {
            let Err(error) = engine_rabbitmq::connect(&url, Options::default()).await else { panic!("accepted {url}") };
            assert_eq!(error.class, ErrorClass::Invalid);
            assert!(error.message.contains(reason), "{error}");
            assert!(!error.message.contains("wr0ng"), "{error}");
        }
        let classic = SideChannel::connect(&broker.fresh_queue()).await;
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let name = classic.queue.as_str().into();
        classic.channel.queue_declare(name, options, FieldTable::default()).await.unwrap();
        let url = format!("{}?queue={}", broker.url(), classic.queue);
        let Err(error) = engine_rabbitmq::connect(&url, Options::default()).await else { panic!("accepted {url}") };
        assert!(error.message.contains("PRECONDITION"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_broker_that_is_not_there_yet_is_waited_for() {
    within_limit(async {
        let mut broker = RabbitMq::start().await.unwrap();
        let url = broker.fresh_queue();
        broker.stop().await.unwrap();
        // The first future is polled first, before the broker runs; its success shows that it keeps trying.
        let (queue, restarted) = tokio::join!(connect(&url), broker.restart());
        restarted.unwrap();
        queue.publish(batch(1)).await.unwrap();
        queue.close().await;
        let error = queue.publish(batch(2)).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Unavailable);
    })
    .await;
}

/// Ends [`receive_for_a_while`].
const LAST: u64 = 2_000_000;

async fn publish_for_a_while(queue: Arc<dyn Queue>, numbers: std::ops::Range<u64>) -> BTreeSet<pipeline::BatchId> {
    let mut confirmed = BTreeSet::new();
    for number in numbers {
        let batch = support::batch(number);
        publish_until_confirmed(&*queue, &batch).await;
        confirmed.insert(batch.id);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    confirmed
}

async fn receive_for_a_while(queue: Arc<dyn Queue>) -> BTreeSet<pipeline::BatchId> {
    let mut received = BTreeSet::new();
    while !received.contains(&batch(LAST).id) {
        let deliveries = queue.receive(100).await.unwrap();
        received.extend(deliveries.iter().map(|delivery| content(delivery).id));
        queue.acknowledge(&receipts(&deliveries)).await.unwrap();
    }
    received
}

async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
