//! The consuming part: takes messages from the broker, decodes them, puts them into
//! the inbox.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use lapin::{
    Channel, Connection, Consumer as Deliveries, Event,
    message::Delivery as Message,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions},
    types::FieldTable,
};
use pipeline::{Content, Delivery, envelope};
use tokio::{sync::watch, task::spawn_blocking};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    config::Address,
    connection::{self, Failure},
    events,
    inbox::Inbox,
    state::State,
    supervisor::Part,
    topology,
    unacked::Unacked,
};

/// How often the broker is asked how many messages wait.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// So many looks in a row must find messages waiting and none delivered. More than one,
/// because each is a moment's, and the broker may be slow.
const IDLE_LOOKS: u32 = 3;
/// A message longer than this is decoded off the asynchronous threads.
const QUICK_BYTES: usize = 32 << 10;

pub(crate) struct Consumer {
    pub(crate) address: Address,
    pub(crate) new_queue_rest: Duration,
    pub(crate) prefetch: u16,
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
        connection::patiently(channel.basic_qos(self.prefetch, BasicQosOptions::default())).await?;

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
        let mut deliveries: Option<Deliveries> = None;
        loop {
            let wanted = *self.wanted.borrow_and_update();
            deliveries = match deliveries {
                None if wanted => Some(self.subscribe(channel).await?),
                Some(deliveries) if !wanted => {
                    give_back(channel, deliveries).await?;
                    None
                }
                same => same,
            };
            let has_room = self.inbox.has_room();
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
                () = self.inbox.room(), if !has_room => {}
                message = next(&mut deliveries), if has_room => match message {
                    Some(message) => self.take(message?).await,
                    None => return Err(Failure::Away("the queue was deleted".to_owned())),
                },
            }
        }
    }

    async fn subscribe(&self, channel: &Channel) -> Result<Deliveries, Failure> {
        let queue = self.address.queue.as_str().into();
        let options = BasicConsumeOptions::default();
        connection::patiently(channel.basic_consume(queue, "".into(), options, FieldTable::default())).await
    }

    async fn take(&self, message: Message) {
        let receipt = self.unacked.note(message.delivery_tag).await;
        let content = if message.data.len() <= QUICK_BYTES {
            decode(message.data)
        } else {
            match spawn_blocking(move || decode(message.data)).await {
                Ok(content) => content,
                // The process is shutting down; unacknowledged, it will come again.
                Err(_) => return,
            }
        };
        self.inbox.put(Delivery { receipt, content });
    }
}

/// The next message; never, where there is no subscription.
async fn next(deliveries: &mut Option<Deliveries>) -> Option<lapin::Result<Message>> {
    match deliveries {
        Some(deliveries) => deliveries.next().await,
        None => std::future::pending().await,
    }
}

/// Ends the subscription; what the broker has sent meanwhile goes back to it.
async fn give_back(channel: &Channel, mut deliveries: Deliveries) -> Result<(), Failure> {
    connection::patiently(channel.basic_cancel(deliveries.tag(), BasicCancelOptions::default())).await?;
    let options = BasicNackOptions { requeue: true, multiple: false };
    while let Some(message) = deliveries.next().await {
        connection::patiently(channel.basic_nack(message?.delivery_tag, options)).await?;
    }
    Ok(())
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
