//! Redaction as the API shows it.

use serde::{Deserialize, Serialize};

/// All rules of a server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RedactionView {
    pub rules: Vec<RedactionRuleView>,
}

/// A rule. Its expression is left out, because it may contain a secret.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RedactionRuleView {
    pub name: String,
    /// The name of a preset, `regex` or `any`.
    pub pattern: String,
    /// The fields that it is limited to; empty for all.
    pub fields: Vec<String>,
    /// `mask`, `hash` or `drop`.
    pub action: String,
    /// Matches since this process started.
    pub count: u64,
}

/// What a rule would have changed in stored records.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RedactionPreviewView {
    /// The number of records that were looked at: the newest ones.
    pub examined: u64,
    /// The number of those that the rule would have changed.
    pub changed: u64,
    /// The number of matches.
    pub matches: u64,
    /// Some of the changes, newest first.
    pub examples: Vec<RedactionExampleView>,
}

/// A text of a record, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RedactionExampleView {
    /// The id of the record.
    pub id: String,
    /// The time of the record.
    pub time: String,
    pub field: String,
    /// The text around the first change.
    pub before: String,
    /// `None` if the field goes, or gets another name.
    pub after: Option<String>,
}
