//! The signals that end the program.

use tokio::signal::unix::{SignalKind, signal};

/// Resolves at the first `SIGINT` or `SIGTERM`; says which.
pub(crate) async fn requested() -> &'static str {
    let wait = |kind| async move {
        match signal(kind) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            // Without a handler the system's own action, ending the process, stays.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => "SIGINT",
        () = wait(SignalKind::terminate()) => "SIGTERM",
    }
}
