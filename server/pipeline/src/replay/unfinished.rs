//! Whether the store gets records once more.

use super::{
    STORE,
    document::{REPLAY, Replay},
};
use crate::{Documents, Result};

/// The id of a replay to the store that is not finished. It may bring back what a deletion removes.
pub(crate) async fn restoring(documents: &dyn Documents) -> Result<Option<String>> {
    let listing = documents.list(&REPLAY).await?;
    let replays = listing.documents.iter().filter_map(|document| Replay::read(document).ok());
    Ok(replays.filter(|replay| replay.sink == STORE && !replay.is_finished()).map(|replay| replay.id).next())
}
