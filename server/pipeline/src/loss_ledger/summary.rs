//! What the counts of all hours say together.

use std::collections::BTreeMap;

use model::Nanos;

use super::{Hour, Totals, document::Count};

/// The result of the newest counts of all hours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// The oldest hour that was counted; `None` before the first count.
    pub since: Option<Hour>,
    /// The number of hours that were counted.
    pub hours: u64,
    /// Those with a line that could not be compared with what was received.
    pub uncertain: u64,
    /// When an hour was last counted.
    pub counted: Nanos,
    pub totals: Totals,
    /// The hours with missing records, newest first, and how many they miss.
    pub losses: Vec<(Hour, u64)>,
}

impl Summary {
    pub(super) fn of(counts: &BTreeMap<Hour, Count>) -> Self {
        Self {
            since: counts.keys().next().copied(),
            hours: counts.len() as u64,
            uncertain: counts.values().filter(|count| count.uncertain).count() as u64,
            counted: counts.values().map(|count| count.counted).max().unwrap_or(0),
            totals: counts.values().fold(Totals::default(), |sum, count| sum.plus(&count.totals)),
            losses: counts
                .iter()
                .rev()
                .filter(|(_, count)| count.totals.missing > 0)
                .map(|(hour, count)| (*hour, count.totals.missing))
                .collect(),
        }
    }
}
