//! Redaction: takes secrets out of records before anything of them is durable.
//!
//! An operator gives *rules*: what to look for (a preset or a regular expression), where, and what happens to a match.
//! The admit stage applies them to raw records, ahead of the normalise stage. So a secret reaches no queue, store,
//! dead letter, sink or archive, no reason of a refusal, and no name of a service in the loss ledger. Records that
//! enter the queue in another way pass [`Redaction::record`]: dead letters and replays from before a rule.
//!
//! | file | content |
//! |---|---|
//! | `rules` | the grammar of a rule |
//! | `presets` | what the presets look for |
//! | `groups`, `luhn`, `addresses`, `phone` | the checks of presets: numbers in groups of digits, cards, addresses, phone numbers |
//! | `views` | a text without escapes, such as JSON within JSON |
//! | `apply` | the matches in a text, and the text without them |
//! | `record` | the texts of a record |
//! | `lists` | fields within lists, which are JSON text in one attribute |
//! | `copies` | values of single fields that are also in the message |
//! | `hash` | the keyed hash |
//! | `archived` | days of an archive, redacted as they are read |
//!
//! - Most texts have no match. One search for all rules together finds that out ([`Scope`]).
//! - All searches take linear time. An expression of an operator can make many matches expensive, so the number of its
//!   matches in one text is limited; the rest of the text then counts as one match.
//! - A text that was redacted is not redacted again: `[NAME]` and `[NAME:hash]` are left alone. So an agent and its
//!   server can have the same rules.

mod addresses;
mod apply;
mod archived;
mod copies;
mod groups;
mod hash;
mod lists;
mod luhn;
mod phone;
mod presets;
mod record;
mod rules;
#[cfg(test)]
mod tests;
mod views;

use std::{
    collections::HashMap,
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use foldhash::fast::RandomState;
use model::Text;
use regex::{Regex, RegexSet, RegexSetBuilder};

pub use self::{apply::Counts, archived::RedactedDays, hash::Key, presets::PRESETS, record::Change};
use self::{
    lists::Lists,
    rules::{Place, Rule},
};
use crate::{Error, Result, events::RedactionMeters};

/// The limit of rules.
pub const RULES: usize = 100;
/// The limit of the compiled form of all rules together, in bytes.
const COMPILED_BYTES: usize = 32 << 20;

/// All rules. Shared by all doors.
pub struct Redaction {
    rules: Vec<Rule>,
    /// The rules for every text.
    everywhere: Scope,
    message: Scope,
    service: Scope,
    node: Scope,
    level: Scope,
    /// The rules of all these scopes.
    all: Scope,
    /// Whether all texts of a record can be searched as one.
    is_joinable: bool,
    /// Attributes with rules of their own. The rules for every text are among them.
    attributes: HashMap<Text, Scope, RandomState>,
    lists: Lists,
    /// Numbers from this one on can match a rule for every text.
    numbers_from: Option<u64>,
    /// Finds what a rule has left: `[NAME]` and `[NAME:hash]`.
    own: Regex,
    key: Option<Key>,
    counts: Vec<AtomicU64>,
    meters: RedactionMeters,
}

/// A rule with its number of matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleView {
    pub name: String,
    /// The name of the preset, or `regex`. An expression may contain a secret, so it is not shown.
    pub pattern: String,
    /// The fields that it is limited to; empty: all.
    pub fields: Vec<String>,
    /// `mask`, `hash` or `drop`.
    pub action: &'static str,
    /// Matches since the start.
    pub count: u64,
}

/// The rules of a place, and one search that finds out which of them match a text.
#[derive(Debug)]
struct Scope {
    /// Indexes of rules.
    rules: Vec<usize>,
    filter: RegexSet,
}

