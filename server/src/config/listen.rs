//! Where the server listens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::Args;

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

    /// A web origin whose pages may call the HTTP API, such as https://ops.example.com;
    /// may be given several times; * is any. GET /logs and /historical-logs are open to
    /// every origin in any case.
    #[arg(long, env = "LOGBOOM_CORS_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub cors_origin: Vec<String>,
}

/// Where OpenTelemetry looks for gRPC.
pub(crate) const DEFAULT_GRPC: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4317);

impl ListenOptions {
    /// The addresses that other machines can reach.
    pub(crate) fn exposed(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        std::iter::once(&self.listen).chain(&self.grpc_listen).copied().filter(|addr| !addr.ip().is_loopback())
    }
}
