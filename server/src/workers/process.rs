//! One worker process, as the supervising process sees it.

use std::{
    ffi::OsString,
    io,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream as StdUnixStream, process::ExitStatusExt as _},
    },
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::Context as _;
use futures::StreamExt as _;
use tokio::{
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    process::{Child, Command},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::codec::{FramedRead, LinesCodec};

use super::{
    channel::{self, DRAIN, LINE_BYTES, Order, Report},
    group::Figures,
};
use crate::{sockets::Socket, systemd};

/// A worker that reports nothing for so long is killed. Long enough for a machine that swaps.
const SILENCE: Duration = Duration::from_secs(30);

/// How a worker is started.
#[derive(Debug)]
pub(super) struct Launch {
    /// The program, by its path at the start: a file that was replaced by a newer one is used from the next start of a
    /// worker on.
    pub(super) program: PathBuf,
    /// The options of the supervising process, followed by those for a worker.
    pub(super) arguments: Vec<OsString>,
    /// The sockets that all workers share.
    pub(super) sockets: Vec<Socket>,
}

/// What a worker does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    Ready { announcement: String },
    Ended(Death),
}

/// How a worker ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Death {
    /// For the log.
    pub(super) reason: String,
    /// It ended by itself with a failure, and was not killed.
    pub(super) is_failure: bool,
}

impl From<ExitStatus> for Death {
    fn from(status: ExitStatus) -> Self {
        let reason = match (status.signal(), status.code()) {
            (Some(signal), _) => format!("killed by signal {signal}"),
            (None, Some(0)) => "ended without having been asked by the supervising process".to_owned(),
            (None, code) => format!("ended with code {}", code.unwrap_or_default()),
        };
        Self { reason, is_failure: status.code().is_some_and(|code| code != 0) }
    }
}

/// A running worker. It is killed on drop.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pub(super) pid: u32,
    reports: FramedRead<OwnedReadHalf, LinesCodec>,
    orders: OwnedWriteHalf,
    pub(super) started: Instant,
    pub(super) is_ready: bool,
    /// When it last reported.
    heard: Instant,
    /// Its end of the channel is closed.
    is_silent: bool,
}

impl Process {
    /// Starts a worker. It gets the shared sockets, and `datagrams`, which are those of its slot.
    pub(super) fn start(launch: &Launch, datagrams: &[Socket], number: u32) -> anyhow::Result<Self> {
        let (here, there) = StdUnixStream::pair().context("a channel to a worker")?;
        channel::send_sockets(&here, launch.sockets.iter().chain(datagrams)).context("the sockets of a worker")?;
        let mut command = Command::new(&launch.program);
        // A worker answers calls that another one has made to itself.
        command.env(access::INTERNAL_VARIABLE, access::internal_secret());
        command
            .args(&launch.arguments)
            .args(["--worker", &number.to_string()])
            .stdin(Stdio::from(OwnedFd::from(there)))
            .kill_on_drop(true);
        for variable in systemd::VARIABLES {
            command.env_remove(variable);
        }
        let child = command.spawn().with_context(|| format!("cannot start {}", launch.program.display()))?;
        here.set_nonblocking(true)?;
        let (reports, orders) = UnixStream::from_std(here)?.into_split();
        let now = Instant::now();
        Ok(Self {
            pid: child.id().unwrap_or_default(),
            child,
            reports: FramedRead::new(reports, LinesCodec::new_with_max_length(LINE_BYTES)),
            orders,
            started: now,
            is_ready: false,
            heard: now,
            is_silent: false,
        })
    }

    /// Waits for the next event. Cancel-safe. After the end it returns the end again.
    pub(super) async fn event(&mut self) -> Event {
        let Self { child, reports, is_ready, heard, is_silent, .. } = self;
        loop {
            let report = async {
                if *is_silent {
                    std::future::pending::<()>().await;
                }
                reports.next().await
            };
            tokio::select! {
                status = child.wait() => return Event::Ended(ended(status)),
                report = timeout_at(*heard + SILENCE, report) => match report {
                    Ok(Some(Ok(line))) => {
                        *heard = Instant::now();
                        if let Ok(Report::Ready { announcement }) = serde_json::from_str(&line) {
                            *is_ready = true;
                            return Event::Ready { announcement };
                        }
                    }
                    // It is about to end, or it writes nonsense: its end or the limit follows.
                    Ok(_) => *is_silent = true,
                    Err(_) => {
                        let _ = child.kill().await;
                        let reason = format!("hung: no sign of life for {} s, so it was killed", SILENCE.as_secs());
                        return Event::Ended(Death { reason, is_failure: false });
                    }
                },
            }
        }
    }

    /// Sends the figures of all workers. One that misses them gets the next ones.
    pub(super) fn tell(&self, figures: Figures) {
        if let Ok(line) = channel::line(&Order::Figures(figures)) {
            let _ = self.orders.try_write(&line);
        }
    }

    /// Asks the worker to drain and end, and waits for it; kills it after the limit.
    pub(super) async fn drain(self) {
        let Self { mut child, pid, reports, orders, .. } = self;
        // Closes the worker's input. The other half stays open: it may still report.
        drop(orders);
        if timeout(DRAIN, child.wait()).await.is_err() {
            tracing::warn!(pid, "a worker has not ended within {} s; it is killed", DRAIN.as_secs());
            let _ = child.kill().await;
        }
        drop(reports);
    }

    /// Kills the worker.
    pub(super) async fn kill(mut self) {
        let _ = self.child.kill().await;
    }
}

fn ended(status: io::Result<ExitStatus>) -> Death {
    status.map_or_else(
        |error| Death { reason: format!("its end cannot be known: {error}"), is_failure: false },
        Death::from,
    )
}
