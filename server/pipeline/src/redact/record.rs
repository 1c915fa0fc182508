//! The texts of a record.

use std::mem;

use model::{Record, Text, Value, attribute_place, audit, limits};

use super::{
    Redaction, Scope,
    apply::{Counts, Hit},
    copies::add_copies,
    lists::Listed,
    views::has_escapes,
};
use crate::normalise::{RawId, RawRecord, RawTime};

/// The attribute in which the TCP door keeps a packet as it came.
const PACKET: &str = "client.packet";
/// The attributes in which the normalise stage keeps what it replaced.
const ORIGINALS: [&str; 3] = ["time.original", "trace_id.original", "span_id.original"];
/// The texts of a larger record are searched one by one.
const JOINED_BYTES: usize = 64 << 10;

/// A text of a record that a rule changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub field: String,
    pub before: String,
    /// `None` if the field goes.
    pub after: Option<String>,
}

/// The texts of a record.
struct Parts<'a> {
    message: &'a mut String,
    service: &'a mut Text,
    node: &'a mut Text,
    level: &'a mut Text,
    attributes: &'a mut Vec<(Text, Value)>,
}

/// What was found in the attributes of a record.
#[derive(Default)]
struct Found {
    /// What rules for single fields took out.
    taken: Vec<Hit>,
    renamed: Vec<Text>,
    /// The rule that removed an attribute last.
    dropped_by: Option<usize>,
}

impl Redaction {
    /// Redacts a record as it came, and adds the matches to `counts`. The normalise stage comes after it.
    pub fn raw(&self, raw: &mut RawRecord, counts: &mut Counts) {
        let RawRecord { message, service, node, level, attributes, time, trace_id, span_id, .. } = raw;
        self.parts(
            Parts { message, service: &mut *service, node: &mut *node, level, attributes: &mut *attributes },
            counts,
        );
        self.service_of_node(service, node, attributes, counts);
        // A time or an id that cannot be read becomes an attribute, cut to this length. A secret must not be cut before
        // it is found. Shorter ones follow in `originals`.
        if let RawTime::Text(text) = time
            && text.len() > limits::NAME_BYTES
        {
            self.long_text(text, counts);
        }
        for id in [trace_id, span_id] {
            if let RawId::Bytes(bytes) = id
                && bytes.len() > limits::NAME_BYTES
            {
                *id = RawId::Text(String::from_utf8_lossy(bytes).into_owned());
            }
            if let RawId::Text(text) = id
                && text.len() > limits::NAME_BYTES
            {
                self.long_text(text, counts);
            }
        }
    }

    /// Redacts the times and ids that the normalise stage kept as texts.
    pub(crate) fn originals(&self, record: &mut Record, counts: &mut Counts) {
        for name in ORIGINALS {
            let Ok(place) = attribute_place(&record.attributes, name) else { continue };
            let (name, value) = &mut record.attributes[place];
            // The name is the stage's own.
            if !self.value(name, value, &mut Found::default(), counts) {
                record.attributes.remove(place);
            }
        }
    }

    /// The normalise stage takes the node for a missing service, so the rules for the service are for this node, too.
    fn service_of_node(
        &self,
        service: &mut Text,
        node: &str,
        attributes: &mut Vec<(Text, Value)>,
        counts: &mut Counts,
    ) {
        // The rules for every text were applied to the node.
        if !service.is_empty() || self.service.rules.len() == self.everywhere.rules.len() {
            return;
        }
        let hits = self.hits(&self.service, node);
        let Some(rule) = hits.first().and_then(|hit| self.rules.get(hit.rule)) else { return };
        hits.iter().for_each(|hit| counts.add(hit.rule));
        *service = self.without(node, &hits).into();
        if service.is_empty() {
            // Otherwise the whole node would be taken.
            *service = format!("[{}]", rule.name).into();
        }
        if hits.iter().any(|hit| self.is_bound(hit.rule)) {
            attributes.retain(|(name, _)| name != PACKET);
        }
    }

    /// Redacts a record that was normalised before, and counts the matches: one that is stored once more, from a dead
    /// letter or an archive. Texts that grow past their limits are cut.
    pub fn record(&self, record: &mut Record) {
        let counts = self.redact(record);
        self.count(&counts);
    }

