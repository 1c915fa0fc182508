//! `logboom.v1.LogService`: receives batches, returns acknowledgements.

use std::{pin::Pin, sync::Arc};

use access::{Principal, PrincipalKind};
use futures::Stream;
use model::{Text, Value, limits};
use pipeline::{
    BatchId, Error,
    admit::{Accepted, Ingest, Submission},
    normalise::{RawId, RawRecord, RawTime},
};
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use wire::v1::{
    Failure, PushRequest, PushResponse, Record, Rejection, StreamResponse, Window, attribute,
    log_service_server::LogService, stream_response::Event,
};

use super::{
    metered::Held,
    principal, producer,
    status::{code, status},
};

/// The maximum number of batches in flight per stream. At 1,000 records each, this keeps a disk with 4 ms per fsync
/// busy at well over 1,000,000 records per second.
const WINDOW: usize = 32;
/// The end of a stream whose key is no longer valid. Batches in flight are answered.
const REVOKED: &str = "the credentials of this stream are no longer valid; connect again with valid ones";

pub(super) struct LogServiceDoor {
    ingest: Ingest,
    stop: CancellationToken,
}

impl LogServiceDoor {
    /// Streams are closed at `stop`, after their batches are answered, because clients keep them open.
    pub(super) fn new(ingest: Ingest, stop: CancellationToken) -> Self {
        Self { ingest, stop }
    }
}

#[tonic::async_trait]
impl LogService for LogServiceDoor {
    async fn push(&self, request: Request<PushRequest>) -> Result<Response<PushResponse>, Status> {
        let producer = producer("grpc Push", request.remote_addr());
        let principal = principal(&request)?;
        push(&self.ingest, &principal, producer, request.into_inner())
            .await
            .map(Response::new)
            .map_err(|error| status(&error))
    }

    type StreamStream = Pin<Box<dyn Stream<Item = Result<StreamResponse, Status>> + Send>>;

    async fn stream(&self, request: Request<Streaming<PushRequest>>) -> Result<Response<Self::StreamStream>, Status> {
        let producer = producer("grpc Stream", request.remote_addr());
        let principal = principal(&request)?;
        let held = request.extensions().get::<Held>().cloned();
        let requests = Requests { messages: request.into_inner(), held };
        // Space for every acknowledgement of the window. A client that does not read its responses is no longer read,
        // and delays nothing else.
        let (answers, stream) = mpsc::channel(WINDOW + 1);
        tokio::spawn(serve(self.ingest.clone(), principal, producer, requests, answers, self.stop.clone()));
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }
}

/// The batches of a stream, and their memory reservation.
struct Requests {
    messages: Streaming<PushRequest>,
    held: Option<Held>,
}

/// Reads batches until the client ends or breaks the stream. Each is answered when it is durable, in any order.
async fn serve(
    ingest: Ingest,
    principal: Principal,
    producer: Text,
    mut requests: Requests,
    answers: mpsc::Sender<Result<StreamResponse, Status>>,
    stop: CancellationToken,
) {
    let window = Window { batches: WINDOW as u32 };
    if answers.send(Ok(StreamResponse { event: Some(Event::Window(window)) })).await.is_err() {
        return;
    }
    let slots = Arc::new(Semaphore::new(WINDOW));
    loop {
        // A slot first: past the window the stream is not read, and HTTP/2 flow control throttles the client.
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let request = tokio::select! {
            request = requests.messages.message() => request,
            // Responses in flight have their own senders; the stream ends with the last.
            () = stop.cancelled() => return,
            () = principal.revoked().cancelled() => {
                let _ = answers.send(Err(Status::unauthenticated(REVOKED))).await;
                return;
            }
        };
        let request = match request {
            Ok(Some(request)) => request,
            Ok(None) => return,
            Err(error) => {
                let _ = answers.send(Err(error)).await;
                return;
            }
        };
        let mut room = requests.held.as_ref().map(Held::take);
        if let Some(room) = room.as_mut().filter(|room| room.bytes() > limits::BATCH_BYTES) {
            // It was compressed: the reservation covered the maximum; shrinks to the actual size.
            room.shrink_to(request.encoded_len());
        }
        let (ingest, producer, answers) = (ingest.clone(), producer.clone(), answers.clone());
        let principal = principal.clone();
        tokio::spawn(async move {
            let sequence = request.sequence;
            let event = match push(&ingest, &principal, producer, request).await {
                Ok(response) => Event::Acknowledged(response),
                Err(error) => Event::Failed(failure(sequence, &error)),
            };
            let _ = answers.send(Ok(StreamResponse { event: Some(event) })).await;
            drop((slot, room));
        });
    }
}

