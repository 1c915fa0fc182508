//! The signals that end the program.

use tokio::signal::unix::{SignalKind, signal};

/// Completes at the first `SIGINT` or `SIGTERM`; returns its name.
pub(crate) async fn requested() -> &'static str {
    let wait = |kind| async move {
        match signal(kind) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            // Without a handler the system's default action remains, which ends the process.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => "SIGINT",
        () = wait(SignalKind::terminate()) => "SIGTERM",
    }
}
