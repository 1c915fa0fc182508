//! `logboom.v1.LogService/Stream`: sends batches, receives acknowledgements in any order.

use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming, client::Grpc, codegen::http::uri::PathAndQuery, transport::Channel};
use wire::{
    codec::Encoded,
    v1::{StreamResponse, stream_response::Event},
};

use super::Fate;
use crate::key;

/// An open stream.
pub(crate) struct OpenStream {
    /// Accepts encoded `PushRequest`s.
    pub requests: mpsc::Sender<Bytes>,
    pub answers: Answers,
    /// The maximum number of unanswered batches that the server allows.
    pub window: usize,
}

/// The responses of a stream.
pub(crate) struct Answers(Streaming<StreamResponse>);

/// Opens a stream and waits for the server's window.
pub(crate) async fn stream(channel: Channel) -> Result<OpenStream, Status> {
    // A few parcels wait here while the connection is busy; the window limits the rest.
    let (requests, outgoing) = mpsc::channel(4);
    let mut client = Grpc::new(channel);
    client.ready().await.map_err(|error| Status::unavailable(format!("not connected: {error}")))?;
    let path = PathAndQuery::from_static("/logboom.v1.LogService/Stream");
    let request = key::request(ReceiverStream::new(outgoing));
    let mut incoming = client.streaming(request, path, Encoded::<StreamResponse>::default()).await?.into_inner();
    let window = match incoming.message().await?.and_then(|answer| answer.event) {
        Some(Event::Window(window)) => (window.batches as usize).max(1),
        other => return Err(Status::internal(format!("the stream began with {other:?} instead of its window"))),
    };
    Ok(OpenStream { requests, answers: Answers(incoming), window })
}

impl Answers {
    /// The next response: the batch and its result. An error ends the stream.
    pub(crate) async fn next(&mut self) -> Result<(u64, Fate), Status> {
        loop {
            let answer = self.0.message().await?.ok_or_else(|| Status::unavailable("the server ended the stream"))?;
            return Ok(match answer.event {
                Some(Event::Acknowledged(answer)) => {
                    let refused = answer.rejected.iter().map(|rejection| rejection.index).collect();
                    (answer.sequence, Fate::Acknowledged { refused })
                }
                Some(Event::Failed(failure)) => {
                    let reason = format!("code {}: {}", failure.code, failure.reason);
                    let fate = match failure.retry_after_ms {
                        Some(delay) => Fate::Later { delay: Duration::from_millis(delay.into()), reason },
                        None => Fate::Refused { reason },
                    };
                    (failure.sequence, fate)
                }
                Some(Event::Window(_)) | None => continue,
            });
        }
    }
}
