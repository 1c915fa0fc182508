//! An HTTP server that answers by script and remembers what it was sent.

use std::{collections::VecDeque, io::Read as _, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use flate2::read::GzDecoder;
use tokio::{net::TcpListener, sync::Mutex};

/// One scripted answer.
pub(super) enum Answer {
    Now(u16, Vec<(&'static str, &'static str)>, Vec<u8>),
    /// Nothing, ever.
    Never,
}

/// An answer without headers.
pub(super) fn answer(status: u16, body: &str) -> Answer {
    Answer::Now(status, Vec::new(), body.into())
}

pub(super) struct Seen {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    /// Decompressed.
    pub(super) body: Vec<u8>,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn lines(&self) -> Vec<serde_json::Value> {
        let lines = self.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    script: Arc<Script>,
}

struct Script {
    answers: Mutex<VecDeque<Answer>>,
    seen: Mutex<Vec<Seen>>,
}

impl Server {
    pub(super) async fn start<const N: usize>(answers: [Answer; N]) -> Self {
        let script = Arc::new(Script { answers: Mutex::new(answers.into()), seen: Mutex::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(reply).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, script }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it was sent since the last call.
    pub(super) async fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.script.seen.lock().await)
    }
}

async fn reply(State(script): State<Arc<Script>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut plain = Vec::new();
    if headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip") {
        GzDecoder::new(&*body).read_to_end(&mut plain).unwrap();
    } else {
        plain = body.to_vec();
    }
    script.seen.lock().await.push(Seen { path: uri.to_string(), headers, body: plain });
    match script.answers.lock().await.pop_front() {
        Some(Answer::Now(status, headers, body)) => {
            let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        }
        Some(Answer::Never) => std::future::pending().await,
        None => panic!("a request that the script does not expect"),
    }
}

/// The address of a port that nobody listens on.
pub(super) async fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}
