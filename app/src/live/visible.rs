//! Reading for as long as somebody is there.

use leptos::{ev, prelude::*};

use crate::effect::{effect, until_cleanup};

/// Runs what `read` gives while the tab can be seen, until the current owner is cleaned up.
/// A hidden tab gives its connection back; browsers allow six to a site.
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
