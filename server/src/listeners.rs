//! All listeners of the server or of an agent: bound from the options, and served until the stop.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use axum::Router;
use pipeline::{Supervisor, admit::Ingest};
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    callers::Callers,
    config::{DEFAULT_GRPC, DEFAULT_OTLP, ReceiveOptions},
    fallback::with_fallbacks,
    listen::{End, Listener},
    snippets::DoorAddresses,
    sockets::{GRPC, HTTP, OTLP, Sockets},
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
    /// Binds all addresses, or takes their inherited sockets, then serves them until `end`.
    ///
    /// # Errors
    /// An address cannot be bound, or was not inherited.
    pub(crate) async fn start(
        options: &ReceiveOptions,
        sockets: &Sockets,
        routers: Routers,
        keep_packets: bool,
        ingest: &Ingest,
        supervisor: &Supervisor,
        end: &End,
    ) -> anyhow::Result<Self> {
        let max_connections = options.limits.max_connections;
        let callers = Arc::new(Callers::new(&options.listen.public_url, &options.listen.cors_origin));
        let main = sockets.tcp(HTTP, options.listen.listen).await?;
        let main = Listener::new(main, routers.main, Arc::clone(&callers), max_connections);
        let decoding = streams::Decoding { assume_timezone: options.assume_timezone, keep_packets };
        let doors = streams::Doors::bind(&options.streams.doors, sockets, decoding, max_connections, ingest).await?;
        let mut addresses =
            Addresses { main: main.address()?, grpc: Vec::new(), otlp: Vec::new(), doors: doors.addresses()? };
        let mut servers = JoinSet::new();
        servers.spawn(main.serve(format!("http {}", addresses.main), supervisor.clone(), end.clone()));
        let grpc_alone = with_fallbacks(Router::new(), routers.grpc, None);
        let otlp_alone = with_fallbacks(routers.otlp, Router::new(), None);
        for (asked, default, name, router, bound) in [
            (&options.listen.grpc_listen, DEFAULT_GRPC, GRPC, grpc_alone, &mut addresses.grpc),
            (&options.listen.otlp_listen, DEFAULT_OTLP, OTLP, otlp_alone, &mut addresses.otlp),
        ] {
            for listener in beside(sockets, name, asked, default, options.listen.listen).await? {
                let listener = Listener::new(listener, router.clone(), Arc::clone(&callers), max_connections);
                let address = listener.address()?;
                bound.push(address);
                let task = format!("{} {address}", name.to_lowercase());
                servers.spawn(listener.serve(task, supervisor.clone(), end.clone()));
            }
        }
        // With workers, the supervising process registers their common port.
        if !sockets.are_inherited()
            && let (Some(address), Some(listening)) = (options.streams.distributor.clone(), addresses.of_doors().tcp)
        {
            let distributor = Distributor { address, advertise: options.streams.advertise.clone(), listening };
            let (supervisor, stop) = (supervisor.clone(), end.accepting.clone());
            servers.spawn(async move {
                let register = || streams::register(distributor.clone(), stop.clone());
                supervisor.run("distributor", &stop, register).await;
            });
        }
        doors.serve(&mut servers, supervisor, &end.accepting);
        Ok(Self { addresses, servers })
    }

    /// Completes when all have ended, after the end of serving.
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

/// The sockets of listeners beside the main one. One that was asked for must work.
async fn beside(
    sockets: &Sockets,
    protocol: &str,
    asked: &[SocketAddr],
    default: SocketAddr,
    main: SocketAddr,
) -> anyhow::Result<Vec<TcpListener>> {
    if asked.is_empty() {
        return Ok(sockets.default_tcp(protocol, default, main).await.into_iter().collect());
    }
    let mut listeners = Vec::new();
    for address in asked {
        listeners.push(sockets.tcp(protocol, *address).await.with_context(|| protocol.to_owned())?);
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
