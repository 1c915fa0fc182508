//! The lines of the ledger, and their sums.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Hour;

/// Stands for all services of an hour that has too many of them.
pub(super) const ALL: &str = "*";

/// What a [`Line`] was compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// With what was received, and with what was counted before.
    Settled,
    /// With what was counted before. The rest is in flight.
    InFlight,
    /// With what was counted before: a process ended before the numbers of the row had settled.
    Uncertain,
    /// With nothing: retention may have deleted records of it.
    Expired,
}

/// One hour and service. `received` = `stored` + `deduplicated` + the sum of `rejected` + `dead` + `deleted` +
/// `in_flight` + `missing` − `surplus`, in the state [`State::Settled`] or [`State::InFlight`] and unless more was
/// counted before than was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub hour: Hour,
    /// `*` for all services of an hour with more than 1,000 of them.
    pub service: String,
    pub received: u64,
    pub stored: u64,
    pub deduplicated: u64,
    /// By the field that the reason names.
    pub rejected: BTreeMap<String, u64>,
    pub dead: u64,
    /// Removed by users ([`crate::deletion`]). While a deletion runs, at most what it counted before.
    pub deleted: u64,
    pub in_flight: u64,
    pub missing: u64,
    /// Stored and not received: from before the ledger, put in by a replay, or noted by a process that was killed.
    pub surplus: u64,
    pub state: State,
    /// The largest number of stored records ever counted, with those that were deleted by then.
    pub(super) most: u64,
}

/// The sums of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    pub received: u64,
    pub stored: u64,
    pub deduplicated: u64,
    pub rejected: u64,
    pub dead: u64,
    pub deleted: u64,
    pub in_flight: u64,
    pub missing: u64,
    pub surplus: u64,
}

impl Totals {
    pub fn of<'l>(lines: impl IntoIterator<Item = &'l Line>) -> Self {
        lines.into_iter().fold(Self::default(), |sum, line| {
            sum.plus(&Self {
                received: line.received,
                stored: line.stored,
                deduplicated: line.deduplicated,
                rejected: line.rejected.values().sum(),
                dead: line.dead,
                deleted: line.deleted,
                in_flight: line.in_flight,
                missing: line.missing,
                surplus: line.surplus,
            })
        })
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        Self {
            received: self.received + other.received,
            stored: self.stored + other.stored,
            deduplicated: self.deduplicated + other.deduplicated,
            rejected: self.rejected + other.rejected,
            dead: self.dead + other.dead,
            deleted: self.deleted + other.deleted,
            in_flight: self.in_flight + other.in_flight,
            missing: self.missing + other.missing,
            surplus: self.surplus + other.surplus,
        }
    }
}
