//! The supervising process: binds the sockets, keeps the workers running, and handles the signals.

use std::{ffi::OsString, net::SocketAddr, sync::Arc};

use anyhow::{Context as _, anyhow};
use pipeline::Supervisor;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    group::Group,
    process::Launch,
    slot::{self, Notice, Roll, Slot},
};
use crate::{
    announce,
    config::{DEFAULT_GRPC, DEFAULT_OTLP, ServeOptions},
    engines, listeners, shutdown,
    sockets::{Bound, GRPC, HTTP, OTLP, REDIRECT, Socket, Sockets},
    streams::{self, Distributor},
    systemd,
};

/// Runs the workers until a signal, then drains them.
pub(crate) async fn run(options: ServeOptions) -> anyhow::Result<()> {
    // First of all, because without a handler it ends the process.
    let mut hangups = signal(SignalKind::hangup())?;
    let end = shutdown::requested();
    tokio::pin!(end);
    let workers = options.workers.workers;
    listeners::check(&options.receive)?;
    engines::check_shared(&options.engines, workers)?;
    options.archive.check(&options.retention)?;
    let Bound { shared: sockets, by_slot } = bind(&options, workers).await?;
    let tcp = tcp_address(&options, &sockets)?;
    let program = std::env::current_exe().context("the path of the program")?;
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let launch = Arc::new(Launch { program, arguments, sockets });

    let (group, stop, supervisor) = (Group::default(), CancellationToken::new(), Supervisor::default());
    let (notices, mut noticed) = mpsc::channel(64);
    let mut slots = JoinSet::new();
    let mut senders = Vec::new();
    for (number, datagrams) in (1..).zip(by_slot) {
        let (sender, rolls) = mpsc::channel(1);
        senders.push(sender);
        let slot = Slot {
            number,
            launch: Arc::clone(&launch),
            datagrams,
            group: group.clone(),
            rolls,
            notices: notices.clone(),
            stop: stop.clone(),
            leaving: JoinSet::new(),
        };
        slots.spawn(slot.supervise(supervisor.clone()));
    }
    drop(launch);
    tracing::info!(workers, "starting {workers} workers");
    let watchdog = tokio::spawn(systemd::watchdog());

    let mut rolls = Rolls { slots: senders, running: JoinSet::new(), again: false };
    let mut is_announced = false;
    let failure = loop {
        tokio::select! {
            signal = &mut end => {
                tracing::info!("{signal}: the workers finish what is in flight");
                break None;
            }
            Some(notice) = noticed.recv() => match notice {
                Notice::Ready { announcement } if !is_announced => {
                    is_announced = true;
                    announce::print(&announcement, &options);
                    systemd::ready();
                    register(&options, tcp, &supervisor, &stop);
                }
                Notice::Ready { .. } => {}
                Notice::Failed { number, reason } => {
                    break Some(anyhow!("worker {number} {reason} before any was ready; its own log says why"));
                }
            },
            Some(()) = hangups.recv() => rolls.request(),
            Some(outcome) = rolls.running.join_next(), if !rolls.running.is_empty() => {
                log_roll(outcome.unwrap_or_else(|error| Err(error.to_string())));
                if is_announced {
                    systemd::ready();
                }
                rolls.finished();
            }
        }
    };
    systemd::stopping();
    stop.cancel();
    rolls.running.shutdown().await;
    // Each slot ends within its own limits.
    while slots.join_next().await.is_some() {}
    watchdog.abort();
    tracing::info!("all workers have ended");
    failure.map_or(Ok(()), Err)
}

/// The rolls that `SIGHUP` requests: one at a time, and one more if a request comes meanwhile.
struct Rolls {
    slots: Vec<mpsc::Sender<Roll>>,
    running: JoinSet<Result<(), String>>,
    again: bool,
}

impl Rolls {
    fn request(&mut self) {
        if !self.running.is_empty() {
            self.again = true;
            return;
        }
        tracing::info!("SIGHUP: replacing the workers, one after the other");
        systemd::reloading();
        self.running.spawn(slot::roll(self.slots.clone()));
    }

    fn finished(&mut self) {
        if std::mem::take(&mut self.again) {
            self.request();
        }
    }
}

fn log_roll(outcome: Result<(), String>) {
    match outcome {
        Ok(()) => tracing::info!("all workers are replaced"),
        Err(reason) => tracing::error!("the workers are not all replaced: {reason}; those not yet replaced go on"),
    }
}

/// Binds everything on which the workers listen.
async fn bind(options: &ServeOptions, workers: u32) -> anyhow::Result<Bound> {
    let (own, main) = (Sockets::default(), options.receive.listen.listen);
    let mut bound = Bound::new(workers);
    bound.shared.push(Socket::tcp(HTTP, main, own.tcp(HTTP, main).await?)?);
    if let Some(redirect) = options.receive.tls.http_redirect {
        bound.shared.push(Socket::tcp(REDIRECT, redirect, own.tcp(REDIRECT, redirect).await?)?);
    }
    for (protocol, asked, default) in [
        (GRPC, &options.receive.listen.grpc_listen, DEFAULT_GRPC),
        (OTLP, &options.receive.listen.otlp_listen, DEFAULT_OTLP),
    ] {
        if asked.is_empty()
            && let Some(listener) = own.default_tcp(protocol, default, main).await
        {
            bound.shared.push(Socket::tcp(protocol, default, listener)?);
        }
        for address in asked {
            let listener = own.tcp(protocol, *address).await.with_context(|| protocol.to_owned())?;
            bound.shared.push(Socket::tcp(protocol, *address, listener)?);
        }
    }
    streams::bind(&options.receive.streams.doors, options.receive.assume_timezone, &mut bound).await?;
    Ok(bound)
}

/// The address of the first door for packets over TCP without TLS, with the port chosen by the system for port 0.
fn tcp_address(options: &ServeOptions, sockets: &[Socket]) -> anyhow::Result<Option<SocketAddr>> {
    let Some(asked) = options.receive.streams.doors.plain_tcp() else { return Ok(None) };
    let name = format!("tcp {asked}");
    let Some(socket) = sockets.iter().find(|socket| socket.name == name) else { return Ok(None) };
    let address = rustix::net::getsockname(&socket.descriptor)?;
    Ok(Some(address.try_into().context("the address of the door for packets")?))
}

/// Registers the shared port with the distributor: once, and not by each worker.
fn register(options: &ServeOptions, tcp: Option<SocketAddr>, supervisor: &Supervisor, stop: &CancellationToken) {
    let (Some(address), Some(listening)) = (options.receive.streams.distributor.clone(), tcp) else { return };
    let distributor = Distributor { address, advertise: options.receive.streams.advertise.clone(), listening };
    keep_registered(distributor, supervisor, stop);
}

/// Starts the task `distributor`.
pub(super) fn keep_registered(distributor: Distributor, supervisor: &Supervisor, stop: &CancellationToken) {
    let again = stop.clone();
    supervisor.spawn("distributor", stop.clone(), move || streams::register(distributor.clone(), again.clone()));
}
