//! Saved views: named dashboard addresses.

use serde::{Deserialize, Serialize};

/// A saved view: a dashboard address under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedView {
    /// 1 to [`limits::NAME_BYTES`](crate::limits::NAME_BYTES) bytes.
    pub name: String,
    /// Path and parameters.
    pub address: String,
}
