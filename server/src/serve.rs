//! `logboom serve`: puts the parts together, runs them, and takes them down in order.

use std::{
    io::Write as _,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::Context as _;
use pipeline::{
    Supervisor,
    admit::{Ingest, IngestOptions},
    clock::Clock,
    consume, follow,
    live::{LiveHub, LiveOptions},
    normalise::Normaliser,
};
use reading::{Figures, Letters, Parts, Reader, Transfer, Views};
use tokio_util::sync::CancellationToken;

use crate::{
    config::ServeOptions,
    dashboard::Reading,
    engines,
    engines::Engines,
    fallback::with_fallbacks,
    forwarding, grpc, http,
    listeners::{Addresses, Listeners, Routers, warn_if_exposed},
    shutdown,
    site::{self, Site},
    telemetry,
};

/// How long requests in flight, and then the engines, may take to finish.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until a signal, then drains.
pub(crate) async fn run(options: ServeOptions) -> anyhow::Result<()> {
    let metrics = telemetry::metrics()?;
    let supervisor = Supervisor::default();
    let site = Arc::new(load_site(options.site.clone())?);
    let Engines { queue, store, documents, sinks } = tokio::select! {
        engines = engines::open(&options.engines, &options.retention, &supervisor) => engines?,
        signal = shutdown::requested() => {
            tracing::info!("{signal} before the engines were ready");
            return Ok(());
        }
    };

    let definitions = forwarding::definitions(&options.sinks.sinks, &sinks)?;
    let keep_packets = definitions.iter().any(sinks::Definition::wants_packets);
    let store_id = follow::store_id(&*documents).await?;

    let ingest = Ingest::start(Arc::clone(&queue), ingest_options(&options, &supervisor, store_id.clone()));
    let hub_stop = CancellationToken::new();
    let live_options =
        LiveOptions { subscriptions: options.max_tails, supervisor: supervisor.clone(), ..LiveOptions::default() };
    let live = LiveHub::start_with(store.clone(), hub_stop, live_options);
    let consume_stop = CancellationToken::new();
    let consuming = consume::run(Arc::clone(&queue), store.clone(), consume_stop.clone(), supervisor.clone());
    let consumer = tokio::spawn(consuming);

    let clock = reading::Clock { clock: Clock::system(), assume_timezone: options.receive.assume_timezone };
    let reader = Reader::new(store.clone(), clock.clone());
    let recent = options.recent as usize;
    let figures = Figures::new(
        reader.clone(),
        Arc::clone(&queue),
        store.clone(),
        Arc::clone(&live),
        options.retention.described(),
    );
    let letters = Letters::new(store.clone(), ingest.clone(), clock, options.retention.dead_letters());
    let parts = Parts::new(store.clone());
    let views = Views::new(Arc::clone(&documents));
    let transfer = Transfer::new(Arc::clone(&documents));
    let follow_options = follow::Options {
        store: store.clone(),
        documents,
        live: Arc::clone(&live),
        supervisor: supervisor.clone(),
        clock: Clock::system(),
        holder: pipeline::holder(),
        retention: options.retention.retention,
    };
    let listening =
        options.receive.listen.addresses().chain(options.receive.streams.doors.addresses()).collect::<Vec<_>>();
    let followers = forwarding::start(definitions, &store_id, &listening, &follow_options).await?;
    let state = http::State {
        ingest: http::IngestState { ingest: ingest.clone(), repetitions: Arc::default() },
        reading: http::ReadingState {
            reader: reader.clone(),
            views: views.clone(),
            transfer,
            live: Arc::clone(&live),
            recent,
        },
        operation: http::OperationState {
            figures: figures.clone(),
            letters: letters.clone(),
            parts: parts.clone(),
            followers: Arc::clone(&followers),
            live: Arc::clone(&live),
            queue: Arc::clone(&queue),
            store: store.clone(),
            metrics,
            supervisor: supervisor.clone(),
        },
    };
    let doors_known = Arc::new(OnceLock::new());
    let site_path = app::SitePath(format!("/v/{}", site.version()));
    let dashboard = app::dashboard(
        Arc::new(Reading {
            reader,
            figures,
            letters,
            parts,
            views,
            followers: Arc::clone(&followers),
            supervisor: supervisor.clone(),
            recent,
            doors: Arc::clone(&doors_known),
            patience: options.search_patience,
        }),
        site_path,
        options.receive.listen.listen,
    );
    let stop = CancellationToken::new();
    let grpc_routes = grpc::routes(&ingest, &stop)?;
    let otlp_routes = http::otlp_routes(state.ingest.clone());
    let router = http::routes(state)
        .merge(site::routes(Arc::clone(&site)))
        .merge(dashboard.routes.layer(axum::middleware::from_fn(http::write::handshake)));
    let router = with_fallbacks(router, grpc_routes.clone(), Some(dashboard.not_found));

    let mut listeners = Listeners::start(
        &options.receive,
        Routers { main: router, grpc: grpc_routes, otlp: otlp_routes },
        keep_packets,
        &ingest,
        &supervisor,
        &stop,
    )
    .await?;
    let _ = doors_known.set(listeners.addresses.of_doors());
    announce(&options, &listeners.addresses, &queue.status().engine, &store.status().engine, &site);

    let signal = shutdown::requested().await;
    tracing::info!("{signal}: finishing what is in flight, within {} s", DRAIN.as_secs());
    // The tails first: they never end by themselves. Then the doors, then what the doors
    // handed on, then the stage behind the queue, and the engines last.
    live.close();
    stop.cancel();
    let drained = tokio::time::timeout(DRAIN, async {
        listeners.ended().await;
        ingest.close().await;
        consume_stop.cancel();
        let _ = consumer.await;
        followers.close().await;
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

fn ingest_options(options: &ServeOptions, supervisor: &Supervisor, store_id: String) -> IngestOptions {
    // Without it, records of any age are taken.
    let oldest = options.retention.retention;
    IngestOptions {
        normaliser: Normaliser { assume_timezone: options.receive.assume_timezone, oldest },
        in_flight_records: options.receive.limits.max_in_flight,
        body_bytes: usize::try_from(options.receive.limits.body_memory.as_u64()).unwrap_or(usize::MAX),
        store_id: Some(store_id),
        supervisor: supervisor.clone(),
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
fn announce(options: &ServeOptions, addresses: &Addresses, queue: &str, store: &str, site: &Site) {
    let listed = |more: &[SocketAddr]| {
        let all: Vec<String> = std::iter::once(&addresses.main).chain(more).map(SocketAddr::to_string).collect();
        all.join(", ")
    };
    let address = addresses.main;
    let mut text = format!(
        "\n  Logboom {} is ready\n\n  dashboard  http://{address}/\n  gRPC       {}\n  OTLP/HTTP  {}\n",
        env!("CARGO_PKG_VERSION"),
        listed(&addresses.grpc),
        listed(&addresses.otlp),
    );
    let mut line = |name: &str, value: &str| text.push_str(&format!("  {name:<10} {value}\n"));
    for (name, address) in &addresses.doors {
        line(name, &address.to_string());
    }
    line("queue", queue);
    line("store", store);
    if options.engines.queue == "embedded" || options.engines.store == "embedded" {
        let data = std::path::absolute(&options.engines.data).unwrap_or_else(|_| options.engines.data.clone());
        line("data", &data.display().to_string());
    }
    text.push_str(&format!(
        "\n  a first log:\n    curl {address}/api/v1/push -d '{{\"level\":\"info\",\"service\":\"hello\",\"message\":\"first log\"}}'\n\n"
    ));
    // Where nobody reads stdout, nothing is lost by it.
    let _ = std::io::stdout().write_all(text.as_bytes());
    tracing::info!(%address, queue, store, site = site.version(), "ready");
    warn_if_exposed(&options.receive);
}
