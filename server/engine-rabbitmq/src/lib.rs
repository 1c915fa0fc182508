//! The distributed queue: RabbitMQ.
//!
//! One durable *quorum* queue holds the batches, one AMQP message each, body as
//! `pipeline::envelope` writes it. Works with RabbitMQ 3.10 and later.
//!
//! # Publishing ([`publisher`], [`flights`])
//!
//! Messages go through the default exchange, persistent and `mandatory`, with
//! publisher confirms, many in flight. The broker *confirms* a message that it could
//! not route, after returning it; so a batch counts as published only when its confirm
//! is positive **and** it was not returned. While the broker is away, or blocks
//! publishers because its memory or disk is short, publishing fails at once: hope is
//! never answered with success.
//!
//! # Consuming ([`consumer`], [`window`], [`unacked`], [`inbox`])
//!
//! A connection of its own, because the broker stops reading from a publishing
//! connection that it blocks, acknowledgements included. What is taken and not
//! acknowledged is bounded in bytes: the prefetch, which counts messages, follows their
//! sizes, and the subscription is cancelled where they take too much all the same. So
//! thousands of small batches are at hand for one transaction, and few large ones. A
//! second bound holds what is decoded ahead, which is at most what one transaction is
//! given. Delivery tags mean something on their channel only, so a receipt carries the
//! generation of its channel, and receipts of a lost channel are ignored: the broker
//! delivers those messages again, and the store's ledger makes that a no-op.
//! Released batches go back to the broker and the consumer is cancelled until the next
//! `receive`, so that a store that is away does not make batches go round and round.
//!
//! # Connections ([`connection`], [`sessions`])
//!
//! Each of the two is supervised: when it is lost it is made again, with growing
//! pauses, and the queue is declared again. lapin's own recovery is not used: it would
//! keep receipts and confirms alive across a gap that the broker knows nothing of.
//!
//! # The queue ([`topology`])
//!
//! `x-delivery-limit` is as high as it goes, because RabbitMQ 4 drops a message after
//! 20 deliveries by default; `x-overflow` is `reject-publish`, because by default a
//! queue with a length limit drops its oldest messages, confirmed or not. RabbitMQ 3.10
//! does not bear a quorum queue that is declared again as soon as it is deleted, which a
//! pause keeps off; a lock sees to it that no two nodes declare it at once.

mod config;
mod connection;
mod consumer;
mod events;
mod flights;
mod inbox;
mod publisher;
mod queue;
mod sessions;
mod state;
mod topology;
mod unacked;
mod window;

pub use config::Options;
pub use queue::connect;
