//! Keys, users, sessions and networks as lists show them. They hold no secret and no hash of one. Times are RFC 3339 texts
//! in UTC.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyView {
    /// The public part: the 8 characters after `lb_`.
    pub id: String,
    pub name: String,
    /// Of `write`, `read`, `admin`.
    pub scopes: Vec<String>,
    /// The service of every record that it sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Attributes of every record that it sends.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// The doors that it may use; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doors: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_per_second: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_day: Option<u64>,
    /// A query: it sees only the records that match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// The fields that it does not see.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<String>,
    pub created: String,
    /// The principal that created it, such as `user kim`.
    pub created_by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// When a call or a stream last began with it, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<String>,
    /// The address of that call; behind a proxy that of the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_address: Option<String>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserView {
    pub name: String,
    /// `viewer`, `editor` or `admin`.
    pub role: String,
    /// A query: the user sees only the records that match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// The fields that the user does not see.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<String>,
    pub created: String,
    /// Who the user is at the identity provider, if the user logs in by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalView>,
}

/// Who a user is at an identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExternalView {
    /// The name for people, as it was at the last log-in.
    pub label: String,
    pub issuer: String,
    pub subject: String,
}

/// A session of a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionView {
    /// The public id.
    pub id: String,
    pub user: String,
    /// The address at the log-in.
    pub address: String,
    /// The `User-Agent` at the log-in.
    pub agent: String,
    pub created: String,
    /// To the hour.
    pub last_used: String,
    /// Whether it is the session of the reader of the list.
    #[serde(default)]
    pub current: bool,
}

/// Who may write without a key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnonymousView {
    /// The networks that an admin has let in, such as `10.0.0.0/8`.
    pub write: Vec<String>,
    /// The rules of `--anonymous` of the server that answers, such as `write=10.0.0.0/8`. They change with a restart.
    pub options: Vec<String>,
}
