//! The worker's side: takes over the sockets, reports, and ends when it is asked to or when the supervising process has
//! ended.

use std::{
    io::{BufRead as _, BufReader},
    os::{fd::AsFd as _, unix::net::UnixStream},
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::Context as _;
use metrics::{counter, describe_counter, describe_gauge, gauge};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::channel::{self, BEAT, DRAIN, Order, Report};
use crate::sockets::Sockets;

/// The limit of the wait for the sockets, which were sent before this process began.
const SOCKETS: Duration = Duration::from_secs(5);

/// This process, as a worker.
#[derive(Debug)]
pub(crate) struct Worker {
    channel: Arc<UnixStream>,
    drain: CancellationToken,
}

impl Worker {
    /// Takes over the sockets, and begins to report that it is alive. Must be called within the Tokio runtime, so that
    /// a runtime that runs no tasks reports nothing.
    ///
    /// # Errors
    /// The standard input is no channel: somebody else than the supervising process set `--worker`.
    pub(crate) fn inherit() -> anyhow::Result<(Self, Sockets)> {
        let inherit = || {
            let channel = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
            channel.set_read_timeout(Some(SOCKETS))?;
            let sockets = channel::receive_sockets(&channel)?;
            channel.set_read_timeout(None)?;
            std::io::Result::Ok((channel, sockets))
        };
        let (channel, sockets) = inherit().context(
            "a worker has to be started by its supervising process: leave --worker out and write --workers N",
        )?;
        // A reload is the supervising process's business. The handler stays installed without its receiver.
        drop(signal(SignalKind::hangup())?);
        describe_gauge!("logboom_workers_ready", "Workers on this machine that are ready.");
        describe_counter!("logboom_worker_deaths_total", "Workers that ended without having been asked to.");
        describe_counter!("logboom_workers_rolled_total", "Workers that were replaced on request.");
        let worker = Self { channel: Arc::new(channel), drain: CancellationToken::new() };
        worker.read_orders()?;
        worker.beat();
        Ok((worker, Sockets::inherited(sockets)))
    }

    /// Reads the channel to its end on a thread of its own: a runtime that hangs must not keep this process alive for
    /// ever.
    fn read_orders(&self) -> anyhow::Result<()> {
        let (channel, drain) = (Arc::clone(&self.channel), self.drain.clone());
        let read = move || {
            // The sender is this program, so lines are short.
            for line in BufReader::new(&*channel).lines().map_while(Result::ok) {
                if let Ok(Order::Figures(figures)) = serde_json::from_str(&line) {
                    gauge!("logboom_workers_ready").set(f64::from(figures.ready));
                    counter!("logboom_worker_deaths_total").absolute(figures.deaths);
                    counter!("logboom_workers_rolled_total").absolute(figures.rolled);
                }
            }
            drain.cancel();
            thread::sleep(DRAIN);
            tracing::error!("not ended within {} s; ending now", DRAIN.as_secs());
            std::process::exit(1);
        };
        thread::Builder::new().name("orders".to_owned()).spawn(read).context("a thread for the orders")?;
        Ok(())
    }

    fn beat(&self) {
        let channel = Arc::clone(&self.channel);
        tokio::spawn(async move {
            let mut beats = interval(BEAT);
            beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first error is the end of the supervising process, which the other thread sees, too.
            while channel::send_line(&channel, &Report::Alive, None).is_ok() {
                beats.tick().await;
            }
        });
    }

    /// Reports that the engines are open and every listener accepts.
    pub(crate) fn ready(&self, announcement: String) {
        if let Err(error) = channel::send_line(&self.channel, &Report::Ready { announcement }, None) {
            tracing::warn!(%error, "cannot report to the supervising process");
        }
    }

    /// Completes when this worker has to drain and end.
    pub(crate) async fn asked_to_end(&self) -> &'static str {
        self.drain.cancelled().await;
        "the supervising process"
    }
}