impl Redaction {
    /// Compiles rules, each in the form `NAME=PRESET|/regex/ [in FIELD,…] [mask|hash|drop]`. Must be called after the
    /// metrics recorder is installed.
    ///
    /// # Errors
    /// `Invalid` if a rule is not understood or too large, if two have the same name, and for `hash` without a key.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>, key: Option<Key>) -> Result<Self> {
        let mut redaction = Self::compile(texts, key)?;
        redaction.meters = RedactionMeters::register(redaction.rules.iter().map(|rule| rule.name.as_str()));
        Ok(redaction)
    }

    /// One rule with the key of others: a trial, without a metric.
    ///
    /// # Errors
    /// As [`Redaction::new`].
    pub fn trial(rule: &str, key: Option<&Key>) -> Result<Self> {
        Self::compile([rule], key.cloned())
    }

    fn compile<'a>(texts: impl IntoIterator<Item = &'a str>, key: Option<Key>) -> Result<Self> {
        let mut rules: Vec<Rule> = Vec::new();
        for text in texts {
            let rule = Rule::parse(text).map_err(Error::invalid)?;
            if rules.iter().any(|other| other.name == rule.name) {
                return Err(Error::invalid(format!("redaction: two rules are named {}; rename one", rule.name)));
            }
            if rule.needs_key() && key.is_none() {
                return Err(Error::invalid(format!(
                    "redaction rule {}: hash needs a key; give a file with one by --redact-key-file",
                    rule.name
                )));
            }
            rules.push(rule);
        }
        if rules.len() > RULES {
            return Err(Error::invalid(format!("redaction: {} rules; the limit is {RULES}; join some", rules.len())));
        }
        Self::of_rules(rules, key).map_err(|error| {
            let mib = COMPILED_BYTES >> 20;
            Error::invalid(format!(
                "redaction: the rules together are too large ({error}); the limit of their compiled form is {mib} MiB; \
                 repeat less, or begin expressions with (?-u) if ASCII is enough"
            ))
        })
    }

    fn of_rules(rules: Vec<Rule>, key: Option<Key>) -> Result<Self, regex::Error> {
        let scope = |place: Option<&Place>| {
            let applies = |(index, rule): (usize, &Rule)| rule.applies(place).then_some(index);
            Scope::new(rules.iter().enumerate().filter_map(applies).collect(), &rules)
        };
        let mut attributes = HashMap::with_hasher(RandomState::default());
        for place in rules.iter().flat_map(Rule::places) {
            if let Place::Attribute(name) = place {
                attributes.insert(name.clone(), scope(Some(place))?);
            }
        }
        let names: Vec<String> = rules.iter().map(|rule| regex::escape(&rule.name)).collect();
        let own = Regex::new(&format!(r"\[(?:{})(?::[0-9a-f]{{16}})?\]", names.join("|")))?;
        Ok(Self {
            everywhere: scope(None)?,
            message: scope(Some(&Place::Message))?,
            service: scope(Some(&Place::Service))?,
            node: scope(Some(&Place::Node))?,
            level: scope(Some(&Place::Level))?,
            all: Scope::new((0..rules.len()).filter(|index| !rules[*index].is_for_attributes()).collect(), &rules)?,
            is_joinable: rules.iter().all(|rule| !rule.is_anchored()),
            attributes,
            lists: Lists::new(&rules),
            numbers_from: rules.iter().filter(|rule| rule.applies(None)).filter_map(Rule::numbers_from).min(),
            own,
            key,
            counts: rules.iter().map(|_| AtomicU64::new(0)).collect(),
            meters: RedactionMeters::default(),
            rules,
        })
    }

    /// The rules in their order.
    pub fn views(&self) -> Vec<RuleView> {
        let view = |(rule, count): (&Rule, &AtomicU64)| RuleView {
            name: rule.name.to_string(),
            pattern: rule.pattern_name().to_owned(),
            fields: rule.places().map(Place::name).collect(),
            action: rule.action.name(),
            count: count.load(Ordering::Relaxed),
        };
        self.rules.iter().zip(&self.counts).map(view).collect()
    }

    pub fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }

    /// Adds matches to the numbers since the start.
    pub fn count(&self, counts: &Counts) {
        for (index, count) in counts.iter() {
            if let Some(sum) = self.counts.get(index) {
                sum.fetch_add(count, Ordering::Relaxed);
            }
            self.meters.matched(index, count);
        }
    }
}

impl fmt::Debug for Redaction {
    /// Leaves out the key, and the expressions, which may contain secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.rules.iter().map(|rule| &rule.name)).finish()
    }
}

impl Scope {
    fn new(rules: Vec<usize>, all: &[Rule]) -> Result<Self, regex::Error> {
        let filters = rules.iter().filter_map(|index| all.get(*index)).map(Rule::filter);
        Ok(Self { filter: RegexSetBuilder::new(filters).size_limit(COMPILED_BYTES).build()?, rules })
    }

    /// Whether a rule of the scope may match.
    fn may_match(&self, text: &str) -> bool {
        !self.rules.is_empty() && self.filter.is_match(text)
    }

    /// The rules that may match.
    fn matching(&self, text: &str) -> impl Iterator<Item = usize> {
        self.filter.matches(text).into_iter().filter_map(|index| self.rules.get(index).copied())
    }
}
