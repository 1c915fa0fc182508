//! The publishing part: takes messages from callers, sends them, answers.

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

/// Messages in flight on the channel. Confirms come in groups, per fsync of the
/// broker; more in flight than this gain nothing.
const IN_FLIGHT: usize = 256;
/// How long a deleted queue is left alone.
const DELETED_REST: Duration = Duration::from_secs(1);
/// How long confirms are waited for when the queue is closed.
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

    // Messages in flight are answered by being dropped with the session.
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
        connection::patiently(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        self.state.set_trouble(None);
        up();
        loop {
            // What the connection says comes first, so that a blocked or lost one is
            // known before more is sent; then confirms, which make room; then callers.
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    self.last_confirms(flights).await;
                    return Ok(());
                }
                event = happenings.next() => self.heed(event, flights)?,
                settled = flights.settle() => {
                    if let Some(failure) = settled.broken {
                        return Err(failure);
                    }
                    if settled.returned > 0 {
                        return Err(self.let_the_deleted_queue_rest(settled.returned, flights).await);
                    }
                }
                Some(publication) = self.publications.recv(), if flights.len() < IN_FLIGHT => {
                    match self.state.trouble() {
                        // The caller passed the check before the trouble was known.
                        Some(trouble) => drop(publication.answer.send(Err(trouble.error()))),
                        // Nobody waits for it any more: it was told to be sent again.
                        None if publication.answer.is_closed() => {}
                        None => flights.launch(&channel, &self.address.queue, publication),
                    }
                }
            }
        }
    }

    fn heed(&self, event: Option<Event>, flights: &mut Flights) -> Result<(), Failure> {
        match event {
            Some(Event::ConnectionBlocked(reason)) => {
                events::blocked(&reason);
                let trouble = Trouble::Blocked(reason);
                // What is on its way may be taken once the broker unblocks.
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

    /// Publishes nothing for a moment, then gives the channel up; the next session
    /// declares the queue again.
    ///
    /// The moment is for the broker to tell everybody that the queue is gone. One that is
    /// declared again before that is mistaken for the old one by channels that used it
    /// (seen with RabbitMQ 3.10): their consumers drop the first messages as known.
    async fn let_the_deleted_queue_rest(&mut self, returned: usize, flights: &mut Flights) -> Failure {
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
