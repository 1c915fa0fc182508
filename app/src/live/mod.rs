//! The live tail: from the server's event stream to the rows on the screen.
//!
//! ```text
//! EventSource → connection → Waiting (bounded, unparsed) → one frame → Shown (bounded)
//! ```
//!
//! Nothing blocks on rendering and everything is bounded: records that arrive faster than frames can show them are
//! counted and reported. On the server all of it is inert.

#[cfg(target_arch = "wasm32")]
mod backoff;
#[cfg(target_arch = "wasm32")]
mod connection;
#[cfg(target_arch = "wasm32")]
mod figures;
#[cfg(target_arch = "wasm32")]
mod first;
#[cfg(target_arch = "wasm32")]
mod pump;
mod session;
#[cfg(target_arch = "wasm32")]
mod visible;

#[cfg(target_arch = "wasm32")]
pub(crate) use figures::watch;
#[cfg(target_arch = "wasm32")]
pub(crate) use first::wait_for_first;
#[cfg(target_arch = "wasm32")]
pub(crate) use pump::follow;
pub(crate) use session::LoggedOut;
#[cfg(not(feature = "ssr"))]
pub(crate) use session::check_session;

/// A no-op on the server.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn follow(_: Tail) {}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn wait_for_first(_: First) {}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn watch(_: Figures) {}

use leptos::{html::Div, prelude::*};
use model::api::{FiguresView, RecordView};

use crate::state::{explorer::Explorer, feed::Shown};

/// The target of a tail, and its start.
pub(crate) struct Tail {
    pub(crate) explorer: Explorer,
    pub(crate) shown: RwSignal<Shown>,
    /// The scrolling element.
    pub(crate) scroller: NodeRef<Div>,
    pub(crate) query: String,
    /// The position of the last record shown.
    pub(crate) position: String,
    /// Periodic announcements for screen readers.
    pub(crate) announcement: RwSignal<String>,
}

/// The live figures of the server.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) view: RwSignal<FiguresView>,
    /// Whether they are out of date.
    pub(crate) away: RwSignal<bool>,
}

/// The newest record since the page was opened.
#[derive(Clone, Copy)]
pub(crate) struct First {
    pub(crate) record: RwSignal<Option<RecordView>>,
}
