//! Events of redaction.

use metrics::{Counter, counter};

/// Numbers of matches by rule. The default counts nothing.
#[derive(Default)]
pub(crate) struct RedactionMeters {
    /// In the order of the rules.
    matches: Vec<Counter>,
}

impl RedactionMeters {
    pub(crate) fn register<'a>(rules: impl Iterator<Item = &'a str>) -> Self {
        Self { matches: rules.map(|rule| counter!("logboom_redactions_total", "rule" => rule.to_owned())).collect() }
    }

    /// A rule has matched.
    pub(crate) fn matched(&self, rule: usize, count: u64) {
        if let Some(counter) = self.matches.get(rule) {
            counter.increment(count);
        }
    }
}
