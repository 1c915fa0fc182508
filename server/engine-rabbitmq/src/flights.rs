//! Unconfirmed messages, and whether they were really routed.
//!
//! The broker responds twice to a message without a queue: it returns the message, then confirms it. The client library
//! attaches a returned message to the next confirm, which may belong to another message. So messages are identified by
//! correlation id, and a confirm counts only after every confirm that may carry the return has been checked:
//!
//! A return precedes its own confirm, and is attached to the first confirm after it. If a confirm arrives without a
//! returned message, the message's own return, if any, was attached to an earlier confirm. [`Flights::settle`]
//! therefore polls all messages, polls the pending ones a second time, and only then replies to those confirmed in the
//! first poll: all earlier confirms have been seen by then. A confirm with an attached return never counts as success,
//! even if the return is another message's, because its own return could follow.

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

/// The content type of a batch.
pub(crate) const CONTENT_TYPE: &str = "application/x-logboom-batch";

/// A message to send, and its caller.
#[derive(Debug)]
pub(crate) struct Publication {
    /// For operators who inspect the queue; a republished batch has the same id.
    pub(crate) message_id: String,
    pub(crate) body: Bytes,
    pub(crate) answer: oneshot::Sender<Result<Verdict>>,
    /// Its share of the limit of bytes in flight.
    pub(crate) permit: OwnedSemaphorePermit,
}

/// The broker's response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Routed, and replicated to a majority of the queue's members.
    Confirmed,
    /// A negative confirm: the queue is full, or did not accept the message in time.
    Rejected,
}

/// Messages in flight on one channel.
#[derive(Default)]
pub(crate) struct Flights {
    flights: Vec<Flight>,
    next_id: u64,
    returned: HashSet<u64>,
}

type ConfirmResult = lapin::Result<Confirmation>;

struct Flight {
    id: u64,
    confirm: Pin<Box<dyn Future<Output = ConfirmResult> + Send>>,
    result: Option<ConfirmResult>,
    /// `None` once the caller has received a reply before the confirm.
    answer: Option<oneshot::Sender<Result<Verdict>>>,
    _permit: OwnedSemaphorePermit,
}

/// The result of [`Flights::settle`].
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// The number of returned messages.
    pub(crate) returned: usize,
    /// Why the channel is unusable.
    pub(crate) broken: Option<Failure>,
}

impl Flights {
    pub(crate) fn len(&self) -> usize {
        self.flights.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }

    /// Sends a message, in call order.
    pub(crate) fn send(&mut self, channel: &Channel, queue: &str, publication: Publication) {
        let Publication { message_id, body, answer, permit } = publication;
        let id = self.next_id;
        self.next_id += 1;
        let (channel, queue) = (channel.clone(), ShortString::from(queue));
        let confirm = async move {
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let properties = BasicProperties::default()
                .with_delivery_mode(2)
                .with_content_type(CONTENT_TYPE.into())
                .with_message_id(message_id.into())
                .with_correlation_id(id.to_string().into());
            let confirm = channel.basic_publish("".into(), queue, options, &body, properties).await?;
            drop(body);
            confirm.await
        };
        // The next `settle` polls it for the first time, and so sends it; it polls in this order.
        let flight = Flight { id, confirm: Box::pin(confirm), result: None, answer: Some(answer), _permit: permit };
        self.flights.push(flight);
    }

    /// Waits until some messages are confirmed, and replies to their callers. Pending forever if none is in flight.
    /// Cancel-safe.
    pub(crate) async fn settle(&mut self) -> Settled {
        poll_fn(|context| self.poll_settle(context)).await
    }

    /// Replies to all callers now; the messages stay in flight until their confirm.
    pub(crate) fn answer_all(&mut self, error: &Error) {
        for answer in self.flights.iter_mut().filter_map(|flight| flight.answer.take()) {
            let _ = answer.send(Err(error.clone()));
        }
    }

    fn poll_settle(&mut self, context: &mut Context<'_>) -> Poll<Settled> {
        self.poll_confirms(context);
        let confirmed: HashSet<u64> = self.flights.iter().filter(|f| f.result.is_some()).map(|f| f.id).collect();
        if confirmed.is_empty() {
            return Poll::Pending;
        }
        self.poll_confirms(context);

        let mut settled = Settled::default();
        for flight in self.flights.extract_if(.., |flight| confirmed.contains(&flight.id)) {
            let returned = self.returned.remove(&flight.id);
            let Some(result) = flight.result else { continue };
            let outcome = to_reply(result, returned, &mut settled);
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

    /// Polls the pending messages, and records the returned ones.
    fn poll_confirms(&mut self, context: &mut Context<'_>) {
        for flight in self.flights.iter_mut().filter(|flight| flight.result.is_none()) {
            let Poll::Ready(result) = flight.confirm.as_mut().poll(context) else { continue };
            if let Ok(Confirmation::Ack(Some(message)) | Confirmation::Nack(Some(message))) = &result {
                let id = message.properties.correlation_id().as_ref().and_then(|id| id.as_str().parse::<u64>().ok());
                self.returned.extend(id);
            }
            flight.result = Some(result);
        }
    }
}

/// The reply to the caller.
fn to_reply(result: ConfirmResult, returned: bool, settled: &mut Settled) -> Result<Verdict> {
    match result {
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
