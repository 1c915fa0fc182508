//! Where the server listens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::Args;

use crate::{callers::Origin, streams::StreamDoors};

/// Where the server listens, and whom it lets in.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Listening")]
pub(crate) struct ListenOptions {
    /// The dashboard, the HTTP doors, health, metrics and gRPC.
    #[arg(long, env = "LOGBOOM_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,

    /// One more address for gRPC alone; may be given several times, or as a list with
    /// commas. [default: 127.0.0.1:4317, where OpenTelemetry looks, if it is free]
    #[arg(long, env = "LOGBOOM_GRPC_LISTEN", value_name = "ADDR", value_delimiter = ',')]
    pub grpc_listen: Vec<SocketAddr>,

    /// One more address for OTLP over HTTP alone; may be given several times. [default:
    /// 127.0.0.1:4318, where OpenTelemetry looks, if it is free]
    #[arg(long, env = "LOGBOOM_OTLP_LISTEN", value_name = "ADDR", value_delimiter = ',')]
    pub otlp_listen: Vec<SocketAddr>,

    /// Where browsers reach this server, such as https://logs.example.com, if it has a public
    /// name; may be given several times. Without it, it is reached by IP addresses, by names
    /// without a dot, and by names under .internal, .local, .svc, .home.arpa and .localhost.
    #[arg(long, env = "LOGBOOM_PUBLIC_URL", value_name = "URL", value_delimiter = ',')]
    pub public_url: Vec<Origin>,

    /// A web origin whose pages may call this server, such as https://ops.example.com; may be
    /// given several times. Pages of localhost may in any case.
    #[arg(long, env = "LOGBOOM_CORS_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub cors_origin: Vec<Origin>,
}

/// Where OpenTelemetry looks for gRPC, and for HTTP.
pub(crate) const DEFAULT_GRPC: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4317);
pub(crate) const DEFAULT_OTLP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4318);

/// Doors that are no HTTP. They cannot tell a client that a record is durable, save
/// Fluentd's, where the client asks for it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Other doors, each off until it is given an address")]
pub(crate) struct StreamOptions {
    #[command(flatten)]
    pub doors: StreamDoors,

    /// A distributor that tells services where the port of --tcp-listen is; registered with
    /// again every 3 s while it is away.
    #[arg(long, env = "LOGBOOM_DISTRIBUTOR", value_name = "HOST:PORT", requires = "tcp_listen")]
    pub distributor: Option<String>,

    /// The host that services are told by the distributor, where it is not the one that the
    /// registration comes from.
    #[arg(long, env = "LOGBOOM_ADVERTISE", value_name = "HOST", requires = "distributor")]
    pub advertise: Option<String>,
}

impl ListenOptions {
    /// The addresses that other machines can reach.
    pub(crate) fn exposed(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        std::iter::once(&self.listen).chain(&self.grpc_listen).chain(&self.otlp_listen).copied().filter(is_exposed)
    }
}

impl StreamOptions {
    /// The addresses that other machines can reach.
    pub(crate) fn exposed(&self) -> impl Iterator<Item = SocketAddr> + use<> {
        self.doors.addresses().into_iter().filter(is_exposed)
    }
}

fn is_exposed(address: &SocketAddr) -> bool {
    !address.ip().is_loopback()
}
