//! Reads request bodies within the memory budget, and decompresses them.
//!
//! Overload is checked first: a body is not read if its records would be refused. A body reserves memory before it is
//! read. A compressed body reserves its maximum decompressed size before decompression, which runs in one step. So a
//! slow client never holds decompressed data.

use std::{ops::Deref, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, Version, header},
    response::{IntoResponse, Response},
};
use bytes::BytesMut;
use http_body_util::BodyExt as _;
use model::limits;
use pipeline::{Error, bodies::Room};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    IngestState,
    inflate::{self, Coding},
    problem::{self, Problem},
};

/// The timeout for a whole body.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// The timeout between two pieces of a body.
const PIECE_TIMEOUT: Duration = Duration::from_secs(15);
/// The memory of a request in addition to its body.
const OVERHEAD: usize = 16 << 10;
/// How long the rest of a refused body is read, so that the response arrives.
const DISCARD: Duration = Duration::from_secs(1);

/// The body of a request, decompressed and within the limit.
pub(super) struct Payload(pub(super) Content);

/// Bytes with their memory reservation.
pub(super) struct Content {
    bytes: Bytes,
    _room: Room,
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The reason why a body was not read.
pub(super) enum Refused {
    /// There is no memory for it, temporarily or permanently.
    Full(Error),
    Bad {
        status: StatusCode,
        detail: String,
    },
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Full(error) => Problem::from(error).into_response(),
            Self::Bad { status, detail } => problem::document(status, &detail),
        }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Full(error)
    }
}

impl Refused {
    fn bad(status: StatusCode, detail: impl Into<String>) -> Self {
        Self::Bad { status, detail: detail.into() }
    }

    fn too_large() -> Self {
        let most = limits::BATCH_BYTES;
        Self::bad(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the decompressed body is larger than {most} bytes; split it into several requests"),
        )
    }

    fn late() -> Self {
        Self::bad(
            StatusCode::REQUEST_TIMEOUT,
            format!(
                "the body was not complete within {} s, or stalled for {} s; send it in parts",
                BODY_TIMEOUT.as_secs(),
                PIECE_TIMEOUT.as_secs()
            ),
        )
    }
}

impl FromRequest<IngestState> for Payload {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &IngestState) -> Result<Self, Refused> {
        let (head, mut body) = request.into_parts();
        let mut room = state.ingest.bodies().room();
        let admitted = async {
            state.ingest.check()?;
            let coding = Coding::of(&head.headers).map_err(|encoding| {
                Refused::bad(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    format!("Content-Encoding: {encoding} is unknown; use gzip, zstd, deflate or br"),
                )
            })?;
            let announced = announced(&head.headers);
            if announced.is_some_and(|length| length > limits::BATCH_BYTES) {
                return Err(Refused::too_large());
            }
            room.grow_to(announced.unwrap_or(0) + OVERHEAD).await?;
            Ok::<_, Refused>((coding, announced))
        };
        let (coding, announced) = match admitted.await {
            Ok(admitted) => admitted,
            Err(refused) => {
                drain(head.version, &head.headers, &mut body).await;
                return Err(refused);
            }
        };
        let bytes = read(&mut body, &mut room, announced).await?;
        if let Some(coding) = coding {
            room.grow_to(bytes.len() + OVERHEAD + limits::BATCH_BYTES).await?;
            let inflated = inflate::decompress(coding, &bytes, limits::BATCH_BYTES).map_err(|error| {
                Refused::bad(StatusCode::BAD_REQUEST, format!("the body does not match its Content-Encoding: {error}"))
            })?;
            let inflated = inflated.ok_or_else(Refused::too_large)?;
            drop(bytes);
            room.shrink_to(inflated.len() + OVERHEAD);
            return Ok(Self(Content { bytes: inflated.into(), _room: room }));
        }
        Ok(Self(Content { bytes, _room: room }))
    }
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads a whole body; `room` already covers the announced length.
async fn read(body: &mut Body, room: &mut Room, announced: Option<usize>) -> Result<Bytes, Refused> {
    let deadline = Instant::now() + BODY_TIMEOUT;
    let mut bytes = BytesMut::with_capacity(announced.unwrap_or(0));
    loop {
        let piece = timeout(PIECE_TIMEOUT, body.frame());
        let piece = timeout_at(deadline, piece).await.ok().and_then(Result::ok).ok_or_else(Refused::late)?;
        let Some(piece) = piece else { return Ok(bytes.freeze()) };
        let piece = piece
            .map_err(|error| Refused::bad(StatusCode::BAD_REQUEST, format!("the body cannot be read: {error}")))?;
        let Ok(piece) = piece.into_data() else { continue };
        let length = bytes.len() + piece.len();
        if length > limits::BATCH_BYTES {
            return Err(Refused::too_large());
        }
        if length > bytes.capacity() {
            // The buffer doubles when it grows.
            let capacity = length.max(bytes.capacity() * 2);
            room.grow_to(capacity + OVERHEAD).await?;
            bytes.reserve(capacity - bytes.len());
        }
        bytes.extend_from_slice(&piece);
    }
}

/// Reads the rest of a refused body for a second at most. An HTTP/1.1 client that is still sending would lose the
/// response with the connection. A client with `Expect` or HTTP/2 receives the response at once.
pub(crate) async fn drain(version: Version, headers: &HeaderMap, body: &mut Body) {
    if version <= Version::HTTP_11 && !headers.contains_key(header::EXPECT) {
        let _ = timeout(DISCARD, discard(body)).await;
    }
}

async fn discard(body: &mut Body) {
    let mut left = limits::BATCH_BYTES;
    while let Some(Ok(piece)) = body.frame().await {
        left = left.saturating_sub(piece.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            return;
        }
    }
}
