//! JSON types of the loss ledger.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The loss ledger of some hours: received = stored + deduplicated + rejected + dead + deleted + in flight.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LedgerView {
    /// The hours that were counted, in RFC 3339; `to` is exclusive.
    pub from: String,
    pub to: String,
    pub totals: LedgerNumbers,
    /// By hour and service; the newest hour first.
    pub rows: Vec<LedgerRowView>,
}

/// One hour and service of the loss ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LedgerRowView {
    /// The beginning of the hour of the records' times, in RFC 3339. A rejected record is in the hour of its receipt.
    pub hour: String,
    /// `*` for all services of an hour with more than 1,000 of them.
    pub service: String,
    #[serde(flatten)]
    pub numbers: LedgerNumbers,
    /// The rejected records by the field that the reason names.
    pub rejected_by: BTreeMap<String, u64>,
    /// `settled`: compared with what was received and with what was counted before. `in_flight`, `uncertain` (a process
    /// was killed before its numbers were written): compared with what was counted before. `expired`: not compared.
    pub state: String,
}

/// Numbers of records in the loss ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LedgerNumbers {
    pub received: u64,
    /// Counted in the store.
    pub stored: u64,
    /// Sent again by a client, and stored once.
    pub deduplicated: u64,
    pub rejected: u64,
    /// In dead letters.
    pub dead: u64,
    /// Removed by a deletion of a user.
    #[serde(default)]
    pub deleted: u64,
    pub in_flight: u64,
    /// Received, or counted before, and not there.
    pub missing: u64,
    /// Stored and not received: from before the ledger, put in by a replay, or noted by a process that was killed.
    pub surplus: u64,
}

/// What the loss ledger says of all its hours.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LedgerSummaryView {
    /// The oldest hour that was counted, in RFC 3339; `null` before the first count.
    pub since: Option<String>,
    /// From then until now.
    pub since_hours: u64,
    /// The number of hours with records that were counted.
    pub hours: u64,
    /// Those that were not compared with what was received, because a process was killed.
    pub uncertain_hours: u64,
    /// When an hour was last counted, in RFC 3339.
    pub counted: Option<String>,
    pub totals: LedgerNumbers,
    /// The newest hours with missing records, newest first; at most 100.
    pub losses: Vec<LedgerLossView>,
}

/// An hour with missing records.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LedgerLossView {
    /// Its beginning and its end, in RFC 3339.
    pub from: String,
    pub to: String,
    pub missing: u64,
}
