//! The consuming part: takes messages from the broker, decodes them, puts them into
//! the inbox.

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
    inbox::Inbox,
    sessions::Part,
    state::State,
    topology,
    unacked::Unacked,
    window::Window,
};

/// How often the broker is asked how many messages wait.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// So many looks in a row must find messages waiting and none delivered. More than one,
/// because each is a moment's, and the broker may be slow.
const IDLE_LOOKS: u32 = 3;
/// A message longer than this is decoded off the asynchronous threads.
const QUICK_BYTES: usize = 32 << 10;
/// What a message takes beside its body.
const OVERHEAD: usize = 512;

pub(crate) struct Consumer {
    pub(crate) address: Address,
    pub(crate) new_queue_rest: Duration,
    pub(crate) window: Window,
    pub(crate) state: Arc<State>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) unacked: Arc<Unacked>,
    /// Whether the broker should deliver: not after a release, until the next receive.
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
        let forgotten = watch_queue(connection.clone(), queue, state, unacked, self.wanted.clone());
        let forgotten = AbortOnDropHandle::new(tokio::spawn(forgotten));
        self.generation += 1;
        self.unacked.begin(self.generation, channel.clone()).await;
        up();
        let ended = self.consume(&connection, &channel, forgotten, stop).await;
        // Before the channel is gone at the broker: no acknowledgement may be tried on
        // it, and what waits in the inbox is void.
        self.unacked.end().await;
        if ended.is_ok() {
            // First the channel, which keeps its order: the end of the connection may overtake
            // acknowledgements that were just given, and then they are lost.
            let _ = connection::patiently(channel.close(200, "closed by logboom".into())).await;
        }
        connection::close(&connection).await;
        ended
    }

    fn down(&mut self, _: &Failure) {}

    // Lets go of the channel, and with it of the connection: the broker delivers again what is
    // not acknowledged.
    async fn recover(&mut self) {
        self.unacked.end().await;
    }
}

impl Consumer {
    async fn consume(
        &mut self,
        connection: &Connection,
        channel: &Channel,
        mut forgotten: AbortOnDropHandle<()>,
        stop: &CancellationToken,
    ) -> Result<(), Failure> {
        let mut happenings = connection.events_listener();
        let mut subscription: Option<Subscription> = None;
        let mut undecoded: VecDeque<(Receipt, Vec<u8>)> = VecDeque::new();
        loop {
            let wanted = *self.wanted.borrow_and_update();
            let held = self.unacked.bytes();
            subscription = match subscription.take() {
                None if wanted && self.window.has_room_beside(held) => Some(self.subscribe(channel).await?),
                Some(subscription) if !wanted => {
                    give_back(channel, subscription).await?;
                    None
                }
                Some(subscription)
                    if self.window.is_exceeded_by(held) || self.window.has_outgrown(subscription.messages) =>
                {
                    for message in cancel(channel, subscription).await? {
                        undecoded.push_back(self.note(message).await);
                    }
                    // Made anew as soon as what is held leaves room for it.
                    continue;
                }
                same => same,
            };
            let can_decode = !undecoded.is_empty();
            let has_room = self.inbox.has_room();
            // Messages come before decoding, so that what they take is known at once.
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                event = happenings.next() => match event {
                    Some(Event::Error(error)) => return Err(error.into()),
                    Some(_) => {}
                    None => return Err(Failure::Away("the connection has ended".to_owned())),
                },
                _ = &mut forgotten => return Err(Failure::Away("messages wait, and none is delivered".to_owned())),
                // Fails only when the queue is dropped, which cancels `stop` as well.
                _ = self.wanted.changed() => {}
                message = next(&mut subscription), if subscription.is_some() => match message {
                    Some(message) => undecoded.push_back(self.note(message?).await),
                    None => return Err(Failure::Away("the queue was deleted".to_owned())),
                },
                () = std::future::ready(()), if can_decode && has_room => {
                    if let Some((receipt, bytes)) = undecoded.pop_front() {
                        self.decode(receipt, bytes).await;
                    }
                }
                () = self.inbox.room(), if can_decode && !has_room => {}
                () = self.unacked.fewer(), if subscription.is_none() => {}
            }
        }
    }

    async fn subscribe(&self, channel: &Channel) -> Result<Subscription, Failure> {
        let messages = self.window.messages();
        connection::patiently(channel.basic_qos(messages, BasicQosOptions::default())).await?;
        let queue = self.address.queue.as_str().into();
        let options = BasicConsumeOptions::default();
        let consume = channel.basic_consume(queue, "".into(), options, FieldTable::default());
        Ok(Subscription { deliveries: connection::patiently(consume).await?, messages })
    }

    async fn note(&mut self, message: Message) -> (Receipt, Vec<u8>) {
        let bytes = message.data.len() + OVERHEAD;
        self.window.arrived(bytes);
        (self.unacked.note(message.delivery_tag, bytes).await, message.data)
    }

    async fn decode(&self, receipt: Receipt, bytes: Vec<u8>) {
        let content = if bytes.len() <= QUICK_BYTES {
            decode(bytes)
        } else {
            match spawn_blocking(move || decode(bytes)).await {
                Ok(content) => content,
                // The process is shutting down; unacknowledged, it will come again.
                Err(_) => return,
            }
        };
        self.inbox.put(Delivery { receipt, content });
    }
}

/// What the broker sends, and how many of it ahead of their acknowledgement.
struct Subscription {
    deliveries: Deliveries,
    messages: u16,
}

/// The next message; never, where there is no subscription.
async fn next(subscription: &mut Option<Subscription>) -> Option<lapin::Result<Message>> {
    match subscription {
        Some(subscription) => subscription.deliveries.next().await,
        None => std::future::pending().await,
    }
}

/// Ends the subscription; what the broker has sent meanwhile goes back to it.
async fn give_back(channel: &Channel, subscription: Subscription) -> Result<(), Failure> {
    let options = BasicNackOptions { requeue: true, multiple: false };
    for message in cancel(channel, subscription).await? {
        connection::patiently(channel.basic_nack(message.delivery_tag, options)).await?;
    }
    Ok(())
}

/// Ends the subscription; returns what the broker has sent meanwhile.
async fn cancel(channel: &Channel, subscription: Subscription) -> Result<Vec<Message>, Failure> {
    let mut deliveries = subscription.deliveries;
    connection::patiently(channel.basic_cancel(deliveries.tag(), BasicCancelOptions::default())).await?;
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

/// Keeps the number of waiting messages up to date; ends when the broker has forgotten
/// the subscription: messages wait, this process holds none, and yet none comes.
///
/// A look at the queue fails, and closes its channel, where
/// there is no queue, so each failure takes a new one; that the connection is lost is
/// for the session to notice.
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
                if idle == IDLE_LOOKS {
                    return;
                }
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}
