//! `logboom serve`: starts all components, and stops them in order.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use access::{Access, Principal, Secret};
use anyhow::Context as _;
use pipeline::{
    Supervisor,
    admit::{Ingest, IngestOptions},
    clock::Clock,
    consume,
    deletion::{self, ArchiveRemoval, Deletions},
    follow,
    live::{LiveHub, LiveOptions},
    loss_ledger::{self, Auditor, LossLedger},
    normalise::Normaliser,
};
use reading::{Figures, Letters, Losses, Parts, Reader, Transfer, Views};
use tokio_util::sync::CancellationToken;

use crate::{
    admin_socket::AdminSocket,
    announce::{self, Notice},
    archiving::{self, Archiving, Days, Removals},
    audit::{self, Audit},
    canary::Canary,
    config::{AdminOptions, ServeOptions, read_secret},
    dashboard::Reading,
    engines,
    engines::Engines,
    forwarding, gate, grpc, http,
    listen::End,
    listeners::{self, Listeners, Routers, Serving},
    oidc::Oidc,
    shutdown,
    site::{self, Site},
    sockets::Sockets,
    state::{
        AccessState, AuditState, DeletionsState, EntranceState, ForwardingState, LossesState, ReadingState,
        RedactionState,
    },
    systemd, telemetry,
    workers::Worker,
};

/// How long requests in flight, and then the engines, may take to finish.
const DRAIN: Duration = Duration::from_secs(10);
/// How long a worker that accepts no new connections still serves the open ones.
const LEAVING: Duration = Duration::from_secs(1);

/// The user whom `--admin-password-file` creates.
const ADMIN: &str = "admin";

