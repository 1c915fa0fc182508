//! The consuming part: receives messages from the broker, decodes them, and puts them into the inbox.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures::StreamExt;
use lapin::{
    Channel, Connection, Consumer as Deliveries, Event,
    message::Delivery as Message,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions},
    types::FieldTable,
};
use pipeline::{Content, Delivery, Receipt, envelope};
use tokio::{sync::watch, task::spawn_blocking};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    config::Address,
    connection::{self, Failure},
    events,
    flights::CONTENT_TYPE,
    inbox::Inbox,
    newer::Newer,
    sessions::Part,
    state::State,
    topology,
    unacked::Unacked,
    window::Window,
};

/// The interval of reading the queue's length.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// The number of consecutive checks that must find waiting messages and no delivery. More than one, because each is a
/// snapshot, and the broker may be slow.
const IDLE_CHECKS: u32 = 3;
/// Longer messages are decoded off the async threads.
const QUICK_BYTES: usize = 32 << 10;
/// The overhead of a message besides its body.
const OVERHEAD: usize = 512;

pub(crate) struct Consumer {
    pub(crate) address: Address,
    pub(crate) new_queue_rest: Duration,
    pub(crate) window: Window,
    pub(crate) state: Arc<State>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) unacked: Arc<Unacked>,
    pub(crate) newer: Newer,
    /// Whether the broker should deliver: false from a release until the next receive.
    pub(crate) wanted: watch::Receiver<bool>,
    pub(crate) generation: u64,
}

impl Part for Consumer {
    const NAME: &'static str = "consume";

    async fn session(&mut self, mut up: impl FnMut() + Send, stop: &CancellationToken) -> Result<(), Failure> {
        let connection = connection::open(&self.address, Self::NAME).await?;
        topology::declare(&connection, &self.address.queue, self.new_queue_rest).await?;
        let channel = connection::channel(&connection).await?;

        let connection = Arc::new(connection);
        let (queue, state, unacked) = (self.address.queue.clone(), self.state.clone(), self.unacked.clone());
        let stalled = watch_queue(connection.clone(), queue, state, unacked, self.wanted.clone());
        let stalled = AbortOnDropHandle::new(tokio::spawn(stalled));
        self.generation += 1;
        self.unacked.begin(self.generation, channel.clone()).await;
        up();
        let ended = self.consume(&connection, &channel, stalled, stop).await;
        // Before the channel closes: acknowledgements on it would fail, and deliveries in the inbox become void.
        self.unacked.end().await;
        self.newer.clear();
        self.state.set_newer(0);
        if ended.is_ok() {
            // The channel first, because it preserves order: closing the connection may overtake and lose recent
            // acknowledgements.
            let _ = connection::with_timeout(channel.close(200, "closed by logboom".into())).await;
        }
        connection::close(&connection).await;
        ended
    }

    fn down(&mut self, _: &Failure) {}

    // Drops the channel, and with it the connection: the broker redelivers unacknowledged messages.
    async fn recover(&mut self) {
        self.unacked.end().await;
    }
}

