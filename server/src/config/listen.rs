//! Listen addresses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::Args;

use crate::{callers::Origin, streams::StreamDoors};

/// Listen addresses, and origins of web pages with access.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Listening")]
pub(crate) struct ListenOptions {
    /// The address of the dashboard (an agent's: its status page), the HTTP doors, health, metrics and gRPC.
    #[arg(long, env = "LOGBOOM_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,

    /// An additional address for gRPC only; may be given several times, or as a comma-separated list. [default:
    /// 127.0.0.1:4317, the OpenTelemetry default, if it is free]
    #[arg(long, env = "LOGBOOM_GRPC_LISTEN", value_name = "ADDR", value_delimiter = ',')]
    pub grpc_listen: Vec<SocketAddr>,

    /// An additional address for OTLP over HTTP only; may be given several times. [default: 127.0.0.1:4318, the
    /// OpenTelemetry default, if it is free]
    #[arg(long, env = "LOGBOOM_OTLP_LISTEN", value_name = "ADDR", value_delimiter = ',')]
    pub otlp_listen: Vec<SocketAddr>,

    /// The public URL of this server, such as https://logs.example.com, if it has one; may be given several times.
    /// Without it, browsers reach the server by IP addresses, by names without a dot, and by names under .internal,
    /// .local, .svc, .home.arpa and .localhost.
    #[arg(long, env = "LOGBOOM_PUBLIC_URL", value_name = "URL", value_delimiter = ',')]
    pub public_url: Vec<Origin>,

    /// A web origin whose pages may call this server, such as https://ops.example.com; may be given several times.
    /// Pages of localhost may, too, as long as everybody may (see Access).
    #[arg(long, env = "LOGBOOM_CORS_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub cors_origin: Vec<Origin>,
}

/// The default ports of OpenTelemetry for gRPC and HTTP.
pub(crate) const DEFAULT_GRPC: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4317);
pub(crate) const DEFAULT_OTLP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4318);

/// Doors other than HTTP and gRPC. They cannot confirm to a client that a record is durable, except Fluentd's, if the
/// client requests it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Other doors, each off until it is given an address")]
pub(crate) struct StreamOptions {
    #[command(flatten)]
    pub doors: StreamDoors,

    /// A distributor that announces the port of --tcp-listen to services; the registration is retried every 3 s.
    #[arg(long, env = "LOGBOOM_DISTRIBUTOR", value_name = "HOST:PORT", requires = "tcp_listen")]
    pub distributor: Option<String>,

    /// The host that the distributor announces, if it differs from the source address of the registration.
    #[arg(long, env = "LOGBOOM_ADVERTISE", value_name = "HOST", requires = "distributor")]
    pub advertise: Option<String>,
}

impl ListenOptions {
    /// All addresses, the default ones included.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        let or_default =
            |asked: &'_ [SocketAddr], default| if asked.is_empty() { vec![default] } else { asked.to_vec() };
        let more = [or_default(&self.grpc_listen, DEFAULT_GRPC), or_default(&self.otlp_listen, DEFAULT_OTLP)];
        std::iter::once(self.listen).chain(more.into_iter().flatten())
    }

    /// Whether a public URL is one of HTTPS.
    pub(crate) fn has_https_url(&self) -> bool {
        self.public_url.iter().any(|origin| origin.to_string().starts_with("https://"))
    }

    /// The addresses that are reachable from other machines.
    pub(crate) fn exposed(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        std::iter::once(&self.listen).chain(&self.grpc_listen).chain(&self.otlp_listen).copied().filter(is_exposed)
    }
}

impl StreamOptions {
    /// The addresses that are reachable from other machines.
    pub(crate) fn exposed(&self) -> impl Iterator<Item = SocketAddr> + use<> {
        self.doors.addresses().into_iter().filter(is_exposed)
    }
}

fn is_exposed(address: &SocketAddr) -> bool {
    !address.ip().is_loopback()
}
