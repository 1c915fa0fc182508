//! The distributed queue: RabbitMQ.
//!
//! One durable *quorum* queue holds the batches, one AMQP message each, with a `pipeline::envelope` as body. Works with
//! RabbitMQ 3.10 and later.
//!
//! # Publishing ([`publisher`], [`flights`])
//!
//! Messages go through the default exchange, persistent and `mandatory`, with publisher confirms, many in flight. The
//! broker *confirms* a message that it could not route, after returning it; so a batch counts as published only if its
//! confirm is positive **and** it was not returned. While the broker is unavailable, or blocks publishers because it
//! lacks memory or disk, publishing fails at once. An uncertain result is never success.
//!
//! # Consuming ([`consumer`], [`window`], [`unacked`], [`inbox`])
//!
//! It has its own connection, because the broker stops reading from a blocked publishing connection, including
//! acknowledgements. Unacknowledged messages are bounded in bytes: the prefetch count follows their sizes, and the
//! subscription is cancelled if they still exceed the limit. So a transaction can have thousands of small batches, or
//! few large ones. A second limit applies to decoded batches, at most one transaction's. Delivery tags are only valid
//! on their channel, so a receipt contains the generation of its channel. Receipts of a lost channel are ignored: the
//! broker redelivers those messages, and the store's ledger deduplicates them. Released batches are requeued, and the
//! consumer is cancelled until the next `receive`, so that batches do not circulate while the store is unavailable.
//!
//! Batches of a newer version ([`newer`]) are held for a second and then returned, so that a newer node receives them.
//! A message counts as a batch by its content type, so foreign bytes become dead letters and do not wait.
//!
//! # Connections ([`connection`], [`sessions`])
//!
//! Both are supervised: a lost connection is reopened with exponential backoff, and the queue is declared again.
//! lapin's own recovery is not used: it would keep receipts and confirms across a gap that the broker does not know.
//!
//! # The queue ([`topology`])
//!
//! `x-delivery-limit` is at its maximum, because RabbitMQ 4 drops a message after 20 deliveries by default.
//! `x-overflow` is `reject-publish`, because by default a queue with a length limit drops its oldest messages, even
//! confirmed ones. RabbitMQ 3.10 fails if a quorum queue is redeclared right after its deletion, which a wait prevents;
//! a lock ensures that nodes declare it one at a time.

mod config;
mod connection;
mod consumer;
mod events;
mod flights;
mod inbox;
mod newer;
mod publisher;
mod queue;
mod sessions;
mod state;
mod topology;
mod unacked;
mod window;

pub use config::Options;
pub use queue::connect;