impl Consumer {
    async fn consume(
        &mut self,
        connection: &Connection,
        channel: &Channel,
        mut stalled: AbortOnDropHandle<()>,
        stop: &CancellationToken,
    ) -> Result<(), Failure> {
        let mut connection_events = connection.events_listener();
        let mut subscription: Option<Subscription> = None;
        let mut undecoded: VecDeque<Undecoded> = VecDeque::new();
        loop {
            let wanted = *self.wanted.borrow_and_update();
            let held = self.unacked.bytes();
            subscription = match subscription.take() {
                None if wanted && self.window.has_room_beside(held) => Some(self.subscribe(channel).await?),
                Some(subscription) if !wanted => {
                    requeue(channel, subscription).await?;
                    // Also what was received ahead: another node may store it meanwhile.
                    let ahead = undecoded.drain(..).map(|message| message.receipt).chain(self.inbox.empty());
                    self.unacked.release(&ahead.collect::<Vec<_>>()).await;
                    None
                }
                Some(subscription)
                    if self.window.is_exceeded_by(held) || self.window.has_outgrown(subscription.messages) =>
                {
                    for message in cancel(channel, subscription).await? {
                        undecoded.push_back(self.track(message).await);
                    }
                    // Recreated as soon as the held bytes leave room for it.
                    continue;
                }
                same => same,
            };
            let can_decode = !undecoded.is_empty();
            let has_room = self.inbox.has_room();
            // Receiving has priority over decoding, so that the held bytes are up to date.
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                event = connection_events.next() => match event {
                    Some(Event::Error(error)) => return Err(error.into()),
                    Some(_) => {}
                    None => return Err(Failure::Away("the connection has ended".to_owned())),
                },
                _ = &mut stalled => return Err(Failure::Away("messages wait, and none is delivered".to_owned())),
                // Fails only when the queue is dropped, which also cancels `stop`.
                _ = self.wanted.changed() => {}
                message = next(&mut subscription), if subscription.is_some() => match message {
                    Some(message) => undecoded.push_back(self.track(message?).await),
                    None => return Err(Failure::Away("the queue was deleted".to_owned())),
                },
                () = std::future::ready(()), if can_decode && has_room => {
                    if let Some(message) = undecoded.pop_front() {
                        self.decode(message).await;
                    }
                }
                () = self.newer.due() => {
                    let due = self.newer.take_due();
                    self.state.set_newer(self.newer.count());
                    events::newer_returned(due.len());
                    self.unacked.release(&due).await;
                }
                () = self.inbox.room(), if can_decode && !has_room => {}
                () = self.unacked.wait_settled(), if subscription.is_none() => {}
            }
        }
    }

    async fn subscribe(&self, channel: &Channel) -> Result<Subscription, Failure> {
        let messages = self.window.messages();
        connection::with_timeout(channel.basic_qos(messages, BasicQosOptions::default())).await?;
        let queue = self.address.queue.as_str().into();
        let options = BasicConsumeOptions::default();
        let consume = channel.basic_consume(queue, "".into(), options, FieldTable::default());
        Ok(Subscription { deliveries: connection::with_timeout(consume).await?, messages })
    }

    async fn track(&mut self, message: Message) -> Undecoded {
        let bytes = message.data.len() + OVERHEAD;
        self.window.arrived(bytes);
        let content_type = message.properties.content_type().as_ref();
        Undecoded {
            receipt: self.unacked.track(message.delivery_tag, bytes).await,
            is_batch: content_type.is_some_and(|found| found.as_str() == CONTENT_TYPE),
            bytes: message.data,
        }
    }

    async fn decode(&mut self, message: Undecoded) {
        let Undecoded { receipt, is_batch, bytes } = message;
        // Without the content type it is no batch, whatever its first byte is.
        if is_batch && let Some(format) = envelope::newer_format(&bytes) {
            self.newer.hold(receipt, format);
            self.state.set_newer(self.newer.count());
            return;
        }
        let content = if bytes.len() <= QUICK_BYTES {
            decode(bytes)
        } else {
            match spawn_blocking(move || decode(bytes)).await {
                Ok(content) => content,
                // The process is shutting down; the unacknowledged message will be redelivered.
                Err(_) => return,
            }
        };
        self.inbox.put(Delivery { receipt, content });
    }
}

/// A received message.
struct Undecoded {
    receipt: Receipt,
    /// Whether its sender says that it is a batch.
    is_batch: bool,
    bytes: Vec<u8>,
}

/// A subscription and its prefetch count.
struct Subscription {
    deliveries: Deliveries,
    messages: u16,
}

/// The next message; pending forever without a subscription.
async fn next(subscription: &mut Option<Subscription>) -> Option<lapin::Result<Message>> {
    match subscription {
        Some(subscription) => subscription.deliveries.next().await,
        None => std::future::pending().await,
    }
}

/// Ends the subscription; messages received meanwhile are requeued.
async fn requeue(channel: &Channel, subscription: Subscription) -> Result<(), Failure> {
    let options = BasicNackOptions { requeue: true, multiple: false };
    for message in cancel(channel, subscription).await? {
        connection::with_timeout(channel.basic_nack(message.delivery_tag, options)).await?;
    }
    Ok(())
}

/// Ends the subscription; returns messages received meanwhile.
async fn cancel(channel: &Channel, subscription: Subscription) -> Result<Vec<Message>, Failure> {
    let mut deliveries = subscription.deliveries;
    connection::with_timeout(channel.basic_cancel(deliveries.tag(), BasicCancelOptions::default())).await?;
    let mut messages = Vec::new();
    while let Some(message) = deliveries.next().await {
        messages.push(message?);
    }
    Ok(messages)
}

fn decode(bytes: Vec<u8>) -> Content {
    match envelope::decode(&bytes) {
        Ok(batch) => Content::Batch(Arc::new(batch)),
        Err(error) => {
            events::undecodable(bytes.len(), &error.message);
            Content::Undecodable { bytes, reason: error.message }
        }
    }
}

/// Updates the number of waiting messages. Ends when the broker has lost the subscription: messages wait, this process
/// holds none, and none is delivered.
///
/// Reading the length fails, and closes its channel, if the queue does not exist, so each failure opens a new channel.
/// The session detects a lost connection.
async fn watch_queue(
    connection: Arc<Connection>,
    queue: String,
    state: Arc<State>,
    unacked: Arc<Unacked>,
    wanted: watch::Receiver<bool>,
) {
    let mut idle = 0;
    loop {
        if let Ok(channel) = connection::channel(&connection).await {
            while let Ok(ready) = topology::ready(&channel, &queue).await {
                state.set_ready(ready);
                let is_idle = ready > 0 && unacked.count() == 0 && *wanted.borrow();
                idle = if is_idle { idle + 1 } else { 0 };
                if idle == IDLE_CHECKS {
                    return;
                }
                tokio::time::sleep(CHECK_INTERVAL).await;
            }
        }
        tokio::time::sleep(CHECK_INTERVAL).await;
    }
}
