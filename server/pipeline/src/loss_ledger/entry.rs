//! What was noted of one service in one hour.

use std::collections::BTreeMap;

use model::Nanos;
use serde::{Deserialize, Serialize};

/// The limit of reasons of a service that are counted one by one.
const REASONS: usize = 16;
/// The limit of bytes of a reason.
const REASON_BYTES: usize = 64;
/// The reason of rejections beyond the limit of reasons.
const OTHER: &str = "other";

/// The numbers of one service in one hour.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Records acknowledged as durable.
    #[serde(default)]
    pub(super) accepted: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) deduplicated: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) dead: u64,
    /// By reason. These records are not in `accepted`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) rejected: BTreeMap<String, u64>,
    /// When it last changed.
    pub(super) last: Nanos,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Entry {
    /// Counts rejections under the field that their reason names first.
    pub(super) fn reject(&mut self, reason: &str, records: u64) {
        let field = reason.split(':').next().unwrap_or_default();
        let field = if field.is_empty() || field.len() > REASON_BYTES { OTHER } else { field };
        let is_known = self.rejected.contains_key(field) || self.rejected.len() < REASONS;
        *self.rejected.entry(if is_known { field } else { OTHER }.to_owned()).or_default() += records;
    }

    /// Adds the numbers of another one.
    pub(super) fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.deduplicated += other.deduplicated;
        self.dead += other.dead;
        for (reason, count) in &other.rejected {
            *self.rejected.entry(reason.clone()).or_default() += count;
        }
        self.last = self.last.max(other.last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_bounded() {
        let mut entry = Entry::default();
        for number in 0..REASONS + 3 {
            entry.reject(&format!("field {number}: too long"), 1);
        }
        entry.reject("field 0: too long", 1);
        entry.reject(&"x".repeat(100), 1);
        assert_eq!(entry.rejected.len(), REASONS + 1);
        assert_eq!((entry.rejected["field 0"], entry.rejected[OTHER]), (2, 4));
    }
}
