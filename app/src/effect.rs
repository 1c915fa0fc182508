//! Effects with boxed closures: each closure type would add code to the WebAssembly bundle.

use std::time::Duration;

use futures::future::abortable;
use leptos::{
    prelude::{Effect, on_cleanup, set_interval_with_handle},
    task::spawn_local,
};

/// Runs in the browser, and again whenever a signal it has read changes. The argument tells whether this is the first
/// run.
pub(crate) fn effect(run: impl FnMut(bool) + 'static) {
    boxed(Box::new(run));
}

fn boxed(mut run: Box<dyn FnMut(bool)>) {
    Effect::new(move |ran: Option<()>| run(ran.is_none()));
}

/// Runs in the browser periodically, until the owner is cleaned up.
pub(crate) fn every(period: Duration, run: impl Fn() + 'static) {
    let run: std::rc::Rc<dyn Fn()> = std::rc::Rc::new(run);
    effect(move |_| {
        let run = run.clone();
        let Ok(timer) = set_interval_with_handle(move || run(), period) else { return };
        on_cleanup(move || timer.clear());
    });
}

/// Runs `work` until its owner is cleaned up: in an effect, until the next run. A request in flight is aborted, and
/// the server stops working on it.
pub(crate) fn until_cleanup(work: impl Future<Output = ()> + 'static) {
    let (work, handle) = abortable(work);
    spawn_local(async move {
        // An abort needs no handling.
        let _ = work.await;
    });
    on_cleanup(move || handle.abort());
}
