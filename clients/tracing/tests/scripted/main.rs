//! The layer against a scripted server: refusals and certificates that the real program needs time and files for.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod denied;
mod service;
mod tls;

use logboom_tracing::{Builder, Guard};
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt as _;

/// A subscriber with only the layer.
fn subscriber(builder: Builder) -> (Dispatch, Guard) {
    let (layer, guard) = builder.build().unwrap();
    (Dispatch::new(tracing_subscriber::registry().with(layer)), guard)
}
