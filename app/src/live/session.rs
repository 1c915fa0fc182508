//! Whether the user's session has ended while a page is open.
//!
//! An event stream that is refused cannot tell why: browsers do not show its status to the page. After repeated
//! failures one small request asks.

use leptos::prelude::RwSignal;

/// Set once the server no longer knows the session; provided in the context.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoggedOut(pub(crate) RwSignal<bool>);

#[cfg(target_arch = "wasm32")]
pub(super) use in_browser::Probe;
#[cfg(target_arch = "wasm32")]
pub(crate) use in_browser::check_session;

/// A no-op on the server.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn check_session(_: Option<LoggedOut>) {}

#[cfg(target_arch = "wasm32")]
mod in_browser {
    use leptos::{
        prelude::{GetUntracked as _, Set as _},
        task::spawn_local,
    };

    use super::LoggedOut;

    /// The number of failed connections in a row after which the session is checked.
    const FAILURES: u32 = 2;

    /// Checks the session after a request has failed.
    pub(crate) fn check_session(logged_out: Option<LoggedOut>) {
        if let Some(logged_out) = logged_out {
            spawn_local(check(logged_out));
        }
    }

    /// Asks the server whether it still knows the session. Without an answer nothing changes.
    async fn check(logged_out: LoggedOut) {
        if let Ok(response) = gloo_net::http::Request::get("/api/v1/me").send().await {
            // The page may be gone.
            let _ = logged_out.0.try_set(response.status() == 401);
        }
    }

    /// Counts the failures of one connection.
    pub(crate) struct Probe {
        logged_out: Option<LoggedOut>,
        failures: u32,
    }

    impl Probe {
        pub(crate) fn new(logged_out: Option<LoggedOut>) -> Self {
            Self { logged_out, failures: 0 }
        }

        /// The connection works.
        pub(crate) fn connected(&mut self) {
            self.failures = 0;
            if let Some(logged_out) = self.logged_out.filter(is_set) {
                let _ = logged_out.0.try_set(false);
            }
        }

        /// The connection has failed or ended.
        pub(crate) async fn failed(&mut self) {
            self.failures += 1;
            if let Some(logged_out) = self.logged_out.filter(|_| self.failures >= FAILURES)
                && !is_set(&logged_out)
            {
                check(logged_out).await;
            }
        }
    }

    fn is_set(logged_out: &LoggedOut) -> bool {
        logged_out.0.try_get_untracked().unwrap_or_default()
    }
}
