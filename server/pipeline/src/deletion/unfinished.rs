//! Whether records are being removed.

use super::document::{DELETION, Deletion};
use crate::{Documents, Result};

/// The id of a deletion that is not finished. A replay to the store may bring back what it removes.
pub(crate) async fn deleting(documents: &dyn Documents) -> Result<Option<String>> {
    let listing = documents.list(&DELETION).await?;
    let deletions = listing.documents.iter().filter_map(|document| Deletion::read(document).ok());
    Ok(deletions.filter(|deletion| !deletion.is_finished()).map(|deletion| deletion.id).next())
}
