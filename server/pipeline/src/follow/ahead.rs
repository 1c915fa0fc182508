//! Preparing the next batch while the batch before it is delivered.
//!
//! Sender and receiver would otherwise take turns: one waits while the other encodes or decodes.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::{Outgoing, Prepare, source::Found};
use crate::{Error, Result};

/// Prepares a batch that was read ahead, on a thread for blocking work. `sink` is as in [`Outgoing::new`].
///
/// # Errors
/// `Internal` if the sink panicked. The records are lost then, and have to be read again.
pub(crate) async fn prepared(preparer: Option<Arc<dyn Prepare>>, sink: &str, mut found: Found) -> Result<Found> {
    let Some(preparer) = preparer.filter(|_| !found.records.is_empty()) else { return Ok(found) };
    let sink = sink.to_owned();
    let prepare = move || {
        let batch = Outgoing::new(&sink, std::mem::take(&mut found.records));
        preparer.prepare(&batch);
        found.records = batch.records;
        found
    };
    spawn_blocking(prepare).await.map_err(|error| Error::internal(format!("cannot prepare a batch: {error}")))
}
