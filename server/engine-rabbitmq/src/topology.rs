//! The queue on the broker.

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

/// How often a message may be delivered before the broker drops it: as good as always.
/// A batch that the store refuses as data is set aside by the store; whatever else
/// fails is no fault of the batch. Said explicitly, because the default is 20 from
/// RabbitMQ 4 on, and a message past it is dropped.
const DELIVERY_LIMIT: i32 = i32::MAX;

/// How often the lock is tried for, a while apart; its holder is done within a moment,
/// or has died, which the broker notices by its heartbeat.
const LOCK_ATTEMPTS: u32 = 300;
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// Declares the queue, which is a no-op where it is there as it should be.
///
/// One at a time, over all nodes, as a precaution: a new quorum queue on RabbitMQ 3.10 was
/// once found without a leader after a crash of the broker, and two that declare it at
/// once were suspected, though not proven, to have a part in it. The lock is an exclusive
/// queue, which belongs to one connection and goes with it.
///
/// A queue that is created by this is left alone for `rest`: see
/// [`Options::new_queue_rest`](crate::Options::new_queue_rest).
///
/// # Errors
/// `Refused` where a queue of the name is there with other arguments.
pub(crate) async fn declare(connection: &Connection, queue: &str, rest: Duration) -> Result<(), Failure> {
    let lock = format!("{queue}.declaring");
    let holder = take_lock(connection, &lock).await?;
    let is_new = ready(&connection::channel(connection).await?, queue).await.is_err();
    // A channel of its own: a refused declaration closes the channel it was made on.
    let channel = connection::channel(connection).await?;
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let declared = connection::patiently(channel.queue_declare(queue.into(), options, arguments())).await;
    if is_new && declared.is_ok() {
        events::created(queue, rest);
        tokio::time::sleep(rest).await;
    }
    connection::patiently(holder.queue_delete(lock.as_str().into(), QueueDeleteOptions::default())).await?;
    declared?;
    connection::patiently(channel.close(200, "declared".into())).await?;
    connection::patiently(holder.close(200, "declared".into())).await
}

async fn take_lock(connection: &Connection, lock: &str) -> Result<Channel, Failure> {
    for _ in 0..LOCK_ATTEMPTS {
        let channel = connection::channel(connection).await?;
        let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
        let taken = channel.queue_declare(lock.into(), options, FieldTable::default());
        match connection::patiently(taken).await {
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
    // Where a policy limits the length, a publisher is told (a negative confirm); by
    // default the oldest messages would be dropped, though confirmed.
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    arguments
}

/// Counts the messages that wait in the queue. Fails, and closes the channel, where
/// there is no queue.
pub(crate) async fn ready(channel: &Channel, queue: &str) -> Result<u64, Failure> {
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare(queue.into(), options, FieldTable::default());
    Ok(connection::patiently(queue).await?.message_count().into())
}