    /// Redacts records that come back. Audit records stay as they are, as when they were written.
    pub(crate) fn all<'r>(&self, records: impl IntoIterator<Item = &'r mut Record>) {
        records.into_iter().filter(|record| !audit::is_audit(record)).for_each(|record| self.record(record));
    }

    /// What the rules change in a record. Counts nothing.
    pub fn changes(&self, record: &Record) -> (Vec<Change>, u64) {
        let mut after = record.clone();
        let counts = self.redact(&mut after);
        let texts = |record: &Record| {
            [
                ("message", record.message.clone()),
                ("service", record.service.to_string()),
                ("node", record.node.to_string()),
                ("level", record.level.to_string()),
            ]
        };
        let mut changes: Vec<Change> = Vec::new();
        for ((field, before), (_, after)) in texts(record).into_iter().zip(texts(&after)) {
            if before != after {
                changes.push(Change { field: field.to_owned(), before, after: Some(after) });
            }
        }
        for (name, before) in &record.attributes {
            let now = after.attribute(name);
            if now != Some(before) {
                let (before, after) = (before.to_string(), now.map(Value::to_string));
                changes.push(Change { field: name.to_string(), before, after });
            }
        }
        (changes, counts.sum())
    }

    fn redact(&self, record: &mut Record) -> Counts {
        let mut counts = Counts::default();
        let Record { message, service, node, level, attributes, .. } = record;
        self.parts(Parts { message, service, node, level, attributes }, &mut counts);
        if !counts.is_empty() {
            restore_invariants(record);
        }
        counts
    }

    fn parts(&self, parts: Parts<'_>, counts: &mut Counts) {
        if self.is_clean(&parts, &mut counts.joined) {
            return;
        }
        let Parts { message, service, node, level, attributes } = parts;
        let mut found = Found::default();
        attributes.retain_mut(|(name, value)| self.attribute(name, value, &mut found, counts));
        if !found.renamed.is_empty() {
            number_equal_names(attributes, &found.renamed);
        }
        let mut hits = self.hits(&self.message, message);
        let is_bound = |hits: &[Hit]| hits.iter().any(|hit| self.is_bound(hit.rule));
        let mut is_single = !found.taken.is_empty() || is_bound(&hits);
        if !found.taken.is_empty() {
            add_copies(message, &found.taken, &mut hits);
            hits = self.apart(message, hits);
        }
        self.replace(message, &hits, counts);
        for (text, scope) in [(service, &self.service), (node, &self.node), (level, &self.level)] {
            let hits = self.hits(scope, text);
            if !hits.is_empty() {
                is_single |= is_bound(&hits);
                let mut changed = mem::take(text).into_string();
                self.replace(&mut changed, &hits, counts);
                *text = changed.into();
            }
        }
        if is_single {
            // The packet has the fields in a form of its own, so no rule for a single field finds them there.
            attributes.retain(|(name, _)| name != PACKET);
        }
        // An empty record would be refused, although it was not empty.
        let emptied_by = found.dropped_by.or_else(|| hits.first().map(|hit| hit.rule));
        if let Some(rule) = emptied_by.and_then(|rule| self.rules.get(rule))
            && message.is_empty()
            && attributes.is_empty()
        {
            *message = format!("[{}]", rule.name);
        }
    }

    /// Whether no text of a record can have a match. One search in all texts together is much cheaper than one for each.
    fn is_clean(&self, parts: &Parts<'_>, joined: &mut String) -> bool {
        if !self.is_joinable || parts.message.len() > JOINED_BYTES {
            return false;
        }
        joined.clear();
        for text in [parts.message.as_str(), parts.service, parts.node, parts.level] {
            push(joined, text);
        }
        for (name, value) in parts.attributes.iter() {
            if joined.len() > JOINED_BYTES || (!self.attributes.is_empty() && self.attributes.contains_key(name)) {
                return false;
            }
            push(joined, name);
            match value {
                Value::Text(text)
                    if self.lists.may_have(name, text)
                        || self.secret_by_name(&self.everywhere, name, text).is_some() =>
                {
                    return false;
                }
                Value::Text(text) => push(joined, text),
                Value::Int(number) if self.may_be(number.unsigned_abs()) => push(joined, &number.to_string()),
                Value::Float(number) if self.may_be(number.abs() as u64) => push(joined, &number.to_string()),
                _ => {}
            }
        }
        !has_escapes(joined) && !self.all.may_match(joined)
    }

    /// Redacts an attribute. Returns false if it goes.
    fn attribute(&self, name: &mut Text, value: &mut Value, found: &mut Found, counts: &mut Counts) -> bool {
        self.value(name, value, found, counts) && self.name(name, found, counts)
    }

    /// Redacts the value of an attribute. Returns false if the attribute goes.
    fn value(&self, name: &str, value: &mut Value, found: &mut Found, counts: &mut Counts) -> bool {
        let own = if self.attributes.is_empty() { None } else { self.attributes.get(name) };
        let scope = own.unwrap_or(&self.everywhere);
        let hits = match value {
            Value::Text(text) => self.text_hits(scope, name, text, found),
            Value::Int(number) if own.is_some() || self.may_be(number.unsigned_abs()) => {
                self.hits(scope, &number.to_string())
            }
            Value::Float(number) if own.is_some() || self.may_be(number.abs() as u64) => {
                self.hits(scope, &number.to_string())
            }
            Value::Bool(_) if own.is_some() => self.hits(scope, &value.to_string()),
            _ => Vec::new(),
        };
        if hits.is_empty() {
            return true;
        }
        let is_dropped = self.drops(&hits);
        hits.iter().for_each(|hit| counts.add(hit.rule));
        if is_dropped {
            found.dropped_by = hits.first().map(|hit| hit.rule);
        } else {
            *value = Value::Text(self.without(&value.to_string(), &hits).into());
        }
        found.taken.extend(hits.into_iter().filter(|hit| self.is_bound(hit.rule)));
        !is_dropped
    }

    /// Redacts the name of an attribute. Returns false if the attribute goes.
    fn name(&self, name: &mut Text, found: &mut Found, counts: &mut Counts) -> bool {
        let hits = self.hits(&self.everywhere, name);
        if hits.is_empty() {
            return true;
        }
        hits.iter().for_each(|hit| counts.add(hit.rule));
        if self.drops(&hits) {
            found.dropped_by = hits.first().map(|hit| hit.rule);
            return false;
        }
        *name = self.without(name, &hits).into();
        found.renamed.push(name.clone());
        true
    }

    /// The matches in a value, of which the name may tell that it is a secret as a whole. So is a list with a field of
    /// a rule.
    fn text_hits(&self, scope: &Scope, name: &str, text: &str, found: &mut Found) -> Vec<Hit> {
        let mut hits = self.hits(scope, text);
        let listed = self.lists.find(name, text);
        let rules = [self.secret_by_name(scope, name, text), listed.as_ref().map(|listed| listed.rule)];
        if let Some(rule) = rules.into_iter().flatten().min() {
            hits.push(Hit { span: 0..text.len(), rule, secret: text.into() });
            hits = self.apart(text, hits);
        }
        if let Some(Listed { rule, secrets }) = listed {
            found.taken.extend(secrets.into_iter().map(|secret| Hit { span: 0..0, rule, secret }));
        }
        hits
    }

    /// The rule of which the value is a secret because of the attribute's name.
    fn secret_by_name(&self, scope: &Scope, name: &str, value: &str) -> Option<usize> {
        let is_secret = |index: &usize| self.rules.get(*index).is_some_and(|rule| rule.is_secret_by_name(name, value));
        scope.rules.iter().copied().find(is_secret)
    }

    fn may_be(&self, number: u64) -> bool {
        self.numbers_from.is_some_and(|from| number >= from)
    }

    fn is_bound(&self, rule: usize) -> bool {
        self.rules.get(rule).is_some_and(super::rules::Rule::is_bound)
    }

    fn replace(&self, text: &mut String, hits: &[Hit], counts: &mut Counts) {
        if !hits.is_empty() {
            hits.iter().for_each(|hit| counts.add(hit.rule));
            *text = self.without(text, hits);
        }
    }

    fn long_text(&self, text: &mut String, counts: &mut Counts) {
        let hits = self.hits(&self.everywhere, text);
        self.replace(text, &hits, counts);
    }
}

