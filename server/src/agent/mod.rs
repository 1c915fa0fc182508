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
pub(crate) mod routes;
mod status;
mod window;

use std::{io::Write as _, sync::Arc, time::Duration};

use access::{Access, Posture, State};
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
    audit::Audit,
    config::{AgentOptions, BacklogOption, read_secrets},
    grpc, http,
    listen::End,
    listeners::{self, Addresses, Listeners, Routers, Serving},
    shutdown,
    sockets::Sockets,
    systemd, telemetry,
};

/// How long requests in flight, and then the queue, may take to finish.
const DRAIN: Duration = Duration::from_secs(10);

/// Runs until a signal, then finishes what is in flight. What waits to be delivered stays on disk.
pub(crate) async fn run(options: AgentOptions) -> anyhow::Result<()> {
    inputs::validate(&options.inputs)?;
    listeners::check(&options.receive)?;
    let access = open_access(&options)?;
    let metrics = telemetry::metrics(None)?;
    pipeline::events::describe_relay();
    let supervisor = Supervisor::default();
    let receive = &options.receive;
    let listening = receive.listen.addresses().chain(receive.streams.doors.addresses()).collect::<Vec<_>>();
    let urls: Vec<&str> = options.to.iter().map(|to| to.0.as_str()).collect();
    let key = sinks::Key::given(options.key_file.as_deref());
    let definitions = destinations::definitions(&urls, key.as_ref(), &listening).await?;
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
    let ingest = Ingest::start(Arc::clone(&waiting) as Arc<dyn Queue>, ingest_options(&options, &supervisor, id)?);

    let end = End::default();
    let grpc_routes = grpc::routes(&ingest, &end.serving)?;
    let writes = http::IngestState { ingest: ingest.clone(), repetitions: Arc::default() };
    let otlp_routes = http::otlp_routes(writes.clone());
    let inputs = Inputs::default();
    let state =
        routes::State { relay: Arc::clone(&relay), metrics, supervisor: supervisor.clone(), inputs: inputs.clone() };
    let page = routes::routes(state).layer(axum::middleware::from_fn(http::write::handshake));
    let page = page.unless("/", http::write::is_client);
    let routers = Routers::new(http::write_routes(writes).merge(page), grpc_routes, otlp_routes, None);
    let serving = Serving { routers, access: access.clone(), audit: Audit::default(), ingest: &ingest, keep_packets };
    let mut listeners = Listeners::start(receive, &Sockets::default(), serving, &supervisor, &end).await?;
    let context = InputContext { data: &options.data, ingest: &ingest, supervisor: &supervisor, stop: &end.accepting };
    let reading = inputs::start(&options.inputs, &context, &inputs).await.with_context(data)?;
    announce(&options, &listeners.addresses, &relay);
    warn_of_access(&options, &access);
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

/// Who may send to this agent. It has no users: keys come from a file.
fn open_access(options: &AgentOptions) -> anyhow::Result<Access> {
    let mut keys = match &options.accept.accept_key_file {
        Some(path) => read_secrets("--accept-key-file", path)?,
        None => Vec::new(),
    };
    let posture = options.access.posture(&options.receive);
    if keys.is_empty() && posture == Posture::Network && !options.access.anonymous.is_empty() {
        // The rules for addresses apply where a key is needed, so there is one that nobody has.
        keys.push(access::internal_secret().to_owned());
    }
    let anonymous = options.access.anonymous.clone();
    let access_options = access::Options { posture, anonymous, issuer: None, clock: Clock::system() };
    Access::fixed(&keys, access_options).context("--accept-key-file")
}

/// Warns if everybody, or nobody, may send from other machines.
fn warn_of_access(options: &AgentOptions, access: &Access) {
    if options.access.everybody_beyond_loopback(&options.receive) {
        tracing::warn!("--open: everybody who reaches this agent may send records through it and read its state");
    }
    if access.state() == State::Closed {
        tracing::warn!(
            "this agent listens beyond 127.0.0.1 and takes no records: say who may send, by --accept-key-file FILE, \
             --anonymous write=CIDR or --open"
        );
    }
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

fn ingest_options(options: &AgentOptions, supervisor: &Supervisor, id: String) -> anyhow::Result<IngestOptions> {
    let receive = &options.receive;
    Ok(IngestOptions {
        normaliser: Normaliser { assume_timezone: receive.assume_timezone, oldest: None },
        in_flight_records: receive.limits.max_in_flight,
        body_bytes: usize::try_from(receive.limits.body_memory.as_u64()).unwrap_or(usize::MAX),
        // Ends loops: a record that passed this agent and comes back is not taken again.
        store_id: Some(id),
        redaction: receive.redaction.build()?,
        supervisor: supervisor.clone(),
        ..IngestOptions::default()
    })
}

/// Prints the addresses and the destinations.
fn announce(options: &AgentOptions, addresses: &Addresses, relay: &Relay) {
    let mut lines = vec![("status", addresses.url("/"))];
    let also = |name, more: &[std::net::SocketAddr]| {
        let scheme = if addresses.tls.is_some() { "https://" } else { "" };
        let all = std::iter::once(&addresses.main).chain(more).map(|address| format!("{scheme}{address}"));
        (name, all.collect::<Vec<_>>().join(", "))
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
}
