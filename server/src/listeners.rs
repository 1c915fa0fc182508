//! All listeners of the server or of an agent: bound from the options, and served until the stop.

use std::{net::SocketAddr, sync::Arc};

use access::Access;
use anyhow::Context as _;
use axum::Router;
use pipeline::{Supervisor, admit::Ingest};
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    audit::Audit,
    callers::Callers,
    config::{DEFAULT_GRPC, DEFAULT_OTLP, ReceiveOptions},
    fallback::with_fallbacks,
    gate::{Gate, Routes, Table},
    listen::{End, Listener},
    snippets::DoorAddresses,
    sockets::{GRPC, HTTP, OTLP, REDIRECT, Sockets},
    streams::{self, Distributor, StreamAddress},
    tls::{Redirect, Tls},
};

/// What is served where.
pub(crate) struct Routers {
    /// The main port: everything.
    main: Router,
    /// Ports for gRPC alone.
    grpc: Router,
    /// Ports for OTLP over HTTP alone.
    otlp: Router,
    /// What each call needs.
    table: Table,
}

impl Routers {
    /// `main` are the routes of the main port besides gRPC. `page` answers browsers at unknown addresses.
    pub(crate) fn new(main: Routes, grpc: Routes, otlp: Routes, page: Option<Router>) -> Self {
        let (main, needs) = main.into_parts();
        let (grpc, of_grpc) = grpc.into_parts();
        // The main port has them, too.
        let (otlp, of_otlp) = otlp.into_parts();
        Self {
            main: with_fallbacks(main, grpc.clone(), page),
            grpc: with_fallbacks(Router::new(), grpc, None),
            otlp: with_fallbacks(otlp, Router::new(), None),
            table: Table::new(needs.into_iter().chain(of_grpc).chain(of_otlp)),
        }
    }
}

/// What the listeners work on.
pub(crate) struct Serving<'a> {
    pub routers: Routers,
    pub access: Access,
    /// Where refusals are noted.
    pub audit: Audit,
    pub ingest: &'a Ingest,
    /// Whether records of the door for JSON over TCP keep their packets as an attribute.
    pub keep_packets: bool,
}

/// The running listeners.
pub(crate) struct Listeners {
    pub addresses: Addresses,
    pub gate: Arc<Gate>,
    servers: JoinSet<()>,
}

/// What answers where.
pub(crate) struct Addresses {
    pub main: SocketAddr,
    pub grpc: Vec<SocketAddr>,
    pub otlp: Vec<SocketAddr>,
    pub doors: Vec<(&'static str, StreamAddress)>,
    /// The names of the doors whose clients have to prove a secret.
    pub with_secret: Vec<&'static str>,
    /// The certificate, if the addresses for HTTP and gRPC speak TLS.
    pub tls: Option<Tls>,
}

/// Checks the options before anything else is opened.
///
/// # Errors
/// Options contradict each other, or the certificate or the key cannot be used.
pub(crate) fn check(options: &ReceiveOptions) -> anyhow::Result<()> {
    options.check()?;
    Tls::check(&options.tls)
}

impl Listeners {
    /// Binds all addresses, or takes their inherited sockets, then serves them until `end`.
    ///
    /// # Errors
    /// An address cannot be bound, or was not inherited; the certificate cannot be used.
    pub(crate) async fn start(
        options: &ReceiveOptions,
        sockets: &Sockets,
        serving: Serving<'_>,
        supervisor: &Supervisor,
        end: &End,
    ) -> anyhow::Result<Self> {
        let Serving { routers, access, audit, ingest, keep_packets } = serving;
        let max_connections = options.limits.max_connections;
        let callers = Arc::new(Callers::new(&options.listen.public_url, &options.listen.cors_origin));
        let main = sockets.tcp(HTTP, options.listen.listen).await?;
        let tls = Tls::open(&options.tls)?;
        let public = options.listen.public_url.iter().map(ToString::to_string).collect();
        let gate = Gate::new(access.clone(), routers.table, public, options.is_exposed());
        let gate = Arc::new(gate.with_audit(audit.clone()));
        let listener = |listener, router| {
            let (callers, gate) = (Arc::clone(&callers), Arc::clone(&gate));
            Listener::new(listener, router, callers, gate, max_connections).with_tls(tls.as_ref())
        };
        let main = listener(main, routers.main);
        let decoding = streams::Decoding { assume_timezone: options.assume_timezone, keep_packets };
        let doors = &options.streams.doors;
        let who = (&access, &audit);
        let doors = streams::Doors::bind(doors, sockets, decoding, max_connections, ingest, who, tls.as_ref()).await?;
        let mut addresses = Addresses {
            main: main.address()?,
            grpc: Vec::new(),
            otlp: Vec::new(),
            doors: doors.addresses()?,
            with_secret: doors.with_secret(),
            tls: tls.clone(),
        };
        let mut servers = JoinSet::new();
        if let Some(tls) = &tls {
            tls.watch(supervisor, &end.accepting);
        }
        if let Some(asked) = options.tls.http_redirect {
            let listener = sockets.tcp(REDIRECT, asked).await?;
            let redirect = Redirect::new(listener, Arc::clone(&callers), addresses.main, max_connections);
            let task = format!("{REDIRECT} {}", redirect.address()?);
            servers.spawn(redirect.serve(task, supervisor.clone(), end.clone()));
        }
        servers.spawn(main.serve(format!("http {}", addresses.main), supervisor.clone(), end.clone()));
        for (asked, default, name, router, bound) in [
            (&options.listen.grpc_listen, DEFAULT_GRPC, GRPC, routers.grpc, &mut addresses.grpc),
            (&options.listen.otlp_listen, DEFAULT_OTLP, OTLP, routers.otlp, &mut addresses.otlp),
        ] {
            for socket in beside(sockets, name, asked, default, options.listen.listen).await? {
                let listener = listener(socket, router.clone());
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
        Ok(Self { addresses, gate, servers })
    }

    /// Completes when all have ended, after the end of serving.
    pub(crate) async fn ended(&mut self) {
        while self.servers.join_next().await.is_some() {}
    }
}

impl Addresses {
    /// The URL by which this machine reaches a path on the main port.
    pub(crate) fn url(&self, path: &str) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let (ip, port) = (self.main.ip(), self.main.port());
        if ip.is_unspecified() {
            return format!("{scheme}://127.0.0.1:{port}{path}");
        }
        format!("{scheme}://{}{path}", self.main)
    }

    /// The addresses of the doors that snippets name.
    pub(crate) fn of_doors(&self) -> DoorAddresses {
        // The snippets of these doors send without TLS.
        let door = |wanted| {
            let found = self.doors.iter().find(|(name, listening)| *name == wanted && !listening.tls);
            found.map(|(_, listening)| listening.address)
        };
        DoorAddresses {
            // Both answer on the main port, too.
            grpc: Some(self.grpc.first().copied().unwrap_or(self.main)),
            otlp: Some(self.otlp.first().copied().unwrap_or(self.main)),
            tcp: door("tcp"),
            syslog: door("syslog"),
            gelf: door("gelf"),
            fluent: door("fluent"),
            tls: self.tls.is_some(),
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