/// Adds a text and a separator, which is no letter, as the ends of a text are none.
fn push(joined: &mut String, text: &str) {
    joined.push_str(text);
    joined.push('\n');
}

/// Numbers attributes whose redacted names are equal, so that none replaces another.
fn number_equal_names(attributes: &mut [(Text, Value)], renamed: &[Text]) {
    for name in renamed {
        let equal = attributes.iter_mut().filter(|(other, _)| other == name);
        for (number, (other, _)) in equal.enumerate().skip(1) {
            *other = format!("{name}.{}", number + 1).into();
        }
    }
}

/// What holds for every record, after its texts have changed.
fn restore_invariants(record: &mut Record) {
    let cut = |text: &mut Text, limit: usize| {
        if text.len() > limit {
            text.truncate(text.floor_char_boundary(limit));
        }
    };
    if record.message.len() > limits::MESSAGE_BYTES {
        record.message.truncate(record.message.floor_char_boundary(limits::MESSAGE_BYTES));
    }
    for text in [&mut record.service, &mut record.node, &mut record.level] {
        cut(text, limits::NAME_BYTES);
    }
    if record.level.is_empty() {
        record.level = Text::const_new(record.severity.class().name());
    }
    for (name, value) in &mut record.attributes {
        cut(name, limits::KEY_BYTES);
        if let Value::Text(text) = value {
            cut(text, limits::VALUE_BYTES);
        }
    }
    record.attributes.retain(|(name, _)| !name.is_empty());
    record.attributes.sort_by(|(left, _), (right, _)| left.cmp(right));
    record.attributes.dedup_by(|later, earlier| later.0 == earlier.0);
}
