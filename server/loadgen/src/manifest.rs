//! The description of a run, for `verify`.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use model::Nanos;
use serde::{Deserialize, Serialize};

use crate::{corpus::kind::CorpusKind, reading::Scope};

/// The parameters that determine the sent records, and the acknowledged ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The name of the run, part of each record.
    pub run: String,
    pub corpus: CorpusKind,
    pub shape: Shape,
    pub seed: u64,
    pub times: Times,
    /// Records 0 to `sent` − 1 were sent or tried.
    pub sent: u64,
    /// The acknowledged records: first and last number of each range, in order.
    pub acknowledged: Vec<(u64, u64)>,
}

/// The fields that a door can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Shape {
    /// All fields; `run` and `seq` are attributes.
    Full,
    /// Node, time, level and message; run and number are at the end of the message.
    Line,
}

/// The time of each record, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Times {
    /// The time of record 0, in nanoseconds since the Unix epoch.
    pub base: Nanos,
    /// The interval between records, in nanoseconds.
    pub step: Nanos,
    /// The maximum random delay of each record, in nanoseconds.
    pub jitter: Nanos,
}

impl Manifest {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is not the manifest of a run", path.display()))
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec(self)?;
        fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
    }

    /// The query that finds exactly the run's records. Records without the name of the run are those without a
    /// service, so the store must hold no others.
    pub(crate) fn query(&self) -> String {
        if !self.corpus.is_numbered() {
            return "-service:*".to_owned();
        }
        match self.shape {
            Shape::Full => format!("run:{}", self.run),
            Shape::Line => format!("\"run={} \"", self.run),
        }
    }

    /// The query and the time range of the run, with an hour of margin; with a day, if records get the time of receipt.
    pub(crate) fn scope(&self) -> Scope {
        const HOUR: Nanos = 3_600_000_000_000;
        let margin = if self.corpus.is_numbered() { HOUR } else { 24 * HOUR };
        let Times { base, step, jitter } = self.times;
        let last = base.saturating_add(step.saturating_mul(self.sent as Nanos)).saturating_add(jitter);
        Scope { query: self.query(), from: base - HOUR, to: last.saturating_add(margin) }
    }
}

/// Sorts ranges of record numbers (first, last) and merges adjacent ones.
pub(crate) fn joined(mut ranges: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    ranges.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (first, last) in ranges {
        match joined.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => joined.push((first, last)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_or_overlap_become_one() {
        assert_eq!(joined(vec![(10, 19), (0, 9), (30, 39), (35, 40)]), [(0, 19), (30, 40)]);
        assert_eq!(joined(vec![]), []);
    }
}
