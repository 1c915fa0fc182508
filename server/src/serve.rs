//! `logboom serve`: puts the parts together, runs them, and takes them down in order.

use std::{io::Write as _, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::Router;
use pipeline::{
    admit::{Ingest, IngestOptions},
    clock::Clock,
    consume,
    live::{LiveHub, LiveOptions},
    normalise::Normaliser,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{DEFAULT_GRPC, ServeOptions},
    dashboard::Reading,
    engines,
    engines::Engines,
    fallback::finished,
    grpc, http,
    listen::Listener,
    reading::{self, Figures, Letters, Reader, Views},
    shutdown,
    site::{self, Site},
    telemetry,
};

/// How long requests in flight, and then the engines, may take to finish.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until a signal, then drains.
pub(crate) async fn run(options: ServeOptions) -> anyhow::Result<()> {
    let metrics = telemetry::metrics()?;
    let site = Arc::new(load_site(options.site.clone())?);
    let Engines { queue, store } = tokio::select! {
        engines = engines::open(&options.engines, &options.retention) => engines?,
        signal = shutdown::requested() => {
            tracing::info!("{signal} before the engines were ready");
            return Ok(());
        }
    };

    let ingest = Ingest::start(Arc::clone(&queue), ingest_options(&options));
    let hub_stop = CancellationToken::new();
    let live_options = LiveOptions { subscriptions: options.limits.max_tails, ..LiveOptions::default() };
    let live = LiveHub::start_with(Arc::clone(&store), hub_stop, live_options);
    let consume_stop = CancellationToken::new();
    let consumer = tokio::spawn(consume::run(Arc::clone(&queue), Arc::clone(&store), consume_stop.clone()));

    let clock = reading::Clock { clock: Clock::system(), assume_timezone: options.assume_timezone };
    let reader = Reader::new(Arc::clone(&store), clock);
    let recent = options.recent as usize;
    let figures = Figures::new(
        reader.clone(),
        Arc::clone(&queue),
        Arc::clone(&store),
        Arc::clone(&live),
        options.retention.described(),
    );
    let letters = Letters { store: Arc::clone(&store), ingest: ingest.clone() };
    let views = Views { store: Arc::clone(&store) };
    let services = http::Services {
        ingest: ingest.clone(),
        reader: reader.clone(),
        figures: figures.clone(),
        letters: letters.clone(),
        views: views.clone(),
        live: Arc::clone(&live),
        queue: Arc::clone(&queue),
        store: Arc::clone(&store),
        metrics,
        recent,
    };
    let site_path = app::SitePath(format!("/v/{}", site.version()));
    let dashboard = app::dashboard(
        Arc::new(Reading { reader, figures, letters, views, recent, patience: options.search_patience }),
        site_path,
        options.listen.listen,
    );
    let grpc_routes = grpc::routes(&ingest)?;
    let router = http::routes(services, &options.listen.cors_origin)?
        .merge(site::routes(Arc::clone(&site)))
        .merge(dashboard.routes)
        .merge(grpc_routes.clone());

    let max_connections = options.limits.max_connections;
    let main =
        Listener::bind(options.listen.listen, finished(router, Some(dashboard.not_found)), max_connections).await?;
    let address = main.address()?;
    let mut grpc_addresses = Vec::new();
    let stop = CancellationToken::new();
    let mut servers = JoinSet::new();
    servers.spawn(main.serve(stop.clone()));
    for listener in grpc_listeners(&options, &finished(grpc_routes, None), max_connections).await? {
        grpc_addresses.push(listener.address()?);
        servers.spawn(listener.serve(stop.clone()));
    }
    announce(&options, address, &grpc_addresses, &queue.status().engine, &store.status().engine, &site);

    let signal = shutdown::requested().await;
    tracing::info!("{signal}: finishing what is in flight, within {} s", DRAIN.as_secs());
    // The tails first: they never end by themselves. Then the doors, then what the doors
    // handed on, then the stage behind the queue, and the engines last.
    live.close();
    stop.cancel();
    let drained = tokio::time::timeout(DRAIN, async {
        while servers.join_next().await.is_some() {}
        ingest.close().await;
        consume_stop.cancel();
        let _ = consumer.await;
    });
    if drained.await.is_err() {
        tracing::warn!("some requests did not end in time; they are cut off unanswered");
    }
    let closed = tokio::time::timeout(DRAIN, async {
        queue.close().await;
        store.close().await;
    });
    if closed.await.is_err() {
        tracing::warn!("the engines did not close in time; the next start recovers");
    }
    tracing::info!("stopped");
    Ok(())
}

/// The listeners for gRPC alone. One that was asked for must work; the default one is a
/// convenience, and its port may be another collector's.
async fn grpc_listeners(
    options: &ServeOptions,
    router: &Router,
    max_connections: usize,
) -> anyhow::Result<Vec<Listener>> {
    let asked = &options.listen.grpc_listen;
    if asked.is_empty() {
        return Ok(match Listener::bind(DEFAULT_GRPC, router.clone(), max_connections).await {
            Ok(listener) => vec![listener],
            Err(error) => {
                tracing::warn!("{error:#}; gRPC answers on {} alone", options.listen.listen);
                Vec::new()
            }
        });
    }
    let mut listeners = Vec::new();
    for addr in asked {
        listeners.push(Listener::bind(*addr, router.clone(), max_connections).await.context("--grpc-listen")?);
    }
    Ok(listeners)
}

fn ingest_options(options: &ServeOptions) -> IngestOptions {
    // Without it, records of any age are taken.
    let oldest = options.retention.retention;
    IngestOptions {
        normaliser: Normaliser { assume_timezone: options.assume_timezone, oldest },
        in_flight_records: options.limits.max_in_flight,
        ..IngestOptions::default()
    }
}

#[cfg(feature = "embed-site")]
fn load_site(_: Option<PathBuf>) -> anyhow::Result<Site> {
    Ok(Site::embedded())
}

#[cfg(not(feature = "embed-site"))]
fn load_site(folder: Option<PathBuf>) -> anyhow::Result<Site> {
    // `cargo leptos` tells the folder it has written by its own variable.
    let folder = folder
        .or_else(|| std::env::var_os("LEPTOS_SITE_ROOT").map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from("target/site"));
    let site = Site::in_folder(&folder).with_context(|| format!("the dashboard's files in {}", folder.display()))?;
    if !site.has_program() {
        tracing::warn!("no dashboard in {}: pages will not come alive; make serve builds it", folder.display());
    }
    Ok(site)
}

/// Says where to go from here.
fn announce(options: &ServeOptions, address: SocketAddr, grpc: &[SocketAddr], queue: &str, store: &str, site: &Site) {
    let grpc: Vec<String> = std::iter::once(&address).chain(grpc).map(SocketAddr::to_string).collect();
    let data = std::path::absolute(&options.engines.data).unwrap_or_else(|_| options.engines.data.clone());
    let embedded = options.engines.queue == "embedded" || options.engines.store == "embedded";
    let mut text = format!(
        "\n  Logboom {} is ready\n\n  dashboard  http://{address}/\n  gRPC       {}\n  queue      {queue}\n  store      {store}\n",
        env!("CARGO_PKG_VERSION"),
        grpc.join(", "),
    );
    if embedded {
        text.push_str(&format!("  data       {}\n", data.display()));
    }
    text.push_str(&format!(
        "\n  a first log:\n    curl {address}/api/v1/push -d '{{\"level\":\"info\",\"service\":\"hello\",\"message\":\"first log\"}}'\n\n"
    ));
    // Where nobody reads stdout, nothing is lost by it.
    let _ = std::io::stdout().write_all(text.as_bytes());
    tracing::info!(%address, queue, store, site = site.version(), "ready");
    for exposed in options.listen.exposed() {
        tracing::warn!(
            "{exposed} can be reached from other machines and there is no access control: \
             anyone there can read and write every log; listen on 127.0.0.1 behind a proxy that checks who comes"
        );
    }
}