async fn push(
    ingest: &Ingest,
    principal: &Principal,
    producer: Text,
    request: PushRequest,
) -> Result<PushResponse, Error> {
    let batch_id = batch_id(principal, &request.batch_id)?;
    let sequence = request.sequence;
    let service = Text::from(request.service);
    let node = Text::from(request.node);
    let records = request.records.into_iter().map(|record| raw(record, &service, &node)).collect();
    let sender = principal.sender().clone();
    let accepted = ingest.push(Submission { batch_id, producer, records, sender }).await?;
    Ok(response(sequence, accepted))
}

fn response(sequence: u64, accepted: Accepted) -> PushResponse {
    let rejected = accepted
        .rejected
        .into_iter()
        .map(|rejection| Rejection { index: rejection.index as u32, reason: rejection.reason })
        .collect();
    PushResponse { accepted: accepted.accepted as u32, rejected, sequence }
}

fn failure(sequence: u64, error: &Error) -> Failure {
    Failure {
        sequence,
        code: code(error.class) as u32,
        reason: error.message.clone(),
        retry_after_ms: error.retry_after.map(|delay| delay.as_millis() as u32),
    }
}

/// The id of a batch. That of a caller with a key or a certificate is bound to its name: nobody else can use an id up, so
/// that the batch to which it belongs would pass for a repetition.
///
/// Each retry of a relay (`logboom agent`, `--sink logboom+http://…`) comes to the same id, as long as its key stays the
/// same. A batch whose acknowledgement was lost before a change of the key may be stored twice.
fn batch_id(principal: &Principal, bytes: &[u8]) -> Result<Option<BatchId>, Error> {
    if bytes.len() > 16 {
        return Err(Error::invalid(format!(
            "batch_id has {} bytes; it may have 1 to 16, or none to let the server choose",
            bytes.len()
        )));
    }
    if bytes.is_empty() {
        return Ok(None);
    }
    if matches!(principal.kind(), PrincipalKind::Key | PrincipalKind::Certificate) {
        let digest = Sha256::new_with_prefix(principal.name()).chain_update([0u8]).chain_update(bytes);
        return Ok(Some(BatchId::of_digest(digest)));
    }
    let mut id = [0; 16];
    id[..bytes.len()].copy_from_slice(bytes);
    Ok(Some(BatchId(id)))
}

fn raw(record: Record, service: &Text, node: &Text) -> RawRecord {
    let own = |own: String, shared: &Text| if own.is_empty() { shared.clone() } else { Text::from(own) };
    let id = |bytes: Vec<u8>| if bytes.is_empty() { RawId::Missing } else { RawId::Bytes(bytes) };
    RawRecord {
        time: if record.time_unix_nano == 0 { RawTime::Missing } else { RawTime::Number(record.time_unix_nano) },
        severity: (record.severity != 0).then_some(record.severity),
        level: record.level.into(),
        service: own(record.service, service),
        node: own(record.node, node),
        message: record.message,
        attributes: record
            .attributes
            .into_iter()
            .filter_map(|attribute| Some((Text::from(attribute.key), value(attribute.value?))))
            .collect(),
        trace_id: id(record.trace_id),
        span_id: id(record.span_id),
    }
}

fn value(value: attribute::Value) -> Value {
    match value {
        attribute::Value::Text(text) => Value::Text(text.into()),
        attribute::Value::Integer(integer) => Value::Int(integer),
        attribute::Value::Number(number) => Value::Float(number),
        attribute::Value::Boolean(boolean) => Value::Bool(boolean),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use access::{Access, Caller, Options, Posture};
    use pipeline::clock::Clock;

    use super::*;

    #[test]
    fn the_id_of_a_batch_belongs_to_the_key_that_sent_it() {
        let secrets = ["lb_abcdefgh_0123456789abcdef0123456789abcdef", "lb_bbcdefgh_0123456789abcdef0123456789abcdef"];
        let options =
            Options { posture: Posture::Network, anonymous: Vec::new(), issuer: None, clock: Clock::system() };
        let access = Access::fixed(&secrets.map(str::to_owned), options).unwrap();
        let id = |secret: &str| {
            let address = Ipv4Addr::new(10, 1, 2, 3).into();
            let caller = Caller { address, secret: Some(secret), session: None, certificate: None, forwarded: false };
            batch_id(&access.decide(&caller).unwrap(), &[7; 16]).unwrap().unwrap()
        };
        assert_eq!(id(secrets[0]), id(secrets[0]), "a retry has the same id");
        assert_ne!(id(secrets[0]), id(secrets[1]));
        let unbound = |bytes: &[u8]| batch_id(&Principal::everybody(), bytes);
        assert_eq!(unbound(&[7; 16]).unwrap(), Some(BatchId([7; 16])));
        assert_eq!(unbound(&[]).unwrap(), None);
        assert!(unbound(&[7; 17]).is_err());
    }
}
