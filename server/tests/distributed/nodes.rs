//! Several nodes on one queue and one store, that come and go.

use std::{collections::BTreeSet, sync::Arc};

use parking_lot::RwLock;
use testkit::servers::{postgres::Postgres, rabbitmq::RabbitMq};

use crate::{
    load::{Load, a_fresh_record_gets_through},
    node::Node,
    tail::Tail,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_come_and_go_under_load_and_every_tail_is_complete() {
    let queue = RabbitMq::shared().await.fresh_queue();
    let store = Postgres::shared().await.fresh_database().await;
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(Node::start(&queue, &store).await);
    }
    let urls = Arc::new(RwLock::new(nodes.iter().map(|node| node.url.clone()).collect::<Vec<_>>()));
    let tails: Vec<Tail> = (0..3).map(|first| Tail::start("nodes", &urls, first)).collect();

    let load = Load::start("nodes", &urls, 0);
    load.goes_on(1_000).await;
    nodes[0].kill();
    load.goes_on(1_000).await;
    // Another one in its place.
    let replacement = Node::start(&queue, &store).await;
    urls.write()[0].clone_from(&replacement.url);
    nodes.push(replacement);
    load.goes_on(1_000).await;
    nodes[1].stop().await;
    load.goes_on(1_000).await;
    // Verified by nodes that are there.
    let alive = vec![nodes[2].url.clone(), nodes[3].url.clone()];
    *urls.write() = alive.clone();
    let stored = load.verify().await;

    let expected: BTreeSet<&String> = stored.iter().collect();
    let mut orders = Vec::new();
    let mut reconnects = 0;
    for tail in tails {
        let (shown, again) = tail.finish(stored.len()).await;
        assert_eq!(shown.len(), stored.len(), "each record once");
        assert_eq!(shown.iter().collect::<BTreeSet<_>>(), expected);
        orders.push(shown);
        reconnects += again;
    }
    assert!(orders.windows(2).all(|pair| pair[0] == pair[1]), "every tail has the same order");
    assert!(reconnects >= 2, "two of the tails had lost their node");
    for url in &alive {
        a_fresh_record_gets_through(url, &format!("fresh-{}", url.rsplit(':').next().unwrap())).await;
    }
}
