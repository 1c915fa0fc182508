//! A server that acknowledges everything, or refuses the key.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    thread,
};

use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::{
    Stream,
    wrappers::{ReceiverStream, TcpListenerStream},
};
use tonic::{Request, Response, Status, Streaming, transport::Server};
use wire::v1::{
    PushRequest, PushResponse, StreamResponse, Window,
    log_service_server::{LogService, LogServiceServer},
    stream_response::Event,
};

/// The scripted server; runs as long as the process.
#[derive(Clone)]
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
pub(crate) struct State {
    /// The answer to the next streams, instead of a window.
    pub(crate) refusal: Option<Status>,
    /// The headers `authorization` of all streams.
    pub(crate) authorizations: Vec<Option<String>>,
    pub(crate) messages: Vec<String>,
}

impl Scripted {
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let scripted = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let service = LogServiceServer::new(scripted.clone());
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let incoming = TcpListenerStream::new(TcpListener::from_std(listener).unwrap());
                Server::builder().add_service(service).serve_with_incoming(incoming).await.unwrap();
            });
        });
        scripted
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }
}

#[tonic::async_trait]
impl LogService for Scripted {
    async fn push(&self, _: Request<PushRequest>) -> Result<Response<PushResponse>, Status> {
        Err(Status::unimplemented("the client sends streams"))
    }

    type StreamStream = Pin<Box<dyn Stream<Item = Result<StreamResponse, Status>> + Send>>;

    async fn stream(&self, request: Request<Streaming<PushRequest>>) -> Result<Response<Self::StreamStream>, Status> {
        let authorization = request.metadata().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        let refusal = self.with(|state| {
            state.authorizations.push(authorization);
            state.refusal.clone()
        });
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        let (answers, stream) = mpsc::channel(4);
        let (scripted, mut requests) = (self.clone(), request.into_inner());
        tokio::spawn(async move {
            let answer = |event| Ok(StreamResponse { event: Some(event) });
            let _ = answers.send(answer(Event::Window(Window { batches: 1 }))).await;
            while let Ok(Some(PushRequest { records, sequence, .. })) = requests.message().await {
                let accepted = u32::try_from(records.len()).unwrap();
                scripted.with(|state| state.messages.extend(records.into_iter().map(|record| record.message)));
                let acknowledged = PushResponse { accepted, rejected: Vec::new(), sequence };
                let _ = answers.send(answer(Event::Acknowledged(acknowledged))).await;
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }
}
