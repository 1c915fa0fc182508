//! The ledger's documents: sheets, which hold what the nodes have noted, and counts of what the store had.

use std::collections::BTreeMap;

use model::Nanos;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Hour, Totals, entry::Entry};
use crate::{Document, Documents, Kind, Result, documents::unchecked};

/// The sheets: one for each hour, process and time of noting, under `2026-11-19T14 3f9a…`. They belong to the store, so
/// they are neither exported nor imported.
pub const SHEET: Kind = Kind {
    name: "loss-ledger",
    format: 1,
    plural: "sheets of the loss ledger",
    most_bytes: 1 << 20,
    most_documents: 50_000,
    check: unchecked,
};

/// The counts: one for each hour, under `2026-11-19T14`.
pub const COUNT: Kind = Kind {
    name: "loss-ledger-count",
    format: 1,
    plural: "counts of the loss ledger",
    most_bytes: 4 << 20,
    most_documents: 10_000,
    check: unchecked,
};

/// What one process has noted of one hour.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Sheet {
    /// Everything noted before this time has reached the store.
    pub(super) settled: Nanos,
    pub(super) services: BTreeMap<String, Entry>,
    /// The services beyond the limit, together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) others: Option<Entry>,
    /// Whether this process notes it, which therefore runs.
    #[serde(skip)]
    pub(super) is_own: bool,
}

/// What the store had of one hour when it was last counted.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Count {
    pub(super) counted: Nanos,
    /// The largest number of records ever counted, by service.
    pub(super) most: BTreeMap<String, u64>,
    pub(super) totals: Totals,
    /// Whether some line could not be compared with what was received ([`State::Uncertain`](super::State::Uncertain)).
    #[serde(default)]
    pub(super) uncertain: bool,
}

/// The sheets of the hours for which `wanted` is true, with the name of each. What cannot be read is left out: then
/// less is compared, and nothing is reported that is not so.
pub(super) async fn sheets(
    documents: &dyn Documents,
    wanted: impl Fn(Hour) -> bool,
) -> Result<Vec<(Hour, String, Sheet)>> {
    let listing = documents.list(&SHEET).await?;
    Ok(listing.documents.into_iter().filter_map(|document| read_named(document, &wanted)).collect())
}

/// A document whose name begins with an hour, if the hour is wanted.
pub(super) fn read_named<T: DeserializeOwned>(
    document: Document,
    wanted: &impl Fn(Hour) -> bool,
) -> Option<(Hour, String, T)> {
    let hour = hour_of_sheet(&document.name).filter(|hour| wanted(*hour))?;
    match document.body.read() {
        Ok(sheet) => Some((hour, document.name, sheet)),
        Err(error) => {
            tracing::warn!("the sheet {:?} of the loss ledger cannot be read and is left out: {error}", document.name);
            None
        }
    }
}

pub(super) fn sheet_name(hour: Hour, id: u64) -> String {
    format!("{hour} {id:016x}")
}

pub(super) fn hour_of_sheet(name: &str) -> Option<Hour> {
    Hour::parse(name.split_once(' ')?.0)
}

/// All counts, by hour.
pub(super) async fn counts(documents: &dyn Documents) -> Result<BTreeMap<Hour, Count>> {
    let listing = documents.list(&COUNT).await?;
    let read = |document: Document| Some((Hour::parse(&document.name)?, document.body.read().ok()?));
    Ok(listing.documents.into_iter().filter_map(read).collect())
}
