//! Messages sent and not yet confirmed, and which of them were really routed.
//!
//! The broker answers a message that has no queue twice: first it returns it, then it
//! confirms it. The client library hands a returned message over with whichever
//! confirm comes next, and with many messages in flight that may be another message's.
//! So messages are told apart by correlation id, and a confirm is believed only after
//! every confirm that may carry the return has been looked at:
//!
//! A return precedes its own confirm, and is handed over with the first confirm after
//! it. When a confirm arrives without a returned message, then the message's return,
//! if there was one, has been handed over with an earlier confirm. [`Flights::settle`]
//! therefore looks at all flights, then at those still up a second time, and only then
//! answers those that had landed by the first look: what landed before them has been
//! seen by then. A flight that carries a return is never believed, even when the return
//! is another's, because its own could be waiting behind it.

use std::{
    collections::HashSet,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use lapin::{BasicProperties, Channel, Confirmation, options::BasicPublishOptions, types::ShortString};
use pipeline::{Error, Result};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::connection::Failure;

/// A message to be sent, and who waits for it.
#[derive(Debug)]
pub(crate) struct Publication {
    /// For people who look into the queue; repeated publishing of a batch repeats it.
    pub(crate) message_id: String,
    pub(crate) body: Bytes,
    pub(crate) answer: oneshot::Sender<Result<Verdict>>,
    /// Its share of the bytes in flight.
    pub(crate) permit: OwnedSemaphorePermit,
}

/// What the broker has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Routed, and safe with a majority of the queue's members.
    Confirmed,
    /// A negative confirm: the queue is full, or could not take the message in time.
    Rejected,
}

/// Messages in flight on one channel.
#[derive(Default)]
pub(crate) struct Flights {
    flights: Vec<Flight>,
    next_id: u64,
    returned: HashSet<u64>,
}

type Landing = lapin::Result<Confirmation>;

struct Flight {
    id: u64,
    confirm: Pin<Box<dyn Future<Output = Landing> + Send>>,
    landing: Option<Landing>,
    /// `None` once the caller has been answered ahead of the confirm.
    answer: Option<oneshot::Sender<Result<Verdict>>>,
    _permit: OwnedSemaphorePermit,
}

/// What [`Flights::settle`] has found.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// Messages that came back.
    pub(crate) returned: usize,
    /// Why the channel is of no use any more.
    pub(crate) broken: Option<Failure>,
}

impl Flights {
    pub(crate) fn len(&self) -> usize {
        self.flights.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }

    /// Sends a message, in the order of the calls.
    pub(crate) fn launch(&mut self, channel: &Channel, queue: &str, publication: Publication) {
        let Publication { message_id, body, answer, permit } = publication;
        let id = self.next_id;
        self.next_id += 1;
        let (channel, queue) = (channel.clone(), ShortString::from(queue));
        let confirm = async move {
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let properties = BasicProperties::default()
                .with_delivery_mode(2)
                .with_content_type("application/x-logboom-batch".into())
                .with_message_id(message_id.into())
                .with_correlation_id(id.to_string().into());
            let confirm = channel.basic_publish("".into(), queue, options, &body, properties).await?;
            drop(body);
            confirm.await
        };
        // Polled for the first time, and so sent, by the next `settle`, which looks at
        // the flights in this order.
        let flight = Flight { id, confirm: Box::pin(confirm), landing: None, answer: Some(answer), _permit: permit };
        self.flights.push(flight);
    }

    /// Waits until some flights have landed, and answers their callers. For ever when
    /// none is up. Cancel-safe.
    pub(crate) async fn settle(&mut self) -> Settled {
        poll_fn(|context| self.poll_settle(context)).await
    }

    /// Answers all callers now; the flights stay up until their confirm.
    pub(crate) fn answer_all(&mut self, error: &Error) {
        for answer in self.flights.iter_mut().filter_map(|flight| flight.answer.take()) {
            let _ = answer.send(Err(error.clone()));
        }
    }

    fn poll_settle(&mut self, context: &mut Context<'_>) -> Poll<Settled> {
        self.look(context);
        let landed: HashSet<u64> = self.flights.iter().filter(|f| f.landing.is_some()).map(|f| f.id).collect();
        if landed.is_empty() {
            return Poll::Pending;
        }
        self.look(context);

        let mut settled = Settled::default();
        for flight in self.flights.extract_if(.., |flight| landed.contains(&flight.id)) {
            let returned = self.returned.remove(&flight.id);
            let Some(landing) = flight.landing else { continue };
            let outcome = outcome(landing, returned, &mut settled);
            if let Some(answer) = flight.answer {
                // The caller may have stopped waiting.
                let _ = answer.send(outcome);
            }
        }
        if self.flights.is_empty() {
            self.returned.clear();
        }
        Poll::Ready(settled)
    }

    /// Polls the flights that are up, and notes which messages came back.
    fn look(&mut self, context: &mut Context<'_>) {
        for flight in self.flights.iter_mut().filter(|flight| flight.landing.is_none()) {
            let Poll::Ready(landing) = flight.confirm.as_mut().poll(context) else { continue };
            if let Ok(Confirmation::Ack(Some(message)) | Confirmation::Nack(Some(message))) = &landing {
                let id = message.properties.correlation_id().as_ref().and_then(|id| id.as_str().parse::<u64>().ok());
                self.returned.extend(id);
            }
            flight.landing = Some(landing);
        }
    }
}

/// What the caller is told.
fn outcome(landing: Landing, returned: bool, settled: &mut Settled) -> Result<Verdict> {
    match landing {
        Ok(Confirmation::Ack(None)) if !returned => Ok(Verdict::Confirmed),
        Ok(Confirmation::Ack(_)) => {
            settled.returned += 1;
            Err(Error::unavailable("rabbitmq had no queue for the batch"))
        }
        Ok(Confirmation::Nack(_)) => Ok(Verdict::Rejected),
        Ok(Confirmation::NotRequested) => Err(Error::internal("the channel was not in confirm mode")),
        Err(error) => {
            let failure = Failure::from(error);
            let answer = Error::unavailable(format!("rabbitmq did not confirm the batch: {failure}"));
            settled.broken.get_or_insert(failure);
            Err(answer)
        }
    }
}
