//! The events of the engine: one function each, with a log line and a metric.

use std::time::Duration;

use metrics::counter;
use tracing::{debug, info, warn};

use crate::config::Address;

/// A connection is open, and the queue is declared.
pub(crate) fn connected(part: &'static str, address: &Address, after: Option<Duration>) {
    counter!("logboom_rabbitmq_connected_total", "part" => part).increment(1);
    match after {
        Some(after) => info!(part, ?after, "rabbitmq is back: {address}"),
        None => info!(part, "connected to rabbitmq: {address}"),
    }
}

/// An open connection was lost.
pub(crate) fn lost(part: &'static str, reason: &str) {
    counter!("logboom_rabbitmq_lost_total", "part" => part).increment(1);
    warn!(part, "lost the connection to rabbitmq, reconnecting: {reason}");
}

/// A connection attempt failed. Logged as a warning if the reason has changed.
pub(crate) fn attempt_failed(part: &'static str, reason: &str, pause: Duration, is_news: bool) {
    if is_news {
        warn!(part, "cannot connect to rabbitmq, retrying: {reason}");
    } else {
        debug!(part, ?pause, "cannot connect to rabbitmq: {reason}");
    }
}

/// The broker blocks publishers.
pub(crate) fn blocked(reason: &str) {
    counter!("logboom_rabbitmq_blocked_total").increment(1);
    warn!("rabbitmq blocks publishers: {reason}");
}

/// The broker accepts messages again.
pub(crate) fn unblocked() {
    info!("rabbitmq accepts messages again");
}

/// The queue was created.
pub(crate) fn created(queue: &str, rest: Duration) {
    info!(?rest, "created the queue {queue}, waiting until rabbitmq has persisted it");
}

/// Messages were returned because there is no queue.
pub(crate) fn returned(messages: usize, queue: &str) {
    counter!("logboom_rabbitmq_returned_total").increment(messages as u64);
    warn!(messages, "rabbitmq has no queue {queue}, declaring it again");
}

/// A message in the queue is not a batch.
pub(crate) fn undecodable(bytes: usize, reason: &str) {
    counter!("logboom_rabbitmq_undecodable_total").increment(1);
    warn!(bytes, "a message in the queue is not a batch: {reason}");
}

/// An acknowledgement could not be sent; the batches will be redelivered.
pub(crate) fn acknowledgement_lost(deliveries: usize, reason: &str) {
    debug!(deliveries, "could not acknowledge, rabbitmq will redeliver: {reason}");
}

/// The queue has a batch that only a newer version reads. Logged once a minute while such batches come.
pub(crate) fn newer(format: u8) {
    warn!(
        format,
        "the queue has batches of a newer version of logboom: they wait for a newer node; update this node if there is \
         none"
    );
}

/// Batches of a newer version were returned to the queue.
pub(crate) fn newer_returned(batches: usize) {
    counter!("logboom_rabbitmq_newer_returned_total").increment(batches as u64);
}
