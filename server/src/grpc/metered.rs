//! The budget of bytes at the gRPC doors.
//!
//! What tonic reads of a call it keeps until a message is whole, and then inflates it. So the
//! body of each request follows the messages that pass: each piece takes room before tonic gets
//! it, and the last piece of a compressed message takes room for all that it may become. The
//! room of a unary call is returned when its message is handed to the door, which admits it at
//! once; a stream's door takes the room over with each message ([`Held`]).

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

/// How long a message may take to come as a whole.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(60);
/// What a call costs beside its message.
const OVERHEAD: usize = 16 << 10;
/// The bytes before each message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// A service whose requests are metered.
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

/// The room of the messages of a call that have come and were not yet handed on.
#[derive(Clone)]
pub(super) struct Held(Arc<Mutex<Room>>);

impl Held {
    /// Takes over the room of what was handed on.
    pub(super) fn take(&self) -> Room {
        self.0.lock().take()
    }
}

/// A body that takes room for what passes.
pub(super) struct MeteredBody {
    body: Body,
    held: Held,
    messages: Messages,
    /// Whether messages may follow the first, after any time.
    streams: bool,
    /// A piece that waits for its room.
    waiting: Option<(BoxFuture<'static, Result<Room>>, Bytes)>,
    late: Option<Pin<Box<Sleep>>>,
}

impl MeteredBody {
    fn new(body: Body, held: Held, streams: bool) -> Self {
        Self { body, held, messages: Messages::default(), streams, waiting: None, late: None }
    }

    /// Grows the room for a piece that has come.
    fn take(&mut self, piece: Bytes) -> Option<Bytes> {
        let mut room = self.held.take();
        let overhead = if room.bytes() == 0 { OVERHEAD } else { 0 };
        let inflated = if self.messages.pass(&piece) { limits::BATCH_BYTES } else { 0 };
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
                        "a message did not come as a whole within {limit} s; send it again, or in parts"
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

/// Where a call's bytes are among its messages.
#[derive(Debug, Default)]
struct Messages {
    prefix: [u8; PREFIX],
    /// How much of the prefix has come.
    begun: usize,
    /// How much of the message has still to come.
    rest: usize,
}

impl Messages {
    /// Goes over a piece; whether a compressed message ends in it.
    fn pass(&mut self, mut piece: &[u8]) -> bool {
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

    /// Whether all messages that have begun have ended.
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
                if messages.pass(piece) {
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
