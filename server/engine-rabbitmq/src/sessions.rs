//! Keeps a part connected.
//!
//! A lost connection is reopened here. A panic ends the loop, and the supervisor restarts it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use pipeline::{Supervisor, backoff::Backoff};
use tokio::{sync::Mutex, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{config::Address, connection::Failure, events};

/// The backoff between connection attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The time for a session to end cleanly: the last confirms and the closing handshake.
const LONGEST_END: Duration = Duration::from_secs(8);

/// A part of the engine that runs on a connection.
pub(crate) trait Part: Send + 'static {
    /// For logs, metrics and the broker's connection list.
    const NAME: &'static str;

    /// Connects, calls `up`, and works until the connection is lost or `stop` is cancelled, which is the only success.
    fn session(
        &mut self,
        up: impl FnMut() + Send,
        stop: &CancellationToken,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// The session ended, or could not begin.
    fn down(&mut self, failure: &Failure);

    /// Cleans up after a session that panicked.
    fn recover(&mut self) -> impl Future<Output = ()> + Send;
}

/// Runs the part's sessions under the supervisor.
pub(crate) fn spawn<P: Part>(
    part: P,
    address: Address,
    stop: CancellationToken,
    supervisor: &Supervisor,
) -> JoinHandle<()> {
    let part = Arc::new(Mutex::new((part, false)));
    supervisor.spawn(format!("rabbitmq-{}", P::NAME), stop.clone(), move || {
        let (part, address, stop) = (Arc::clone(&part), address.clone(), stop.clone());
        async move {
            let mut guard = part.lock().await;
            let (part, began) = &mut *guard;
            if std::mem::replace(began, true) {
                part.recover().await;
                part.down(&Failure::Away("its task has panicked".to_owned()));
            }
            run(part, address, stop).await;
        }
    })
}

/// Runs sessions, one after another, until `stop` is cancelled.
///
/// The backoff doubles up to a few seconds, with jitter, because all nodes wait for a broker that comes back. It is
/// reset after a session that was up.
async fn run<P: Part>(part: &mut P, address: Address, stop: CancellationToken) {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    let mut lost_at = None;
    let mut last_reason = String::new();
    loop {
        let was_up = AtomicBool::new(false);
        let up = || {
            was_up.store(true, Ordering::Relaxed);
            events::connected(P::NAME, &address, lost_at.map(|at: Instant| at.elapsed()));
        };
        let ended = tokio::select! {
            biased;
            ended = part.session(up, &stop) => ended,
            () = stop_deadline(&stop, &was_up) => return,
        };
        let Err(failure) = ended else { return };
        let reason = failure.to_string();
        let was_up = was_up.into_inner();
        if was_up {
            backoff.reset();
            lost_at = Some(Instant::now());
            events::lost(P::NAME, &reason);
        }
        let pause = backoff.next();
        if !was_up {
            events::attempt_failed(P::NAME, &reason, pause, reason != last_reason);
        }
        last_reason = reason;
        part.down(&failure);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Completes some time after the stop: at once during a connection attempt, after a grace period for an open session.
async fn stop_deadline(stop: &CancellationToken, is_up: &AtomicBool) {
    stop.cancelled().await;
    if is_up.load(Ordering::Relaxed) {
        tokio::time::sleep(LONGEST_END).await;
    }
}
