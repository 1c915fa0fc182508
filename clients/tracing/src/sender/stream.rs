//! One connection's conversation: batches within the server's window, and its answers.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::{
    sync::mpsc,
    time::{sleep_until, timeout},
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Status, Streaming, client::Grpc, codegen::http::uri::PathAndQuery, transport::Endpoint};
use wire::v1::{StreamResponse, stream_response::Event};

use super::{codec::Encoded, outbox::Outbox};
use crate::{batch::Batch, buffer::Next, shared::Shared, text};

/// How long a server may take to begin its answer, the connection included.
const OPENING: Duration = Duration::from_secs(10);
/// How long it may answer no batch of those it has. It gives its queue 30 s for one, so
/// that more means something between us that takes and does not pass on.
const SILENCE: Duration = Duration::from_secs(60);

/// An open stream.
pub(super) struct Stream {
    /// Unbounded: the window bounds what can be in it.
    requests: mpsc::UnboundedSender<Bytes>,
    answers: Streaming<StreamResponse>,
    /// The batches that may be on the stream.
    window: usize,
    /// Whether a batch was answered on it.
    pub(super) answered: bool,
}

/// Why there is no stream, in words.
pub(super) type Lost = String;

impl Stream {
    /// Connects, and waits for the server's window.
    pub(super) async fn open(endpoint: &Endpoint) -> Result<Self, Lost> {
        let opened = timeout(OPENING, Self::begin(endpoint)).await;
        opened.unwrap_or_else(|_| Err(format!("no answer within {OPENING:?}")))
    }

    async fn begin(endpoint: &Endpoint) -> Result<Self, Lost> {
        let channel = endpoint.connect().await.map_err(|error| chain(&error))?;
        let mut client = Grpc::new(channel);
        client.ready().await.map_err(|error| chain(&error))?;
        let (requests, outgoing) = mpsc::unbounded_channel();
        let path = PathAndQuery::from_static("/logboom.v1.LogService/Stream");
        let request = Request::new(UnboundedReceiverStream::new(outgoing));
        let answers = client.streaming(request, path, Encoded).await.map_err(|status| ended(&status))?;
        let mut answers = answers.into_inner();
        let first = answers.message().await.map_err(|status| ended(&status))?;
        match first.and_then(|answer| answer.event) {
            Some(Event::Window(window)) => {
                Ok(Self { requests, answers, window: window.batches.max(1) as usize, answered: false })
            }
            _ => Err("the server did not begin with its window".to_owned()),
        }
    }

    /// Sends and is answered until the stream is lost. May be dropped at any time: what is
    /// not acknowledged is in the buffer or in the outbox.
    pub(super) async fn converse(&mut self, shared: &Shared, outbox: &mut Outbox) -> Lost {
        // Until when the server wants nothing.
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
                    Ok(None) => return "the server ended the stream".to_owned(),
                    Err(status) => return ended(&status),
                },
                () = shared.buffer.woken() => {}
                () = until(later) => {}
                () = until((outbox.on_stream() > 0).then_some(heard + SILENCE)) => {
                    return format!("no batch was answered within {SILENCE:?}");
                }
            }
        }
    }

    /// Sends what there is, within the window; gives the time at which there may be more.
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
            // Fails where the stream is lost, which its answers tell next.
            let _ = self.requests.send(batch);
            // Lets the connection write it while we encode the next one.
            tokio::task::yield_now().await;
        }
        None
    }
}

/// Waits until then, or for ever.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

/// How the server, or what is between us, ended the stream.
fn ended(status: &Status) -> Lost {
    format!("{}: {}", status.code(), status.message())
}

fn chain(error: &(dyn std::error::Error + 'static)) -> Lost {
    let mut text = String::new();
    // A `String` takes everything.
    let _ = text::write_chain(&mut text, error);
    text
}
