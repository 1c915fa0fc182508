//! The matches in a text, and the text without them.

use std::{borrow::Cow, ops::Range, sync::Arc};

use model::Text;

use super::{
    Redaction, Scope,
    rules::Action,
    views::{View, has_escapes, views},
};

/// Numbers of matches in several records.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// By the index of the rule; empty without a match.
    rules: Vec<u64>,
    /// A buffer for the texts of a record, kept for the next one.
    pub(super) joined: String,
}

impl Counts {
    pub(super) fn add(&mut self, rule: usize) {
        if self.rules.len() <= rule {
            self.rules.resize(rule + 1, 0);
        }
        if let Some(count) = self.rules.get_mut(rule) {
            *count += 1;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The number of matches.
    pub fn sum(&self) -> u64 {
        self.rules.iter().sum()
    }

    /// The rules that matched, with their numbers of matches.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, u64)> {
        self.rules.iter().copied().enumerate().filter(|(_, count)| *count > 0)
    }
}

/// A match.
#[derive(Debug, Clone)]
pub(super) struct Hit {
    /// Its place in the text.
    pub(super) span: Range<usize>,
    pub(super) rule: usize,
    /// What matched, without escapes.
    pub(super) secret: Arc<str>,
}

impl Redaction {
    /// A text outside of records, such as the reason of a refusal, without what the rules for every text match. Counts
    /// nothing.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.hits(&self.everywhere, text) {
            hits if hits.is_empty() => Cow::Borrowed(text),
            hits => Cow::Owned(self.without(text, &hits)),
        }
    }

    /// The service that a record counts for, without what the rules match. Counts nothing.
    pub(crate) fn service(&self, service: &str, node: &str) -> Text {
        let scoped = |scope, text| self.without(text, &self.hits(scope, text));
        // As in the normalise stage.
        let service = if service.is_empty() { scoped(&self.node, node) } else { service.to_owned() };
        scoped(&self.service, &service).into()
    }

    /// The matches of the rules of a scope, in order and apart from each other.
    pub(super) fn hits(&self, scope: &Scope, text: &str) -> Vec<Hit> {
        let mut hits = Vec::new();
        if text.is_empty() || scope.rules.is_empty() {
            return hits;
        }
        if scope.may_match(text) {
            self.find(scope, text, None, &mut hits);
        }
        if has_escapes(text) {
            for view in views(text) {
                if scope.may_match(&view.text) {
                    self.find(scope, &view.text, Some(&view), &mut hits);
                }
            }
        }
        self.apart(text, hits)
    }

    fn find(&self, scope: &Scope, text: &str, view: Option<&View>, hits: &mut Vec<Hit>) {
        for index in scope.matching(text) {
            let Some(rule) = self.rules.get(index) else { continue };
            // A view has nothing to add to the whole value.
            if rule.is_any() && view.is_some() {
                continue;
            }
            rule.find(text, &mut |span| {
                let origin = view.map_or(Some(span.clone()), |view| view.origin(&span));
                if let (Some(origin), Some(secret)) = (origin, text.get(span)) {
                    hits.push(Hit { span: origin, rule: index, secret: secret.into() });
                }
            });
        }
    }

    /// Sorts matches, joins overlapping ones and leaves out what an earlier redaction has left. Joined matches take the
    /// form of the first rule.
    pub(super) fn apart(&self, text: &str, mut hits: Vec<Hit>) -> Vec<Hit> {
        if hits.is_empty() {
            return hits;
        }
        let own: Vec<Range<usize>> = self.own.find_iter(text).map(|found| found.range()).collect();
        let is_own = |span: &Range<usize>| {
            let before = own.partition_point(|own| own.start <= span.start);
            before.checked_sub(1).and_then(|place| own.get(place)).is_some_and(|own| span.end <= own.end)
        };
        hits.retain(|hit| !is_own(&hit.span));
        hits.sort_by_key(|hit| (hit.span.start, std::cmp::Reverse(hit.span.end), hit.rule));
        let mut apart: Vec<Hit> = Vec::with_capacity(hits.len());
        for hit in hits {
            match apart.last_mut() {
                Some(last) if hit.span.start < last.span.end => {
                    if hit.span.end > last.span.end {
                        last.span.end = hit.span.end;
                        last.secret = text.get(last.span.clone()).unwrap_or_default().into();
                    }
                    last.rule = last.rule.min(hit.rule);
                }
                _ => apart.push(hit),
            }
        }
        apart
    }

    /// The text with the matches replaced.
    pub(super) fn without(&self, text: &str, hits: &[Hit]) -> String {
        let mut result = String::with_capacity(text.len());
        let mut done = 0;
        for hit in hits {
            result.push_str(text.get(done..hit.span.start).unwrap_or_default());
            self.push_replacement(hit, &mut result);
            done = hit.span.end;
        }
        result.push_str(text.get(done..).unwrap_or_default());
        result
    }

    fn push_replacement(&self, hit: &Hit, result: &mut String) {
        let Some(rule) = self.rules.get(hit.rule) else { return };
        if rule.action == Action::Drop {
            return;
        }
        result.push('[');
        result.push_str(&rule.name);
        if rule.action == Action::Hash
            && let Some(key) = &self.key
        {
            result.push(':');
            result.push_str(&key.hash(&rule.canonical(&hit.secret)));
        }
        result.push(']');
    }

    /// Whether a match removes its attribute.
    pub(super) fn drops(&self, hits: &[Hit]) -> bool {
        hits.iter().any(|hit| self.rules.get(hit.rule).is_some_and(|rule| rule.action == Action::Drop))
    }
}
