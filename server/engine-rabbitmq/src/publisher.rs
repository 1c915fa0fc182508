//! The publishing part: takes messages from callers, sends them, and replies.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use lapin::{Connection, Event, options::ConfirmSelectOptions};
use pipeline::Error;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::Address,
    connection::{self, Failure},
    events,
    flights::{Flights, Publication},
    sessions::Part,
    state::{State, Trouble},
    topology,
};

/// The limit of messages in flight on the channel. The broker confirms in groups, per fsync; more messages in flight
/// gain nothing.
const IN_FLIGHT: usize = 256;
/// The wait before a deleted queue is redeclared.
const DELETED_REST: Duration = Duration::from_secs(1);
/// The time limit for the last confirms on close.
const LAST_CONFIRMS: Duration = Duration::from_secs(5);

pub(crate) struct Publisher {
    pub(crate) address: Address,
    pub(crate) new_queue_rest: Duration,
    pub(crate) state: Arc<State>,
    pub(crate) publications: mpsc::Receiver<Publication>,
}

impl Part for Publisher {
    const NAME: &'static str = "publish";

    async fn session(&mut self, mut up: impl FnMut() + Send, stop: &CancellationToken) -> Result<(), Failure> {
        let connection = connection::open(&self.address, Self::NAME).await?;
        topology::declare(&connection, &self.address.queue, self.new_queue_rest).await?;
        let mut flights = Flights::default();
        let ended = self.publish(&connection, &mut flights, &mut up, stop).await;
        let reason = match &ended {
            Ok(()) => "the queue is closed".to_owned(),
            Err(failure) => failure.to_string(),
        };
        flights.answer_all(&Error::unavailable(format!("rabbitmq did not confirm the batch: {reason}")));
        connection::close(&connection).await;
        ended
    }

    fn down(&mut self, failure: &Failure) {
        self.state.set_trouble(Some(failure.into()));
    }

    // Dropping the session replies to messages in flight.
    async fn recover(&mut self) {}
}

impl Publisher {
    async fn publish(
        &mut self,
        connection: &Connection,
        flights: &mut Flights,
        up: &mut (impl FnMut() + Send),
        stop: &CancellationToken,
    ) -> Result<(), Failure> {
        let mut happenings = connection.events_listener();
        let channel = connection::channel(connection).await?;
        connection::with_timeout(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        self.state.set_trouble(None);
        up();
        loop {
            // Connection events first, so that a blocked or lost connection is known before more is sent; then
            // confirms, which free capacity; then callers.
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    self.last_confirms(flights).await;
                    return Ok(());
                }
                event = happenings.next() => self.handle_event(event, flights)?,
                settled = flights.settle() => {
                    if let Some(failure) = settled.broken {
                        return Err(failure);
                    }
                    if settled.returned > 0 {
                        return Err(self.wait_after_deletion(settled.returned, flights).await);
                    }
                }
                Some(publication) = self.publications.recv(), if flights.len() < IN_FLIGHT => {
                    match self.state.trouble() {
                        // The caller passed the check before the failure was known.
                        Some(trouble) => drop(publication.answer.send(Err(trouble.error()))),
                        // The caller is gone; it received an error.
                        None if publication.answer.is_closed() => {}
                        None => flights.send(&channel, &self.address.queue, publication),
                    }
                }
            }
        }
    }

    fn handle_event(&self, event: Option<Event>, flights: &mut Flights) -> Result<(), Failure> {
        match event {
            Some(Event::ConnectionBlocked(reason)) => {
                events::blocked(&reason);
                let trouble = Trouble::Blocked(reason);
                // Messages in flight may be accepted once the broker unblocks.
                flights.answer_all(&Error::unavailable(trouble.text()));
                self.state.set_trouble(Some(trouble));
            }
            Some(Event::ConnectionUnblocked) => {
                events::unblocked();
                self.state.set_trouble(None);
            }
            Some(Event::Error(error)) => return Err(error.into()),
            Some(_) => {}
            None => return Err(Failure::Away("the connection has ended".to_owned())),
        }
        Ok(())
    }

    /// Waits without publishing, then ends the session; the next one redeclares the queue.
    ///
    /// The wait lets the broker propagate the deletion. If the queue is redeclared earlier, channels that used the old
    /// one take it for the same (observed with RabbitMQ 3.10): their consumers drop the first messages as duplicates.
    async fn wait_after_deletion(&mut self, returned: usize, flights: &mut Flights) -> Failure {
        events::returned(returned, &self.address.queue);
        let failure = Failure::Away("the queue was deleted".to_owned());
        self.state.set_trouble(Some((&failure).into()));
        let _ =
            timeout_at(Instant::now() + DELETED_REST, async { while flights.settle().await.broken.is_none() {} }).await;
        failure
    }

    async fn last_confirms(&mut self, flights: &mut Flights) {
        self.publications.close();
        let deadline = Instant::now() + LAST_CONFIRMS;
        while !flights.is_empty() {
            match timeout_at(deadline, flights.settle()).await {
                Ok(settled) if settled.broken.is_none() => {}
                _ => return,
            }
        }
    }
}
