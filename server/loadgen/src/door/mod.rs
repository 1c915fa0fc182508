//! The doors of the server, as clients: send a batch, return its result.

mod carries;
mod http;
mod socket;
mod stream;
mod unary;

use std::{io, time::Duration};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use clap::ValueEnum;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tonic::{
    Code, Status,
    codegen::http::Uri,
    transport::{Channel, Endpoint},
};
use tower::service_fn;
use wire::gathered::Gathered;

pub(crate) use http::HttpDoor;
pub(crate) use socket::SocketDoor;
pub(crate) use stream::stream;
pub(crate) use unary::{UnaryDoor, UnaryMethod};

use crate::manifest::Shape;

/// The door of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Door {
    /// gRPC `logboom.v1.LogService/Stream`: batches in, acknowledgements out.
    Stream,
    /// gRPC `logboom.v1.LogService/Push`: one batch per call.
    Push,
    /// gRPC `LoggerService.Logger/SendLog`: one record per call.
    SendLog,
    /// HTTP `POST /api/v1/push`: JSON lines.
    Http,
    /// gRPC `LogsService/Export`: OTLP.
    Otlp,
    /// HTTP `POST /v1/logs`: OTLP in protobuf.
    OtlpHttp,
    /// HTTP `POST /v1/logs`: OTLP in JSON.
    OtlpJson,
    /// HTTP `POST /_bulk` of Elasticsearch.
    Elastic,
    /// HTTP `POST /loki/api/v1/push` in JSON.
    Loki,
    /// TCP: packets that end with `¶`.
    Packets,
    /// TCP: JSON lines.
    Lines,
    /// TCP: syslog, RFC 5424.
    Syslog,
    /// TCP: GELF.
    Gelf,
    /// TCP: Fluentd's forward protocol, with acknowledgements.
    Forward,
}

/// The protocol of a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Stream,
    Grpc(UnaryMethod),
    /// The path, and the content type.
    Http(&'static str, &'static str),
    /// Whether each parcel is acknowledged.
    Socket {
        answers: bool,
    },
}

impl Door {
    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::SendLog | Self::Syslog => Shape::Line,
            _ => Shape::Full,
        }
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Stream => Kind::Stream,
            Self::Push => Kind::Grpc(UnaryMethod::Push),
            Self::SendLog => Kind::Grpc(UnaryMethod::SendLog),
            Self::Otlp => Kind::Grpc(UnaryMethod::Otlp),
            Self::Http => Kind::Http("api/v1/push", "application/x-ndjson"),
            Self::OtlpHttp => Kind::Http("v1/logs", "application/x-protobuf"),
            Self::OtlpJson => Kind::Http("v1/logs", "application/json"),
            Self::Elastic => Kind::Http("_bulk", "application/x-ndjson"),
            Self::Loki => Kind::Http("loki/api/v1/push", "application/json"),
            Self::Forward => Kind::Socket { answers: true },
            Self::Packets | Self::Lines | Self::Syslog | Self::Gelf => Kind::Socket { answers: false },
        }
    }

    /// Whether a batch carries an id, so that it may be resent after an unknown result. Without an id, it could be
    /// stored twice.
    pub(crate) fn is_repeatable(self) -> bool {
        match self.kind() {
            Kind::Stream | Kind::Http(..) => true,
            Kind::Grpc(method) => method == UnaryMethod::Push,
            Kind::Socket { .. } => false,
        }
    }
}

/// A batch, encoded for its door.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    /// The number of the batch in the run; its id derives from it.
    pub sequence: u64,
    /// The number of its first record.
    pub first: u64,
    pub count: u64,
    pub body: Bytes,
}

/// The result of sending a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Durable, except the records at these places, which were refused.
    Acknowledged { refused: Vec<u32> },
    /// Not accepted now; may be resent after the delay.
    Later { delay: Duration, reason: String },
    /// The connection was lost before a response: it may be stored or not.
    Unknown { reason: String },
    /// Permanently refused.
    Refused { reason: String },
}

impl Fate {
    fn from_status(status: &Status) -> Self {
        let reason = format!("{:?}: {}", status.code(), status.message());
        match status.code() {
            Code::ResourceExhausted => Self::Later { delay: Duration::from_millis(50), reason },
            Code::InvalidArgument
            | Code::Unimplemented
            | Code::OutOfRange
            | Code::Unauthenticated
            | Code::PermissionDenied => Self::Refused { reason },
            _ => Self::Unknown { reason },
        }
    }
}

/// A gRPC channel that connects on first use and reconnects. Writes of concurrent calls are coalesced, so that the
/// loader uses as little CPU as possible.
pub(crate) fn channel(url: &str) -> Result<Channel> {
    let endpoint = Endpoint::from_shared(url.to_owned()).with_context(|| format!("{url} is not a URL"))?;
    Ok(endpoint
        .connect_timeout(Duration::from_secs(5))
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .connect_with_connector_lazy(service_fn(connect)))
}

async fn connect(url: Uri) -> io::Result<TokioIo<Gathered<TcpStream>>> {
    let address = (url.host().unwrap_or("localhost"), url.port_u16().unwrap_or(80));
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(TokioIo::new(Gathered::new(stream)))
}
