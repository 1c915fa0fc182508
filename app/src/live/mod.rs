//! The live tail: from the server's event stream to the rows on the screen.
//!
//! ```text
//! EventSource → connection → Waiting (bounded, unparsed) → one frame → Shown (bounded)
//! ```
//!
//! Nothing here waits for the screen and nothing is unbounded: what comes faster than
//! frames can show is counted and said. On the server all of it is inert.

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
#[cfg(target_arch = "wasm32")]
mod visible;

#[cfg(target_arch = "wasm32")]
pub(crate) use figures::watch;
#[cfg(target_arch = "wasm32")]
pub(crate) use first::wait_for_first;
#[cfg(target_arch = "wasm32")]
pub(crate) use pump::follow;

/// On the server there is nobody to show a tail to.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn follow(_: Tail) {}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn wait_for_first(_: First) {}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn watch(_: Figures) {}

use leptos::{html::Div, prelude::*};
use model::api::{FiguresView, RecordView};

use crate::state::{explorer::Explorer, feed::Shown};

/// What a tail feeds, and from where on.
pub(crate) struct Tail {
    pub(crate) explorer: Explorer,
    pub(crate) shown: RwSignal<Shown>,
    /// The element that scrolls.
    pub(crate) scroller: NodeRef<Div>,
    pub(crate) query: String,
    /// The last position already shown.
    pub(crate) position: String,
    /// Told now and then what has come, for screen readers.
    pub(crate) announcement: RwSignal<String>,
}

/// The server's figures, kept up to date.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) view: RwSignal<FiguresView>,
    /// Whether they are not of now.
    pub(crate) away: RwSignal<bool>,
}

/// The newest record that came while somebody waited.
#[derive(Clone, Copy)]
pub(crate) struct First {
    pub(crate) record: RwSignal<Option<RecordView>>,
}
