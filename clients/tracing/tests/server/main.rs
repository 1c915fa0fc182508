//! The layer against the real program.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod access;
mod delivery;
mod fallback;
#[path = "../program/mod.rs"]
mod program;
mod proxy;
mod records;
mod runtimes;

use logboom_tracing::{Builder, Guard};
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt as _;

/// A subscriber with only the layer.
fn subscriber(builder: Builder) -> (Dispatch, Guard) {
    let (layer, guard) = builder.build().unwrap();
    (Dispatch::new(tracing_subscriber::registry().with(layer)), guard)
}
