//! The doors of the server as the loader sees them: send one parcel, learn its fate.

mod codec;
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

/// Which door a run goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Door {
    /// gRPC `logboom.v1.LogService/Stream`: batches in, acknowledgements out.
    Stream,
    /// gRPC `logboom.v1.LogService/Push`: a batch a call.
    Push,
    /// gRPC `LoggerService.Logger/SendLog`: a record a call.
    SendLog,
    /// HTTP `POST /api/v1/push`: JSON lines.
    Http,
    /// gRPC `LogsService/Export`: OTLP.
    Otlp,
    /// HTTP `POST /v1/logs`: OTLP in protobuf.
    OtlpHttp,
    /// HTTP `POST /v1/logs`: OTLP in JSON.
    OtlpJson,
    /// HTTP `POST /_bulk`, as Elasticsearch has it.
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

/// How a door is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Stream,
    Grpc(UnaryMethod),
    /// The path, and the content type.
    Http(&'static str, &'static str),
    /// Whether each parcel is answered.
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

    /// Whether a batch carries an identifier, so that it may be sent again when its fate is
    /// unknown: without one, that could store it twice.
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
    /// Which batch of the run; also what its identifier is made of.
    pub sequence: u64,
    /// The number of its first record.
    pub first: u64,
    pub count: u64,
    pub body: Bytes,
}

/// What became of a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Durable, save the records at these places, which were refused.
    Acknowledged { refused: Vec<u32> },
    /// Not accepted now; may be sent again after the delay.
    Later { delay: Duration, reason: String },
    /// The connection was lost before an answer: it may be stored or not.
    Unknown { reason: String },
    /// Never accepted as it is.
    Refused { reason: String },
}

impl Fate {
    fn from_status(status: &Status) -> Self {
        let reason = format!("{:?}: {}", status.code(), status.message());
        match status.code() {
            Code::ResourceExhausted => Self::Later { delay: Duration::from_millis(50), reason },
            Code::InvalidArgument | Code::Unimplemented | Code::OutOfRange | Code::Unauthenticated => {
                Self::Refused { reason }
            }
            _ => Self::Unknown { reason },
        }
    }
}

/// A gRPC channel, that connects when it is first used and again whenever it was cut. Calls
/// that are made together are written together, so that the loader takes no more of the
/// machine than it has to.
pub(crate) fn channel(url: &str) -> Result<Channel> {
    let endpoint = Endpoint::from_shared(url.to_owned()).with_context(|| format!("{url} is no URL"))?;
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
