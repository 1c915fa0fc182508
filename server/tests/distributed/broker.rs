//! What happens to the broker.

use std::{sync::Arc, time::Duration};

use parking_lot::RwLock;
use testkit::{
    chaos::Proxy,
    servers::{postgres::Postgres, rabbitmq::RabbitMq},
};

use crate::{
    load::{Load, count, recovers},
    node::Node,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_to_the_broker_loses_and_doubles_nothing() {
    let mut broker = RabbitMq::start().await.unwrap();
    let store = Postgres::shared().await.fresh_database().await;
    let direct = broker.address().unwrap();
    let proxy = Proxy::start(direct).await.unwrap();
    let queue = broker.fresh_queue().replace(&direct.to_string(), &proxy.address().to_string());
    assert!(queue.contains(&proxy.address().to_string()), "{queue}");
    let sign = if queue.contains('?') { '&' } else { '?' };
    let mut node = Node::start(&format!("{queue}{sign}heartbeat=2"), &store).await;
    let urls = Arc::new(RwLock::new(vec![node.url.clone()]));

    for fault in ["cut", "slow", "swallowed", "killed", "short-of-memory", "deleted"] {
        let load = Load::start(&format!("broker-{fault}"), &urls, 0);
        load.goes_on(500).await;
        match fault {
            "cut" => {
                proxy.cut();
                nothing_is_acknowledged(&load).await;
                proxy.restore();
            }
            "slow" => {
                proxy.slow(Duration::from_millis(40));
                load.goes_on(200).await;
                proxy.restore();
            }
            "swallowed" => {
                proxy.black_hole();
                nothing_is_acknowledged(&load).await;
                // Past the heartbeat, so that the node has given the connection up.
                tokio::time::sleep(Duration::from_secs(5)).await;
                proxy.restore();
            }
            "killed" => {
                broker.kill().await.unwrap();
                nothing_is_acknowledged(&load).await;
                broker.restart().await.unwrap();
            }
            "short-of-memory" => {
                broker.control(&["set_vm_memory_high_watermark", "absolute", "1"]).await.unwrap();
                nothing_is_acknowledged(&load).await;
                broker.control(&["set_vm_memory_high_watermark", "0.9"]).await.unwrap();
            }
            _ => {
                // What waits in a queue goes with it, by whoever deletes it; so it is
                // deleted when all is stored, and what comes then finds it gone.
                load.verify().await;
                let name = queue.rsplit_once("queue=").unwrap().1.split('&').next().unwrap().to_owned();
                let vhost = broker_vhost(&queue);
                broker.control(&["delete_queue", "--vhost", &vhost, &name]).await.unwrap();
                let again = Load::start("broker-deleted-after", &urls, 0);
                recovers(again, &mut node).await;
                continue;
            }
        }
        recovers(load, &mut node).await;
    }
    assert_eq!(count(&node.url, "fresh-after-broker-cut").await, 1);
    node.stop().await;
}

fn broker_vhost(queue: &str) -> String {
    let path = queue.split('?').next().unwrap().split('/').nth(3).unwrap_or_default();
    if path.is_empty() { "/".to_owned() } else { path.replace("%2f", "/").replace("%2F", "/") }
}

/// What was under way may still be answered; then nothing is, because hope is no durability.
async fn nothing_is_acknowledged(load: &Load) {
    load.is_refused(2).await;
    let before = load.acknowledged();
    load.is_refused(1).await;
    assert_eq!(load.acknowledged(), before, "{}: acknowledged without a broker", load.run);
}
