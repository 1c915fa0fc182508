//! All listeners of the server or of an agent: bound from the options, and served until the stop.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use axum::Router;
use pipeline::{Supervisor, admit::Ingest};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    callers::Callers,
    config::{DEFAULT_GRPC, DEFAULT_OTLP, ReceiveOptions},
    fallback::with_fallbacks,
    listen::Listener,
    snippets::DoorAddresses,
    streams::{self, Distributor},
};

/// What is served where.
pub(crate) struct Routers {
    /// Complete, with the fallbacks.
    pub main: Router,
    pub grpc: Router,
    pub otlp: Router,
}

/// The running listeners.
pub(crate) struct Listeners {
    pub addresses: Addresses,
    servers: JoinSet<()>,
}

/// What answers where.
pub(crate) struct Addresses {
    pub main: SocketAddr,
    pub grpc: Vec<SocketAddr>,
    pub otlp: Vec<SocketAddr>,
    pub doors: Vec<(&'static str, SocketAddr)>,
}

impl Listeners {
    /// Binds all addresses, then serves them until `stop`.
    ///
    /// # Errors
    /// An address cannot be bound.
    pub(crate) async fn start(
        options: &ReceiveOptions,
        routers: Routers,
        keep_packets: bool,
        ingest: &Ingest,
        supervisor: &Supervisor,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let max_connections = options.limits.max_connections;
        let callers = Arc::new(Callers::new(&options.listen.public_url, &options.listen.cors_origin));
        let main = Listener::bind(options.listen.listen, routers.main, Arc::clone(&callers), max_connections).await?;
        let decoding = streams::Decoding { assume_timezone: options.assume_timezone, keep_packets };
        let doors = streams::Doors::bind(&options.streams.doors, decoding, max_connections, ingest).await?;
        let mut addresses =
            Addresses { main: main.address()?, grpc: Vec::new(), otlp: Vec::new(), doors: doors.addresses()? };
        let mut servers = JoinSet::new();
        servers.spawn(main.serve(format!("http {}", addresses.main), supervisor.clone(), stop.clone()));
        let grpc_alone = with_fallbacks(Router::new(), routers.grpc, None);
        let otlp_alone = with_fallbacks(routers.otlp, Router::new(), None);
        for (asked, default, name, router, bound) in [
            (&options.listen.grpc_listen, DEFAULT_GRPC, "gRPC", grpc_alone, &mut addresses.grpc),
            (&options.listen.otlp_listen, DEFAULT_OTLP, "OTLP over HTTP", otlp_alone, &mut addresses.otlp),
        ] {
            for listener in more_listeners(asked, default, name, &router, &callers, options).await? {
                let address = listener.address()?;
                bound.push(address);
                let task = format!("{} {address}", name.to_lowercase());
                servers.spawn(listener.serve(task, supervisor.clone(), stop.clone()));
            }
        }
        if let (Some(address), Some(listening)) = (options.streams.distributor.clone(), addresses.of_doors().tcp) {
            let distributor = Distributor { address, advertise: options.streams.advertise.clone(), listening };
            let (supervisor, stop) = (supervisor.clone(), stop.clone());
            servers.spawn(async move {
                let register = || streams::register(distributor.clone(), stop.clone());
                supervisor.run("distributor", &stop, register).await;
            });
        }
        doors.serve(&mut servers, supervisor, stop);
        Ok(Self { addresses, servers })
    }

    /// Completes when all have ended, after the stop.
    pub(crate) async fn ended(&mut self) {
        while self.servers.join_next().await.is_some() {}
    }
}

impl Addresses {
    /// The addresses of the doors that snippets name.
    pub(crate) fn of_doors(&self) -> DoorAddresses {
        let door = |wanted| self.doors.iter().find(|(name, _)| *name == wanted).map(|(_, address)| *address);
        DoorAddresses {
            // Both answer on the main port, too.
            grpc: Some(self.grpc.first().copied().unwrap_or(self.main)),
            otlp: Some(self.otlp.first().copied().unwrap_or(self.main)),
            tcp: door("tcp"),
            syslog: door("syslog"),
            gelf: door("gelf"),
            fluent: door("fluent"),
        }
    }
}

/// Listeners beside the main one. One that was asked for must work; the default one is a
/// convenience, and its port may be another collector's.
async fn more_listeners(
    asked: &[SocketAddr],
    default: SocketAddr,
    name: &str,
    router: &Router,
    callers: &Arc<Callers>,
    options: &ReceiveOptions,
) -> anyhow::Result<Vec<Listener>> {
    let max_connections = options.limits.max_connections;
    if asked.is_empty() {
        return Ok(match Listener::bind(default, router.clone(), Arc::clone(callers), max_connections).await {
            Ok(listener) => vec![listener],
            Err(error) => {
                tracing::warn!("{error:#}; {name} answers on {} alone", options.listen.listen);
                Vec::new()
            }
        });
    }
    let mut listeners = Vec::new();
    for address in asked {
        let bound = Listener::bind(*address, router.clone(), Arc::clone(callers), max_connections).await;
        listeners.push(bound.with_context(|| name.to_owned())?);
    }
    Ok(listeners)
}

/// Warns of each address that other machines can reach.
pub(crate) fn warn_if_exposed(options: &ReceiveOptions) {
    for exposed in options.listen.exposed().chain(options.streams.exposed()) {
        tracing::warn!(
            "{exposed} can be reached from other machines and there is no access control: \
             anyone there can read and write every log; listen on 127.0.0.1 behind a proxy that checks who comes"
        );
    }
}