/// Serves until a signal, then drains.
pub(crate) async fn run(options: ServeOptions) -> anyhow::Result<()> {
    options.archive.check(&options.retention)?;
    listeners::check(&options.receive)?;
    let oidc = provider(&options).await?;
    let metrics = telemetry::metrics(options.workers.worker)?;
    let (worker, sockets) = match options.workers.worker {
        None => (None, Sockets::default()),
        Some(_) => Worker::inherit().map(|(worker, sockets)| (Some(worker), sockets))?,
    };
    let supervisor = Supervisor::default();
    let site = Arc::new(load_site(options.site.clone())?);
    let Engines { queue, store, documents, sinks } = tokio::select! {
        engines = engines::open(&options.engines, &options.retention, &supervisor) => engines?,
        signal = end_requested(worker.as_ref()) => {
            tracing::info!("{signal} before the engines were ready");
            return Ok(());
        }
    };

    let definitions = forwarding::definitions(&options.sinks.sinks, &sinks)?;
    let keep_packets = definitions.iter().any(sinks::Definition::wants_packets);
    let store_id = follow::store_id(&*documents).await?;
    let access_options = access::Options {
        posture: options.access.posture(&options.receive),
        anonymous: options.access.anonymous.clone(),
        issuer: oidc.as_ref().map(|oidc| oidc.issuer().to_owned()),
        clock: Clock::system(),
    };
    let access_stop = CancellationToken::new();
    let access = Access::open(Arc::clone(&documents), access_options, &supervisor, access_stop.clone()).await?;
    let is_admin_new = ensure_admin(&options.admin, &access).await?;

    let slack = engines::queue_slack(&options.engines)?;
    let loss_ledger = LossLedger::new(Arc::clone(&queue), slack, Clock::system());
    let ledger_keeper = loss_ledger::Keeper::start(loss_ledger.clone(), Arc::clone(&documents), &supervisor);
    let redaction = options.receive.redaction.build()?;
    let ingest_options = IngestOptions {
        redaction: redaction.clone(),
        ..ingest_options(&options, &supervisor, store_id.clone(), loss_ledger.clone())
    };
    let ingest = Ingest::start(Arc::clone(&queue), ingest_options);
    let (audit, audit_writing) = Audit::start(ingest.clone(), Clock::system(), &supervisor);
    if is_admin_new {
        let operator = Principal::operator("--admin-password-file");
        audit::note(&audit, &operator, audit::Source::default(), audit::Action::UserAdded, ADMIN);
    }
    let notes_stop = CancellationToken::new();
    let taking_notes = audit::Notes::new(Arc::clone(&documents)).start(ingest.clone(), &supervisor, notes_stop.clone());
    let hub_stop = CancellationToken::new();
    let live_options =
        LiveOptions { subscriptions: options.max_tails, supervisor: supervisor.clone(), ..LiveOptions::default() };
    let live = LiveHub::start_with(store.clone(), hub_stop, live_options);
    let consume_stop = CancellationToken::new();
    let consuming =
        consume::run(Arc::clone(&queue), store.clone(), loss_ledger.clone(), consume_stop.clone(), supervisor.clone());
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
    let letters = Letters::new(store.clone(), ingest.clone(), clock.clone(), options.retention.dead_letters());
    let parts = Parts::new(store.clone());
    let auditor = Auditor::new(loss_ledger::Needs {
        ledger: loss_ledger,
        store: store.clone(),
        documents: Arc::clone(&documents),
        kept: options.retention.kept(),
        holder: pipeline::holder(),
    });
    let audit_stop = CancellationToken::new();
    let auditing = auditor.start(&supervisor, audit_stop.clone());
    let ledger = Losses::new(auditor, clock.clone());
    let views = Views::new(Arc::clone(&documents));
    let transfer = Transfer::new(Arc::clone(&documents));
    let follow_options = follow::Options {
        store: store.clone(),
        documents: Arc::clone(&documents),
        live: Arc::clone(&live),
        supervisor: supervisor.clone(),
        clock: Clock::system(),
        holder: pipeline::holder(),
        retention: options.retention.retention,
    };
    let listening =
        options.receive.listen.addresses().chain(options.receive.streams.doors.addresses()).collect::<Vec<_>>();
    let archived = options.archive.archive.clone().map(|location| Days::new(location, &options.engines.data));
    let restoring =
        forwarding::Restoring { queue: Arc::clone(&queue), archive: archived, redaction: redaction.clone() };
    let replays = forwarding::start_replays(&definitions, restoring, &store_id, &follow_options)?;
    let followers = forwarding::start(definitions, &store_id, &listening, &follow_options).await?;
    let archiving = Archiving::start(
        &options.archive,
        &options.engines.data,
        archiving::Needs {
            leases: store.leases(),
            reader: reader.clone(),
            store_id: store_id.clone(),
            supervisor: supervisor.clone(),
        },
    );
    let of_archive = options.archive.archive.clone().map(|location| -> Arc<dyn ArchiveRemoval> {
        Arc::new(Removals::new(location, &options.engines.data, store.leases()))
    });
    let deletions = Deletions::start(deletion::Needs {
        store: store.clone(),
        documents,
        live: Arc::clone(&live),
        archive: of_archive,
        supervisor: supervisor.clone(),
        clock: Clock::system(),
        holder: pipeline::holder(),
        ended: http::deletions::noted(audit.clone()),
    });
    let canary = Arc::new(OnceLock::new());
    let reading =
        ReadingState { reader: reader.clone(), views, transfer, live: Arc::clone(&live), recent, audit: audit.clone() };
    let losses = LossesState { ledger, letters, parts, canary: Arc::clone(&canary), audit: audit.clone() };
    let forwarding = ForwardingState {
        followers: Arc::clone(&followers),
        replays: Arc::clone(&replays),
        clock,
        audit: audit.clone(),
    };
    let site_path = app::SitePath(format!("/v/{}", site.version()));
    let doors_known = Arc::new(OnceLock::new());
    let entrance = EntranceState {
        access: access.clone(),
        audit: audit.clone(),
        site: site_path.clone(),
        is_public_https: options.receive.listen.has_https_url(),
        is_proxied: !options.receive.listen.public_url.is_empty(),
        oidc: oidc.clone(),
        doors: Arc::clone(&doors_known),
    };
    let state = http::State {
        ingest: http::IngestState { ingest: ingest.clone(), repetitions: Arc::default() },
        reading: reading.clone(),
        figures: http::FiguresState { figures: figures.clone(), live: Arc::clone(&live) },
        losses: losses.clone(),
        forwarding: forwarding.clone(),
        deletions: DeletionsState {
            reader: reader.clone(),
            deletions: Arc::clone(&deletions),
            audit: audit.clone(),
            site: site_path.clone(),
        },
        access: AccessState { access: access.clone(), audit: audit.clone() },
        audit: AuditState { reader: reader.clone(), site: site_path.clone() },
        entrance,
        redaction: RedactionState { reader: reader.clone(), redaction: redaction.clone(), site: site_path.clone() },
        health: http::HealthState {
            queue: Arc::clone(&queue),
            store: store.clone(),
            supervisor: supervisor.clone(),
            followers: Arc::clone(&followers),
            metrics,
        },
    };
    let dashboard = app::dashboard(
        Arc::new(Reading {
            reading,
            figures,
            losses,
            forwarding,
            deletions: Arc::clone(&deletions),
            redaction,
            access: access.clone(),
            supervisor: supervisor.clone(),
            doors: Arc::clone(&doors_known),
            patience: options.search_patience,
        }),
        site_path,
        options.receive.listen.listen,
    );
    let end = End::default();
    // An embedded engine holds the lock of the data folder.
    let has_folder = options.engines.queue == "embedded" || options.engines.store == "embedded";
    let start_socket = || {
        let state = AccessState { access: access.clone(), audit: audit.clone() };
        AdminSocket::start(&options.engines.data, state, &supervisor, end.accepting.clone())
    };
    let admin_socket = has_folder.then(start_socket).flatten();
    let grpc_routes = grpc::routes(&ingest, &end.serving)?;
    let otlp_routes = http::otlp_routes(state.ingest.clone());
    let pages = gate::pages(dashboard.routes, &dashboard.listed)
        .layer(axum::middleware::from_fn(http::write::handshake))
        .unless("/", http::write::is_client);
    let routes = http::routes(state).merge(site::routes(Arc::clone(&site))).merge(pages);
    let serving = Serving {
        routers: Routers::new(routes, grpc_routes, otlp_routes, Some(dashboard.not_found)),
        access: access.clone(),
        audit,
        ingest: &ingest,
        keep_packets,
    };
    let mut listeners = Listeners::start(&options.receive, &sockets, serving, &supervisor, &end).await?;
    let addresses = &listeners.addresses;
    let _ = doors_known.set(addresses.of_doors());
    if let Some(every) = options.canary.canary {
        let started = Canary::start(every, addresses, reader, Arc::clone(&live), &supervisor, &end.accepting).await;
        let _ = canary.set(started);
    }
    let (queue_name, store_name) = (queue.status().engine, store.status().engine);
    tracing::info!(address = %addresses.main, queue = queue_name, store = store_name, site = site.version(), "ready");
    if let Some(oidc) = oidc {
        tokio::spawn(async move { oidc.try_out().await });
    }
    let notice = Notice::new(access.clone(), Arc::clone(&listeners.gate), &options.receive, addresses);
    let engines = (&*queue_name, &*store_name);
    let wants_key = !listeners.gate.is_open();
    let announcement = announce::text(&options, addresses, engines, &notice.now().await, wants_key);
    // Of several workers, the first one repeats it.
    if options.workers.worker.is_none_or(|number| number == 1) {
        notice.clone().keep(&supervisor, &end.accepting);
    }
    match &worker {
        Some(worker) => worker.ready(announcement),
        None => {
            announce::print(&announcement, &options);
            notice.log().await;
            systemd::ready();
            tokio::spawn(systemd::watchdog());
        }
    }

    let signal = end_requested(worker.as_ref()).await;
    tracing::info!("{signal}: finishing what is in flight, within {} s", DRAIN.as_secs());
    end.accepting.cancel();
    if worker.is_some() {
        // Other workers accept. Clients that are busy move to them without meeting a closed connection.
        tokio::time::sleep(LEAVING).await;
    } else {
        systemd::stopping();
    }
    // The tails first: they never end by themselves. Then the doors, then what the doors
    // handed on, then the stage behind the queue, and the engines last.
    live.close();
    end.serving.cancel();
    let drained = tokio::time::timeout(DRAIN, async {
        if let Some(socket) = admin_socket {
            socket.close().await;
        }
        listeners.ended().await;
        // Before the audit, which notes their end.
        deletions.close().await;
        audit_writing.close().await;
        notes_stop.cancel();
        let _ = taking_notes.await;
        ingest.close().await;
        consume_stop.cancel();
        let _ = consumer.await;
        audit_stop.cancel();
        let _ = auditing.await;
        access_stop.cancel();
        tokio::join!(followers.close(), replays.close(), archiving.close(), ledger_keeper.close());
    });
    if drained.await.is_err() {
        tracing::warn!("some requests did not end in time; they are cut off unanswered");
        access_stop.cancel();
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

/// Log-ins by an identity provider. The provider may be down now: it is asked when somebody logs in.
async fn provider(options: &ServeOptions) -> anyhow::Result<Option<Oidc>> {
    match options.oidc.build(&options.receive.listen)? {
        Some(settings) => Oidc::new(settings, Clock::system()).await.map(Some),
        None => Ok(None),
    }
}

/// Makes the first admin from the file of the options. Returns whether it did.
async fn ensure_admin(options: &AdminOptions, access: &Access) -> anyhow::Result<bool> {
    let Some(path) = &options.admin_password_file else { return Ok(false) };
    let password = Secret(read_secret("--admin-password-file", path)?);
    let is_new = access.users().ensure_admin(ADMIN, password).await;
    let is_new = is_new.with_context(|| format!("--admin-password-file {}", path.display()))?;
    if is_new {
        tracing::info!("the user {ADMIN} was created with the password of --admin-password-file");
    }
    Ok(is_new)
}

/// Completes when the program must end; returns the cause.
async fn end_requested(worker: Option<&Worker>) -> &'static str {
    match worker {
        None => shutdown::requested().await,
        Some(worker) => tokio::select! {
            signal = shutdown::requested() => signal,
            supervising = worker.asked_to_end() => supervising,
        },
    }
}

fn ingest_options(
    options: &ServeOptions,
    supervisor: &Supervisor,
    store_id: String,
    loss_ledger: LossLedger,
) -> IngestOptions {
    // Without a retention, records of any age are accepted.
    let oldest = options.retention.retention;
    IngestOptions {
        normaliser: Normaliser { assume_timezone: options.receive.assume_timezone, oldest },
        in_flight_records: options.receive.limits.max_in_flight,
        body_bytes: usize::try_from(options.receive.limits.body_memory.as_u64()).unwrap_or(usize::MAX),
        store_id: Some(store_id),
        loss_ledger: Some(loss_ledger),
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
    // `cargo leptos` sets `LEPTOS_SITE_ROOT` to its output folder.
    let folder = folder
        .or_else(|| std::env::var_os("LEPTOS_SITE_ROOT").map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from("target/site"));
    let site = Site::in_folder(&folder).with_context(|| format!("the dashboard's files in {}", folder.display()))?;
    if !site.has_program() {
        tracing::warn!("no dashboard in {}: pages will not come alive; make serve builds it", folder.display());
    }
    Ok(site)
}
