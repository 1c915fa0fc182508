//! The memory budget of the gRPC doors.
//!
//! tonic buffers a message until it is complete, and then decompresses it. Therefore the request body tracks message
//! boundaries. Each piece reserves memory before tonic receives it, and the last piece of a compressed message
//! reserves the maximum decompressed size. A unary call releases its reservation when its message reaches the door,
//! which admits it at once. A stream's door takes over the reservation of each message ([`Held`]).

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::Request,
};
use futures::future::{BoxFuture, Either, Ready, ready as done};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use model::limits;
use parking_lot::Mutex;
use pipeline::{Error, Result, admit::Ingest, bodies::Room};
use tokio::time::Sleep;
use tonic::{Status, server::NamedService};
use tower::Service;

use super::status::status;

/// The timeout for receiving a complete message.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(60);
/// The memory of a call in addition to its message.
const OVERHEAD: usize = 16 << 10;
/// The length of the message prefix: the compression flag and the length.
const PREFIX: usize = 5;

/// A service whose requests reserve memory.
#[derive(Clone)]
pub(super) struct Metered<S> {
    service: S,
    ingest: Ingest,
}

impl<S> Metered<S> {
    pub(super) fn new(service: S, ingest: &Ingest) -> Self {
        Self { service, ingest: ingest.clone() }
    }
}

impl<S: NamedService> NamedService for Metered<S> {
    const NAME: &'static str = S::NAME;
}

type Response = http::Response<tonic::body::Body>;

impl<S> Service<Request> for Metered<S>
where
    S: Service<Request<MeteredBody>, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<std::result::Result<Response, Infallible>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The messages of a stream are refused one by one.
        let streams = request.uri().path().ends_with("/Stream");
        if !streams && let Err(error) = self.ingest.check() {
            return Either::Left(done(Ok(status(&error).into_http())));
        }
        let held = Held(Arc::new(Mutex::new(self.ingest.bodies().room())));
        let mut request = request.map(|body| MeteredBody::new(body, held.clone(), streams));
        if streams {
            request.extensions_mut().insert(held);
        }
        Either::Right(self.service.call(request))
    }
}

/// The reservation for received messages of a call that were not handed on yet.
#[derive(Clone)]
pub(super) struct Held(Arc<Mutex<Room>>);

impl Held {
    /// Takes over the reservation of a message.
    pub(super) fn take(&self) -> Room {
        self.0.lock().take()
    }
}

/// A body that reserves memory for its pieces.
pub(super) struct MeteredBody {
    body: Body,
    held: Held,
    messages: Messages,
    /// Whether more messages may follow the first, at any time.
    streams: bool,
    /// A piece that waits for its reservation.
    waiting: Option<(BoxFuture<'static, Result<Room>>, Bytes)>,
    late: Option<Pin<Box<Sleep>>>,
}

impl MeteredBody {
    fn new(body: Body, held: Held, streams: bool) -> Self {
        Self { body, held, messages: Messages::default(), streams, waiting: None, late: None }
    }

