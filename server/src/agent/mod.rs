//! `logboom agent`: takes records by every door, keeps them in the embedded queue, and relays them. It has no store and
//! no dashboard.
//!
//! | file | content |
//! |---|---|
//! | `check` | `logboom agent check` |
//! | `checkpoints` | how far the sources of an input were read |
//! | `destinations` | what `--to` means |
//! | `docker` | the input `--docker` |
//! | `files` | the inputs `--file` and `--kubernetes` |
//! | `health` | the state as JSON, for `/healthz` and `check` |
//! | `inputs` | starts the inputs, and looks at what they would read |
//! | `journal` | the input `--journald` |
//! | `page` | the status page |
//! | `pods` | metadata of pods from the API server of Kubernetes, for `--kubernetes` |
//! | `records` | records from the texts of a file or a container |
//! | `routes` | `/`, `/healthz`, `/readyz`, `/metrics` |
//! | `status` | the state of the inputs |
//! | `window` | what an input received and has not sent yet |

pub(crate) mod check;
mod checkpoints;
pub(crate) mod destinations;
mod docker;
mod files;
mod health;
mod inputs;
mod journal;
mod page;
#[cfg(test)]
mod panics;
mod pods;
mod records;
mod routes;
mod status;
mod window;

use std::{io::Write as _, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use pipeline::{
    Queue, Supervisor,
    admit::{Ingest, IngestOptions},
    clock::Clock,
    normalise::Normaliser,
    relay::{self, FreshShare, Progress, Relay, Waiting},
};

use self::{inputs::Context as InputContext, status::Inputs};
use crate::{
    config::{AgentOptions, BacklogOption},
    fallback::with_fallbacks,
    grpc, http,
    listen::End,
    listeners::{Addresses, Listeners, Routers, warn_if_exposed},
    shutdown,
    sockets::Sockets,
    systemd, telemetry,
};

/// How long requests in flight, and then the queue, may take to finish.
const DRAIN: Duration = Duration::from_secs(10);

/// Runs until a signal, then finishes what is in flight. What waits to be delivered stays on disk.
pub(crate) async fn run(options: AgentOptions) -> anyhow::Result<()> {
    inputs::validate(&options.inputs)?;
    let metrics = telemetry::metrics(None)?;
    pipeline::events::describe_relay();
    let supervisor = Supervisor::default();
    let receive = &options.receive;
    let listening = receive.listen.addresses().chain(receive.streams.doors.addresses()).collect::<Vec<_>>();
    let urls: Vec<&str> = options.to.iter().map(|to| to.0.as_str()).collect();
    let definitions = destinations::definitions(&urls, &listening).await?;
    let keep_packets = definitions.iter().any(sinks::Definition::wants_packets);

    let data = || format!("--data {}", options.data.display());
    let queue = engine_embedded::open_relay_queue(&options.data, options.max_disk.as_u64(), &supervisor)
        .await
        .with_context(data)?;
    let mut progress = Progress::open(options.data.join("queue/relay.json")).await.with_context(data)?;
    progress.fit(queue.last());
    let id = progress.id().to_owned();
    let waiting = Arc::new(Waiting::new(Arc::clone(&queue) as Arc<dyn Queue>, when_full(&options)));
    let (held, settled, last) = (Arc::clone(&queue), progress.settled(), queue.last());
    let backlog: relay::Backlog = Arc::new(move || {
        let held = Arc::clone(&held);
        Box::pin(async move {
            let held = held.count(settled, last).await?;
            Ok((held.records, held.bytes))
        })
    });
    let fresh = has_fresh_share(options.backlog, &definitions)?.then(|| fresh_share(&queue));
    let relay = Arc::new(Relay::start(relay::Options {
        queue: Arc::clone(&waiting),
        backlog,
        progress,
        destinations: definitions.into_iter().map(|definition| destinations::destination(definition, &id)).collect(),
        when_full: options.when_full.into(),
        fresh,
        refused: options.data.join("refused.ndjson"),
        clock: Clock::system(),
        supervisor: supervisor.clone(),
    }));
    let ingest = Ingest::start(Arc::clone(&waiting) as Arc<dyn Queue>, ingest_options(&options, &supervisor, id));

    let end = End::default();
    let grpc_routes = grpc::routes(&ingest, &end.serving)?;
    let writes = http::IngestState { ingest: ingest.clone(), repetitions: Arc::default() };
    let otlp_routes = http::otlp_routes(writes.clone());
    let inputs = Inputs::default();
    let state =
        routes::State { relay: Arc::clone(&relay), metrics, supervisor: supervisor.clone(), inputs: inputs.clone() };
    let page = routes::routes(state).layer(axum::middleware::from_fn(http::write::handshake));
    let router = with_fallbacks(http::write_routes(writes).merge(page), grpc_routes.clone(), None);
    let routers = Routers { main: router, grpc: grpc_routes, otlp: otlp_routes };
    let mut listeners =
        Listeners::start(receive, &Sockets::default(), routers, keep_packets, &ingest, &supervisor, &end).await?;
    let context = InputContext { data: &options.data, ingest: &ingest, supervisor: &supervisor, stop: &end.accepting };
    let reading = inputs::start(&options.inputs, &context, &inputs).await.with_context(data)?;
    announce(&options, &listeners.addresses, &relay);
    systemd::ready();
    tokio::spawn(systemd::watchdog());

    let signal = shutdown::requested().await;
    tracing::info!("{signal}: finishing what is in flight, within {} s", DRAIN.as_secs());
    systemd::stopping();
    end.accepting.cancel();
    end.serving.cancel();
    let drained = tokio::time::timeout(DRAIN, async {
        listeners.ended().await;
        futures::future::join_all(reading).await;
        ingest.close().await;
        relay.close().await;
    });
    if drained.await.is_err() {
        tracing::warn!("some requests did not end in time; they are cut off unanswered");
    }
    if tokio::time::timeout(DRAIN, queue.close()).await.is_err() {
        tracing::warn!("the queue did not close in time; the next start recovers");
    }
    tracing::info!("stopped");
    Ok(())
}

/// Whether what is new gets a share of the bandwidth while old records wait.
///
/// # Errors
/// It is asked for, and a destination is no Logboom.
fn has_fresh_share(asked: Option<BacklogOption>, definitions: &[sinks::Definition]) -> anyhow::Result<bool> {
    let other = definitions.iter().find(|definition| !definition.is_logboom());
    match (asked, other) {
        (Some(BacklogOption::FreshShare), Some(other)) => bail!(
            "--backlog fresh-share: {} is no other Logboom, and gets records in the order of their arrival; use \
             --backlog oldest-first",
            other.target
        ),
        (Some(BacklogOption::OldestFirst), _) | (None, Some(_)) => Ok(false),
        (Some(BacklogOption::FreshShare) | None, None) => Ok(true),
    }
}

fn fresh_share(queue: &Arc<engine_embedded::queue::WalQueue>) -> FreshShare {
    let (newest, read) = (Arc::clone(queue), Arc::clone(queue));
    FreshShare {
        last: Arc::new(move || newest.last()),
        read: Arc::new(move |after, most| {
            let queue = Arc::clone(&read);
            Box::pin(async move { queue.peek(after, most).await })
        }),
    }
}

/// The answer to clients when the disk space is used up.
fn when_full(options: &AgentOptions) -> String {
    format!(
        "the agent's disk space is used up: no destination has taken enough of what waits; retry later. \
         The limit is --max-disk {}",
        options.max_disk
    )
}

fn ingest_options(options: &AgentOptions, supervisor: &Supervisor, id: String) -> IngestOptions {
    let receive = &options.receive;
    IngestOptions {
        normaliser: Normaliser { assume_timezone: receive.assume_timezone, oldest: None },
        in_flight_records: receive.limits.max_in_flight,
        body_bytes: usize::try_from(receive.limits.body_memory.as_u64()).unwrap_or(usize::MAX),
        // Ends loops: a record that passed this agent and comes back is not taken again.
        store_id: Some(id),
        supervisor: supervisor.clone(),
        ..IngestOptions::default()
    }
}

/// Prints the addresses and the destinations.
fn announce(options: &AgentOptions, addresses: &Addresses, relay: &Relay) {
    let mut lines = vec![("status", format!("http://{}/", addresses.main))];
    let also = |name, more: &[std::net::SocketAddr]| {
        let all: Vec<String> = std::iter::once(&addresses.main).chain(more).map(ToString::to_string).collect();
        (name, all.join(", "))
    };
    lines.push(also("gRPC", &addresses.grpc));
    lines.push(also("OTLP/HTTP", &addresses.otlp));
    lines.extend(addresses.doors.iter().map(|(name, address)| (*name, address.to_string())));
    lines.extend(relay.status().destinations.into_iter().map(|destination| ("to", destination.target)));
    let data = std::path::absolute(&options.data).unwrap_or_else(|_| options.data.clone());
    lines.push(("data", format!("{}, at most {}", data.display(), options.max_disk)));
    let mut text = format!("\n  Logboom agent {} is ready\n\n", env!("CARGO_PKG_VERSION"));
    for (name, value) in &lines {
        text.push_str(&format!("  {name:<10} {value}\n"));
    }
    text.push('\n');
    // Where nobody reads stdout, nothing is lost by it.
    let _ = std::io::stdout().write_all(text.as_bytes());
    tracing::info!(address = %addresses.main, "ready");
    warn_if_exposed(&options.receive);
}
