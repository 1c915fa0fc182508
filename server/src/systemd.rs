//! Messages to systemd, for units of `Type=notify`. Nothing is sent where `NOTIFY_SOCKET` is not set.

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

/// The environment variables with which systemd addresses one process. Processes started by this one must not have
/// them.
pub(crate) const VARIABLES: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// The program is ready, also after a reload.
pub(crate) fn ready() {
    notify(&[NotifyState::Ready]);
}

/// A reload has begun.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        // Units of `Type=notify-reload` need the time.
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(_) => notify(&[NotifyState::Reloading]),
    }
}

/// The program is ending.
pub(crate) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Sends the watchdog's message at half of its interval, for ever; ends at once where the watchdog is off.
///
/// This is a task of the runtime that serves the calls, and not a thread of its own: if that runtime no longer runs
/// tasks, the messages stop and systemd restarts the program.
pub(crate) async fn watchdog() {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else { return };
    let mut ticks = interval(limit / 2);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        notify(&[NotifyState::Watchdog]);
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "cannot send a message to systemd");
    }
}