    /// Reserves memory for a received piece.
    fn take(&mut self, piece: Bytes) -> Option<Bytes> {
        let mut room = self.held.take();
        let overhead = if room.bytes() == 0 { OVERHEAD } else { 0 };
        let inflated = if self.messages.advance(&piece) { limits::BATCH_BYTES } else { 0 };
        let wanted = room.bytes() + overhead + piece.len() + inflated;
        if room.try_grow_to(wanted) {
            *self.held.0.lock() = room;
            return Some(piece);
        }
        let grow = async move { room.grow_to(wanted).await.map(|()| room) };
        self.waiting = Some((Box::pin(grow), piece));
        None
    }
}

impl HttpBody for MeteredBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        loop {
            if let Some((grow, _)) = &mut this.waiting {
                let grown = ready!(grow.as_mut().poll(context));
                let piece = this.waiting.take().map(|(_, piece)| piece).unwrap_or_default();
                return Poll::Ready(Some(match grown {
                    Ok(room) => {
                        *this.held.0.lock() = room;
                        Ok(Frame::data(piece))
                    }
                    Err(error) => Err(status(&error)),
                }));
            }
            match Pin::new(&mut this.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(piece) => {
                        let piece = this.take(piece);
                        if this.messages.is_between() {
                            this.late = None;
                        }
                        if let Some(piece) = piece {
                            return Poll::Ready(Some(Ok(Frame::data(piece))));
                        }
                    }
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Some(Err(Status::from_error(error.into()))));
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending if this.streams && this.messages.is_between() => return Poll::Pending,
                Poll::Pending => {
                    let late = this.late.get_or_insert_with(|| Box::pin(tokio::time::sleep(MESSAGE_TIMEOUT)));
                    ready!(late.as_mut().poll(context));
                    let limit = MESSAGE_TIMEOUT.as_secs();
                    return Poll::Ready(Some(Err(status(&Error::unavailable(format!(
                        "a message was not complete within {limit} s; send it again, or in parts"
                    ))))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.waiting.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// The position of the body within its messages.
#[derive(Debug, Default)]
struct Messages {
    prefix: [u8; PREFIX],
    /// Received bytes of the prefix.
    begun: usize,
    /// Bytes of the message still to come.
    rest: usize,
}

impl Messages {
    /// Advances over a piece. Returns whether a compressed message ends in it.
    fn advance(&mut self, mut piece: &[u8]) -> bool {
        let mut inflates = false;
        while !piece.is_empty() {
            if self.begun < PREFIX {
                let (head, rest) = piece.split_at(piece.len().min(PREFIX - self.begun));
                self.prefix[self.begun..self.begun + head.len()].copy_from_slice(head);
                self.begun += head.len();
                piece = rest;
                if self.begun < PREFIX {
                    break;
                }
                let [_, length @ ..] = self.prefix;
                self.rest = u32::from_be_bytes(length) as usize;
            }
            let some = piece.len().min(self.rest);
            piece = &piece[some..];
            self.rest -= some;
            if self.rest == 0 {
                inflates |= self.prefix[0] == 1;
                self.begun = 0;
            }
        }
        inflates
    }

    /// Whether all started messages are complete.
    fn is_between(&self) -> bool {
        self.begun == 0
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn message(compressed: u8, length: usize) -> Vec<u8> {
        [&[compressed][..], &(length as u32).to_be_bytes(), &vec![7; length]].concat()
    }

    #[test]
    fn messages_are_followed_however_they_are_cut() {
        let bytes = [message(0, 10), message(1, 300), message(1, 0), message(0, 1), message(1, 2)].concat();
        for size in [1, 2, 3, 5, 7, 100, 1000] {
            let mut messages = Messages::default();
            let (mut ends, mut at) = (Vec::new(), 0);
            for piece in bytes.chunks(size) {
                at += piece.len();
                if messages.advance(piece) {
                    ends.push(at);
                }
            }
            assert!(messages.is_between(), "{size}");
            let mut wanted: Vec<usize> = [320, 325, 338]
                .iter()
                .map(|end: &usize| end.div_ceil(size) * size)
                .map(|end| end.min(bytes.len()))
                .collect();
            wanted.dedup();
            assert_eq!(ends, wanted, "{size}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_finds_no_room_is_told_when_to_come_back() {
        let queue = Arc::new(testkit::memory::MemoryQueue::new());
        let options = pipeline::admit::IngestOptions { body_bytes: 64 << 10, ..Default::default() };
        let ingest = Ingest::start(queue, options);
        let mut other = ingest.bodies().room();
        other.grow_to(60 << 10).await.unwrap();
        let held = Held(Arc::new(Mutex::new(ingest.bodies().room())));
        let mut body = MeteredBody::new(Body::from(message(0, 10)), held.clone(), false);
        let refused = body.frame().await.unwrap().unwrap_err();
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
        assert!(refused.message().contains("--body-memory"), "{refused}");
        assert!(!refused.details().is_empty(), "RetryInfo is there");
        drop((other, body));
        let mut body = MeteredBody::new(Body::from(message(0, 10)), held.clone(), false);
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap().len(), 15);
        assert_eq!(held.0.lock().bytes(), 17 << 10);
        drop((body, held));
        assert_eq!(ingest.bodies().free(), 64 << 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_does_not_come_ends_its_call_and_a_stream_may_be_idle() {
        let queue = Arc::new(testkit::memory::MemoryQueue::new());
        let ingest = Ingest::start(queue, Default::default());
        for (bytes, streams, ends) in [(&b""[..], false, true), (&b""[..], true, false), (&b"\0\0"[..], true, true)] {
            let pieces = tokio_stream::iter((!bytes.is_empty()).then(|| Ok::<_, Infallible>(Bytes::from(bytes))));
            let pieces = tokio_stream::StreamExt::chain(pieces, tokio_stream::pending());
            let held = Held(Arc::new(Mutex::new(ingest.bodies().room())));
            let mut body = MeteredBody::new(Body::from_stream(pieces), held, streams);
            let end = async {
                loop {
                    if let Err(error) = body.frame().await.unwrap() {
                        return error.code();
                    }
                }
            };
            let end = tokio::time::timeout(MESSAGE_TIMEOUT * 2, end).await.ok();
            assert_eq!(end, ends.then_some(tonic::Code::Unavailable), "{bytes:?} {streams}");
        }
    }
}
