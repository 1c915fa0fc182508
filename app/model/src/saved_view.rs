//! Saved views: named dashboard addresses.

use serde::{Deserialize, Serialize};

/// A saved view: a dashboard address under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SavedView {
    /// 1 to 256 bytes: [`limits::NAME_BYTES`](crate::limits::NAME_BYTES).
    pub name: String,
    /// Path and parameters.
    pub address: String,
    /// Whether it comes from a file of the server, and can be changed only there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}
