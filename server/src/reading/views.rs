//! Saved views: checked, and kept in the store for all.

use std::sync::Arc;

use model::limits;
use pipeline::{Error, LogStore, Result, SavedView};

/// The bytes of an address: a query and what else a page's URL holds.
const ADDRESS_BYTES: usize = 4 * limits::QUERY_BYTES;

/// The saved views.
#[derive(Clone)]
pub(crate) struct Views {
    pub(crate) store: Arc<dyn LogStore>,
}

impl Views {
    /// By name.
    pub(crate) async fn list(&self) -> Result<Vec<SavedView>> {
        self.store.views().await
    }

    /// # Errors
    /// `NotFound` where there is none of the name.
    pub(crate) async fn address(&self, name: &str) -> Result<String> {
        let views = self.store.views().await?;
        let view = views.into_iter().find(|view| view.name == name);
        Ok(view.ok_or_else(|| Error::not_found(format!("no view is saved as {name:?}")))?.address)
    }

    /// Saves a view, in place of one of the same name.
    ///
    /// # Errors
    /// `Invalid` for a name or an address that is none, and past the bound.
    pub(crate) async fn save(&self, name: &str, address: &str) -> Result<()> {
        let name = name.trim();
        if name.is_empty() || name.len() > limits::NAME_BYTES || name.chars().any(char::is_control) {
            return Err(Error::invalid(format!(
                "name has {} bytes; it may have 1 to {}",
                name.len(),
                limits::NAME_BYTES
            )));
        }
        // A path of this dashboard and nothing else: the link must not lead elsewhere.
        let is_path =
            address.starts_with('/') && !address.starts_with("//") && !address.contains(['\\', '\r', '\n', '\0']);
        if !is_path || address.len() > ADDRESS_BYTES {
            return Err(Error::invalid(format!(
                "address is no address of this dashboard; it begins with / and has at most {ADDRESS_BYTES} bytes, as in /?q=level:error"
            )));
        }
        self.store.save_view(&SavedView { name: name.to_owned(), address: address.to_owned() }).await
    }

    pub(crate) async fn remove(&self, name: &str) -> Result<()> {
        self.store.remove_view(name).await
    }
}
