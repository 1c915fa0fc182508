//! Checks conservation: every given record must be found, exactly once.
//!
//! Each record has an id chosen by the test. The test reports the given, acknowledged and found ids; the verdict lists
//! violations. An id that was given but not acknowledged may be found once or not at all, because the client received
//! an error.

use std::{collections::BTreeMap, fmt};

use parking_lot::Mutex;

/// Records ids; may be shared between tasks.
#[derive(Debug, Default)]
pub struct Oracle {
    ids: Mutex<BTreeMap<String, Fate>>,
}

#[derive(Debug, Default)]
struct Fate {
    is_given: bool,
    is_acknowledged: bool,
    found: u32,
}

impl Oracle {
    pub fn new() -> Self {
        Self::default()
    }

    /// The record was sent to the server.
    pub fn given(&self, id: impl Into<String>) {
        self.ids.lock().entry(id.into()).or_default().is_given = true;
    }

    /// The server has acknowledged the record.
    pub fn acknowledged(&self, id: impl Into<String>) {
        self.ids.lock().entry(id.into()).or_default().is_acknowledged = true;
    }

    /// The record is in the store, or was seen by a reader.
    pub fn found(&self, id: impl Into<String>) {
        self.ids.lock().entry(id.into()).or_default().found += 1;
    }

    /// The number of acknowledged ids not yet found.
    pub fn missing(&self) -> usize {
        self.ids.lock().values().filter(|fate| fate.is_acknowledged && fate.found == 0).count()
    }

    /// Checks the reports so far.
    pub fn verdict(&self) -> Verdict {
        let mut verdict = Verdict::default();
        for (id, fate) in self.ids.lock().iter() {
            verdict.acknowledged += usize::from(fate.is_acknowledged);
            verdict.found += usize::from(fate.found > 0);
            if fate.is_acknowledged && fate.found == 0 {
                verdict.lost.push(id.clone());
            }
            if fate.found > 1 {
                verdict.doubled.push(id.clone());
            }
            if fate.found > 0 && !fate.is_given {
                verdict.invented.push(id.clone());
            }
        }
        verdict
    }
}

/// The ids that violate conservation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Acknowledged and not found.
    pub lost: Vec<String>,
    /// Found more than once.
    pub doubled: Vec<String>,
    /// Found and never given.
    pub invented: Vec<String>,
    pub acknowledged: usize,
    /// Distinct ids.
    pub found: usize,
}

impl Verdict {
    pub fn is_clean(&self) -> bool {
        self.lost.is_empty() && self.doubled.is_empty() && self.invented.is_empty()
    }

    /// # Panics
    /// If anything was lost, duplicated or invented.
    pub fn assert_clean(&self) {
        assert!(self.is_clean(), "{self}");
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "acknowledged {}, found {}", self.acknowledged, self.found)?;
        for (what, ids) in [("lost", &self.lost), ("doubled", &self.doubled), ("invented", &self.invented)] {
            write!(f, ", {what} {}", ids.len())?;
            if let Some(first) = ids.first() {
                write!(f, " (such as {first})")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_names_what_was_lost_doubled_and_invented() {
        let oracle = Oracle::new();
        for id in ["kept", "lost", "doubled", "refused", "lucky"] {
            oracle.given(id);
        }
        for id in ["kept", "lost", "doubled"] {
            oracle.acknowledged(id);
        }
        for id in ["kept", "doubled", "doubled", "lucky", "invented"] {
            oracle.found(id);
        }
        let verdict = oracle.verdict();
        assert_eq!(verdict.lost, ["lost"]);
        assert_eq!(verdict.doubled, ["doubled"]);
        assert_eq!(verdict.invented, ["invented"]);
        assert!(!verdict.is_clean());
        assert_eq!(oracle.missing(), 1);
        assert_eq!(
            verdict.to_string(),
            "acknowledged 3, found 4, lost 1 (such as lost), doubled 1 (such as doubled), invented 1 (such as invented)"
        );
    }
}
