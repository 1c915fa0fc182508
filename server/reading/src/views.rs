//! Saved views: checked, and kept in the store for all.

use std::sync::Arc;

use model::limits;
use pipeline::{Error, LogStore, Result, SavedView};

/// The bytes of an address: a query and what else a page's URL holds.
const ADDRESS_BYTES: usize = 4 * limits::QUERY_BYTES;

/// The saved views.
#[derive(Clone)]
pub struct Views {
    store: Arc<dyn LogStore>,
}

impl Views {
    pub fn new(store: Arc<dyn LogStore>) -> Self {
        Self { store }
    }

    /// By name.
    pub async fn list(&self) -> Result<Vec<SavedView>> {
        self.store.views().await
    }

    /// # Errors
    /// `NotFound` where there is none of the name, or none that may be followed.
    pub async fn address(&self, name: &str) -> Result<String> {
        let views = self.store.views().await?;
        let view = views.into_iter().find(|view| view.name == name);
        // What is stored may be older than this check.
        let address = view.map(|view| view.address).filter(|address| is_path(address));
        address.ok_or_else(|| Error::not_found(format!("no view is saved as {name:?}")))
    }

    /// Saves a view, in place of one of the same name.
    ///
    /// # Errors
    /// `Invalid` for a name or an address that is none, and past the bound.
    pub async fn save(&self, name: &str, address: &str) -> Result<()> {
        let name = name.trim();
        if name.is_empty() || name.len() > limits::NAME_BYTES || name.chars().any(char::is_control) {
            return Err(Error::invalid(format!(
                "name has {} bytes; it may have 1 to {}",
                name.len(),
                limits::NAME_BYTES
            )));
        }
        if !is_path(address) || address.len() > ADDRESS_BYTES {
            return Err(Error::invalid(format!(
                "address is no address of this dashboard; it begins with / and has at most {ADDRESS_BYTES} bytes, as in /?q=level:error"
            )));
        }
        self.store.save_view(&SavedView { name: name.to_owned(), address: address.to_owned() }).await
    }

    pub async fn remove(&self, name: &str) -> Result<()> {
        self.store.remove_view(name).await
    }
}

/// Whether the address is a path of this dashboard: the link must not lead elsewhere.
/// Browsers drop tabs and line ends before they read an address, and take `\\` for `/`.
fn is_path(address: &str) -> bool {
    address.starts_with('/') && !address.starts_with("//") && !address.contains(|c: char| c.is_control() || c == '\\')
}

#[cfg(test)]
mod tests {
    use super::is_path;

    #[test]
    fn a_saved_address_leads_nowhere_else() {
        for address in ["/", "/?q=level:error", "/patterns?q=a//b", "/?q=\u{ac00}", "/a b"] {
            assert!(is_path(address), "{address:?}");
        }
        let elsewhere = [
            "",
            "x",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            " //evil.example",
        ];
        for address in elsewhere {
            assert!(!is_path(address), "{address:?}");
        }
        for control in ('\0'..='\u{9f}').filter(|c| c.is_control()) {
            for address in [format!("/{control}/evil.example"), format!("/?q={control}")] {
                assert!(!is_path(&address), "{address:?}");
            }
        }
    }
}
