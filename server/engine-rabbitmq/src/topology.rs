//! Declares the queue on the broker.

use std::time::Duration;

use lapin::{
    Channel, Connection,
    options::{QueueDeclareOptions, QueueDeleteOptions},
    types::{AMQPValue, FieldTable},
};

use crate::{
    connection::{self, Failure},
    events,
};

/// The number of deliveries before the broker drops a message: practically unlimited. The store turns invalid batches
/// into dead letters; other failures are not the batch's fault. Explicit, because from RabbitMQ 4 on the default is 20,
/// after which a message is dropped.
const DELIVERY_LIMIT: i32 = i32::MAX;

/// The number of attempts to take the lock. Its holder finishes soon, or has died, which the broker detects by its
/// heartbeat.
const LOCK_ATTEMPTS: u32 = 300;
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// Declares the queue; a no-op if it exists with these arguments.
///
/// Nodes declare it one at a time, as a precaution: after a crash of the broker, a new quorum queue on RabbitMQ 3.10
/// was once found without a leader. Concurrent declarations were suspected, but not proven, as a cause. The lock is an
/// exclusive queue, which belongs to one connection and is deleted with it.
///
/// After creating the queue it waits for `rest`: see [`Options::new_queue_rest`](crate::Options::new_queue_rest).
///
/// # Errors
/// `Refused` if the queue exists with other arguments.
pub(crate) async fn declare(connection: &Connection, queue: &str, rest: Duration) -> Result<(), Failure> {
    let lock = format!("{queue}.declaring");
    let holder = take_lock(connection, &lock).await?;
    let is_new = ready(&connection::channel(connection).await?, queue).await.is_err();
    // A separate channel: a refused declaration closes its channel.
    let channel = connection::channel(connection).await?;
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let declared = connection::with_timeout(channel.queue_declare(queue.into(), options, arguments())).await;
    if is_new && declared.is_ok() {
        events::created(queue, rest);
        tokio::time::sleep(rest).await;
    }
    connection::with_timeout(holder.queue_delete(lock.as_str().into(), QueueDeleteOptions::default())).await?;
    declared?;
    connection::with_timeout(channel.close(200, "declared".into())).await?;
    connection::with_timeout(holder.close(200, "declared".into())).await
}

async fn take_lock(connection: &Connection, lock: &str) -> Result<Channel, Failure> {
    for _ in 0..LOCK_ATTEMPTS {
        let channel = connection::channel(connection).await?;
        let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
        let taken = channel.queue_declare(lock.into(), options, FieldTable::default());
        match connection::with_timeout(taken).await {
            Ok(_) => return Ok(channel),
            Err(Failure::Locked(_)) => tokio::time::sleep(LOCK_PAUSE).await,
            Err(failure) => return Err(failure),
        }
    }
    Err(Failure::Away(format!("another node holds {lock}")))
}

fn arguments() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERY_LIMIT));
    // If a policy limits the length, publishers receive a negative confirm; by default the oldest messages, though
    // confirmed, would be dropped.
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    arguments
}

/// Counts the waiting messages. Fails, and closes the channel, if the queue does not exist.
pub(crate) async fn ready(channel: &Channel, queue: &str) -> Result<u64, Failure> {
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare(queue.into(), options, FieldTable::default());
    Ok(connection::with_timeout(queue).await?.message_count().into())
}
