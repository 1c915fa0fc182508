//! Saved views: documents that all readers share.

use std::sync::Arc;

use model::{Sight, api::SavedView, limits};
use pipeline::{Document, Documents, Error, Expected, Json, Kind, Result};
use serde::{Deserialize, Serialize};

use crate::sight::need_whole_sight;

/// The maximum size of an address in bytes: a query and the rest of a page's URL.
const ADDRESS_BYTES: usize = 4 * limits::QUERY_BYTES;

/// The kind of saved views. In JSON an address may take twice its bytes.
pub(crate) const VIEW: Kind = Kind {
    name: "view",
    format: 1,
    plural: "saved views",
    most_bytes: 2 * ADDRESS_BYTES + 100,
    most_documents: limits::VIEWS,
    check,
};

/// A stored view. Fields of newer versions are ignored.
#[derive(Serialize, Deserialize)]
struct View {
    address: String,
}

/// A view that a person wrote. An unknown field is an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenView {
    address: String,
}

/// The saved views.
#[derive(Clone)]
pub struct Views {
    documents: Arc<dyn Documents>,
    sight: Sight,
}

impl Views {
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        Self { documents, sight: Sight::default() }
    }

    /// The views for a caller with this sight: none for a limited one. Their names and queries are words of others, and
    /// may be of records that the caller does not see.
    #[must_use]
    pub fn seen_by(&self, sight: &Sight) -> Self {
        Self { documents: Arc::clone(&self.documents), sight: self.sight.and(sight) }
    }

    /// The views, sorted by name.
    pub async fn list(&self) -> Result<Vec<SavedView>> {
        if !self.sight.is_whole() {
            return Ok(Vec::new());
        }
        self.documents.list(&VIEW).await?.documents.into_iter().map(saved).collect()
    }

    /// # Errors
    /// `NotFound` if no view has the name, or its address is not a path of the dashboard.
    pub async fn address(&self, name: &str) -> Result<String> {
        let view = match self.sight.is_whole() {
            true => self.documents.get(&VIEW, name).await?.map(saved).transpose()?,
            false => None,
        };
        // The stored view may be older than this check.
        let address = view.map(|view| view.address).filter(|address| is_path(address));
        address.ok_or_else(|| Error::not_found(format!("no view is saved as {name:?}")))
    }

    /// Saves a view; replaces one of the same name.
    ///
    /// # Errors
    /// `Invalid` for an invalid name or address, and past the limit. `Conflict` for a view from a file. `Forbidden` for
    /// a limited sight.
    pub async fn save(&self, name: &str, address: &str) -> Result<()> {
        need_whole_sight(&self.sight, "saved views")?;
        let name = name.trim();
        check_view(name, address)?;
        let body = Json::from_value(&View { address: address.to_owned() })?;
        self.documents.put(&VIEW, name, &body, Expected::Any, None).await.map(drop)
    }

    /// Removes a view. Succeeds if it does not exist.
    ///
    /// # Errors
    /// `Conflict` for a view from a file. `Forbidden` for a limited sight.
    pub async fn remove(&self, name: &str) -> Result<()> {
        need_whole_sight(&self.sight, "saved views")?;
        self.documents.delete(&VIEW, name, Expected::Any, None).await.map(drop)
    }
}

fn saved(document: Document) -> Result<SavedView> {
    let View { address } = document
        .body
        .read()
        .map_err(|error| Error::corrupt(format!("the saved view {:?} does not read: {error}", document.name)))?;
    Ok(SavedView { name: document.name, address, read_only: document.file.is_some() })
}

/// Checks a view of an import or a file.
fn check(name: &str, body: &Json) -> Result<()> {
    let WrittenView { address } = body.read()?;
    if name != name.trim() {
        return Err(Error::invalid("name begins or ends with a blank; leave it out"));
    }
    check_view(name, &address)
}

fn check_view(name: &str, address: &str) -> Result<()> {
    if name.is_empty() || name.len() > limits::NAME_BYTES || name.chars().any(char::is_control) {
        return Err(Error::invalid(format!("name has {} bytes; it may have 1 to {}", name.len(), limits::NAME_BYTES)));
    }
    if !is_path(address) || address.len() > ADDRESS_BYTES {
        return Err(Error::invalid(format!(
            "address is no address of this dashboard; it begins with / and has at most {ADDRESS_BYTES} bytes, as in /?q=level:error"
        )));
    }
    Ok(())
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
