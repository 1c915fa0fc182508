//! One stream: sends batches within the server's window and processes responses.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::{
    sync::mpsc,
    time::{sleep_until, timeout},
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Status, Streaming, client::Grpc, codegen::http::uri::PathAndQuery};
use wire::v1::{StreamResponse, stream_response::Event};

use super::{Target, codec::Encoded, denial::is_denial, outbox::Outbox};
use crate::{batch::Batch, buffer::Next, shared::Shared, text};

/// The timeout for opening a stream, including the connection.
const OPENING: Duration = Duration::from_secs(10);
/// The timeout for the next response while batches are in flight. The server gives its queue 30 s per batch, so a
/// longer silence means that an intermediary does not forward.
const SILENCE: Duration = Duration::from_secs(60);

/// An open stream.
pub(super) struct Stream {
    /// Unbounded, because the window limits its content.
    requests: mpsc::UnboundedSender<Bytes>,
    answers: Streaming<StreamResponse>,
    /// The maximum number of batches on the stream.
    window: usize,
    /// Whether any batch was answered.
    pub(super) answered: bool,
}

/// Why there is no stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) reason: String,
    /// The server refuses the key, or the connection without one.
    pub(super) denied: bool,
}

impl From<String> for Lost {
    fn from(reason: String) -> Self {
        Self { reason, denied: false }
    }
}

impl Stream {
    /// Connects, and waits for the server's window.
    pub(super) async fn open(target: &Target) -> Result<Self, Lost> {
        let opened = timeout(OPENING, Self::begin(target)).await;
        opened.unwrap_or_else(|_| Err(format!("no answer within {OPENING:?}").into()))
    }

    async fn begin(target: &Target) -> Result<Self, Lost> {
        let channel = target.endpoint.connect().await.map_err(|error| chain(&error))?;
        let mut client = Grpc::new(channel);
        client.ready().await.map_err(|error| chain(&error))?;
        let (requests, outgoing) = mpsc::unbounded_channel();
        let path = PathAndQuery::from_static("/logboom.v1.LogService/Stream");
        let mut request = Request::new(UnboundedReceiverStream::new(outgoing));
        if let Some(authorization) = &target.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        let answers = client.streaming(request, path, Encoded).await.map_err(|status| ended(&status))?;
        let mut answers = answers.into_inner();
        let first = answers.message().await.map_err(|status| ended(&status))?;
        match first.and_then(|answer| answer.event) {
            Some(Event::Window(window)) => {
                Ok(Self { requests, answers, window: window.batches.max(1) as usize, answered: false })
            }
            _ => Err("the server did not begin with its window".to_owned().into()),
        }
    }

    /// Sends batches and processes responses until the stream is lost. May be dropped at any time: unacknowledged
    /// entries are in the buffer or the outbox.
    pub(super) async fn exchange(&mut self, shared: &Shared, outbox: &mut Outbox) -> Lost {
        // The end of a pause requested by the server.
        let mut hold = Instant::now();
        let mut heard = Instant::now();
        loop {
            if outbox.on_stream() == 0 {
                heard = Instant::now();
            }
            let later = self.send(shared, outbox, hold).await;
            tokio::select! {
                answer = self.answers.message() => match answer {
                    Ok(Some(answer)) => {
                        heard = Instant::now();
                        self.answered = true;
                        if let Some(delay) = outbox.answered(shared, answer) {
                            hold = heard + delay;
                        }
                    }
                    Ok(None) => return "the server ended the stream".to_owned().into(),
                    Err(status) => return ended(&status),
                },
                () = shared.buffer.wait_for_wake() => {}
                () = until(later) => {}
                () = until((outbox.on_stream() > 0).then_some(heard + SILENCE)) => {
                    return format!("no batch was answered within {SILENCE:?}").into();
                }
            }
        }
    }

    /// Sends batches within the window. Returns when the next one may be ready.
    async fn send(&self, shared: &Shared, outbox: &mut Outbox, hold: Instant) -> Option<Instant> {
        if Instant::now() < hold {
            return Some(hold);
        }
        while outbox.on_stream() < self.window {
            let Some(batch) = outbox.next() else {
                match shared.buffer.take(Instant::now()) {
                    Next::Batch(run) => {
                        let batch = Batch::new(&shared.producer, run.first, run.entries, run.weight);
                        outbox.add(run.first, batch);
                        continue;
                    }
                    Next::At(due) => return Some(due),
                    Next::Nothing => return None,
                }
            };
            // Fails if the stream is lost, which its responses report next.
            let _ = self.requests.send(batch);
            // Lets the connection write it before the next one is encoded.
            tokio::task::yield_now().await;
        }
        None
    }
}

/// Waits until `time`, or forever.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

/// The reason why the stream ended.
fn ended(status: &Status) -> Lost {
    let reason = format!("{}: {}", status.code(), status.message());
    Lost { reason, denied: is_denial(status.code()) }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> Lost {
    let mut text = String::new();
    // A `String` takes everything.
    let _ = text::write_chain(&mut text, error);
    text.into()
}
