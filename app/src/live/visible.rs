//! Streams that run only while the tab is visible.

use leptos::{ev, prelude::*};

use crate::effect::{effect, until_cleanup};

/// Runs `read` while the tab is visible, until the current owner is cleaned up. A hidden tab closes its connection,
/// because browsers allow six per site.
pub(super) fn while_visible<F: Future<Output = ()> + 'static>(read: impl Fn() -> F + 'static) {
    let hidden = RwSignal::new(document().hidden());
    let listener = window_event_listener(ev::visibilitychange, move |_| hidden.set(document().hidden()));
    on_cleanup(move || listener.remove());
    effect(move |_| {
        if !hidden.get() {
            until_cleanup(read());
        }
    });
}
