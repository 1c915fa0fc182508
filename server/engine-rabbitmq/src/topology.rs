//! The queue on the broker.

use lapin::{
    Channel, Connection,
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable},
};

use crate::connection::{self, Failure};

/// How often a message may be delivered before the broker drops it: as good as always.
/// A batch that the store refuses as data is set aside by the store; whatever else
/// fails is no fault of the batch. Said explicitly, because the default is 20 from
/// RabbitMQ 4 on, and a message past it is dropped.
const DELIVERY_LIMIT: i32 = i32::MAX;

/// Declares the queue, which is a no-op where it is there as it should be.
///
/// # Errors
/// `Refused` where a queue of the name is there with other arguments.
pub(crate) async fn declare(connection: &Connection, queue: &str) -> Result<(), Failure> {
    // A channel of its own: a refused declaration closes the channel it was made on.
    let channel = connection::channel(connection).await?;
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    connection::patiently(channel.queue_declare(queue.into(), options, arguments())).await?;
    connection::patiently(channel.close(200, "declared".into())).await
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
