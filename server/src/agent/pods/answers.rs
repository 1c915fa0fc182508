//! The answers of the Kubernetes API.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::pod::{Object, Pod};

/// A page of the list.
#[derive(Deserialize)]
pub(super) struct Page {
    metadata: PageMetadata,
    /// `null` if there is none, by some servers.
    items: Option<Vec<Object>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMetadata {
    resource_version: String,
    #[serde(default)]
    r#continue: String,
}

impl Page {
    /// The version of the list, the token of the next page (empty: this is the last), and the pods.
    pub(super) fn into_parts(self) -> (String, String, impl Iterator<Item = Pod>) {
        let PageMetadata { resource_version, r#continue } = self.metadata;
        (resource_version, r#continue, self.items.into_iter().flatten().map(Pod::from))
    }
}

/// An event of a watch, with the version up to which the watch has come.
#[derive(Debug)]
pub(super) enum Event {
    /// A pod was added or modified.
    Seen(Box<Pod>, String),
    Deleted(Box<Pod>, String),
    /// Nothing has changed up to this version.
    Bookmark(String),
}

#[derive(Deserialize)]
pub(super) struct RawEvent<'a> {
    pub(super) r#type: String,
    #[serde(borrow)]
    pub(super) object: &'a RawValue,
}

/// The version, which each object of the API has in its metadata.
#[derive(Deserialize)]
pub(super) struct Versioned {
    pub(super) metadata: Version,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Version {
    pub(super) resource_version: String,
}

/// The server's answer to what it refuses.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Status {
    pub(super) code: u16,
    pub(super) message: String,
}
