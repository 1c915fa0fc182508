//! Collects what a summary is made of, record by record.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use indexes::{
    filter, messages, positions,
    texts::{self, Line},
    values::{self, Slot},
};
use model::{Value, query::Field};
use sqlx::{Row, postgres::PgRow};

use crate::{
    attributes,
    types::{Instant, JsonText},
};

/// A block of more services has neither totals nor what refers to them.
const SERVICES: usize = 4_096;
/// A block of more records has neither pages of messages nor positions of them.
const ORDINALS: usize = 1 << 16;
/// An eighth of the bits of a block's set of messages may be set.
const SPARSE: usize = 8;
/// The most values in the filter of a block, and in memory.
const HASHES: usize = 300_000;
const HASHES_IN_MEMORY: usize = 2 * HASHES;
/// A block of more fields has no filter of values.
const FIELDS: usize = 4_096;

/// Each service with its numbers of records of the six level classes.
pub(super) type Totals = Vec<(String, [u64; 6])>;

/// A summary, ready to be stored.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) records: i64,
    pub(super) earliest: Instant,
    pub(super) latest: Instant,
    pub(super) totals: Option<String>,
    pub(super) places: Option<Vec<u8>>,
    pub(super) messages: Vec<u8>,
    pub(super) page_sets: Option<Vec<u8>>,
    pub(super) pages: Vec<Vec<u8>>,
    /// `None` if there are too many fields.
    pub(super) ids: Option<Vec<u8>>,
    pub(super) unfiltered: Vec<String>,
    /// `None` if they are not counted.
    pub(super) slots: Option<Vec<Slot>>,
}

/// The records of a block so far.
#[derive(Debug)]
pub(super) struct Collector {
    times: Option<(Instant, Instant)>,
    positions: Vec<i64>,
    totals: Totals,
    /// The numbers of the services.
    services: HashMap<String, u16>,
    has_too_many_services: bool,
    /// All messages, one after another.
    text: String,
    lines: Vec<Place>,
    messages: messages::Builder,
    ids: Ids,
    values: values::Counter,
}

/// Where the message of a record ends, and its service and level class.
#[derive(Debug)]
struct Place {
    end: usize,
    service: u16,
    class: u8,
}

impl Collector {
    pub(super) fn new() -> Self {
        Self {
            times: None,
            positions: Vec::new(),
            totals: Vec::new(),
            services: HashMap::new(),
            has_too_many_services: false,
            text: String::new(),
            lines: Vec::new(),
            messages: messages::Builder::new(SPARSE),
            ids: Ids::default(),
            values: values::Counter::default(),
        }
    }

    /// Adds a row of `select_block.sql`; they come in order of position.
    ///
    /// # Errors
    /// `Decode` if another program has written the row.
    pub(super) fn add(&mut self, row: &PgRow) -> sqlx::Result<()> {
        let time: Instant = row.try_get(1)?;
        let (earliest, latest) = self.times.unwrap_or((time, time));
        self.times = Some((earliest.min(time), latest.max(time)));
        self.positions.push(row.try_get(0)?);
        let severity: i16 = row.try_get(2)?;
        let class = (severity.clamp(1, 24) - 1) as u8 / 4;
        let service = self.count(row.try_get(3)?, class);

        let message: &str = row.try_get(5)?;
        self.text.push_str(message);
        self.lines.push(Place { end: self.text.len(), service, class });
        self.messages.add(message);

        let node: &str = row.try_get(4)?;
        self.ids.add(&Field::Node.name(), node);
        self.values.add(&Field::Node.name(), node, service, class);
        for (place, field) in [(6, Field::TraceId), (7, Field::SpanId)] {
            if let Some(id) = row.try_get::<Option<&[u8]>, _>(place)? {
                self.ids.add(&field.name(), &model::hex::encode(id));
            }
        }
        let JsonText(json) = row.try_get(8)?;
        for (key, value) in attributes::decode(json).map_err(|error| sqlx::Error::Decode(Box::new(error)))? {
            let field = Field::Attribute(key.into());
            let name = field.name();
            let text = match &value {
                Value::Text(text) => Cow::Borrowed(text.as_str()),
                other => Cow::Owned(other.to_string()),
            };
            match value {
                // Nobody searches for one float of all.
                Value::Float(_) => self.ids.leave_out(&name),
                _ => self.ids.add(&name, &text),
            }
            self.values.add(&name, &text, service, class);
        }
        Ok(())
    }

    /// Counts the record; returns the number of its service.
    fn count(&mut self, service: &str, class: u8) -> u16 {
        let number = match self.services.get(service) {
            Some(number) => *number,
            None if self.totals.len() >= SERVICES => {
                self.has_too_many_services = true;
                return 0;
            }
            None => {
                let number = self.totals.len() as u16;
                self.services.insert(service.to_owned(), number);
                self.totals.push((service.to_owned(), [0; 6]));
                number
            }
        };
        if let Some((_, classes)) = self.totals.get_mut(usize::from(number))
            && let Some(count) = classes.get_mut(usize::from(class))
        {
            *count += 1;
        }
        number
    }

    /// Sorts and compresses; takes some tenths of a second. `None` without records.
    pub(super) fn finish(self) -> Option<Built> {
        let (earliest, latest) = self.times?;
        let totals = (!self.has_too_many_services).then(|| serde_json::to_string(&self.totals).ok()).flatten();
        let has_pages = totals.is_some() && self.lines.len() <= ORDINALS;
        let mut messages = self.messages;
        messages.end_set();
        let written = has_pages.then(|| texts::write(lines(&self.text, &self.lines)));
        let (ids, unfiltered) = self.ids.finish();
        let slots = if totals.is_some() { self.values.finish() } else { None };
        let (pages, page_sets) = match written {
            Some(written) => (written.pages, Some(written.sets)),
            None => (Vec::new(), None),
        };
        Some(Built {
            records: self.positions.len() as i64,
            earliest,
            latest,
            totals,
            places: has_pages.then(|| positions::encode(&self.positions)),
            messages: messages.finish(),
            page_sets,
            pages,
            ids,
            unfiltered,
            slots,
        })
    }
}

fn lines<'m>(text: &'m str, places: &[Place]) -> Vec<Line<'m>> {
    let mut start = 0;
    let mut lines = Vec::with_capacity(places.len());
    for (ordinal, place) in (0..=u16::MAX).zip(places) {
        let message = text.get(start..place.end).unwrap_or_default();
        lines.push(Line { ordinal, service: place.service, class: place.class, message });
        start = place.end;
    }
    lines
}

/// The hashes of values, by field.
#[derive(Debug, Default)]
struct Ids {
    fields: HashMap<String, Values>,
    hashes: usize,
    has_too_many_fields: bool,
}

#[derive(Debug)]
struct Values {
    seed: u64,
    /// `None` if the field is left out.
    hashes: Option<HashSet<u64>>,
}

impl Values {
    fn len(&self) -> usize {
        self.hashes.as_ref().map_or(0, HashSet::len)
    }
}

impl Ids {
    fn add(&mut self, field: &str, value: &str) {
        if !self.fields.contains_key(field) {
            self.add_field(field, Values { seed: filter::seed_of(field), hashes: Some(HashSet::new()) });
        }
        let Some(Values { seed, hashes: Some(hashes) }) = self.fields.get_mut(field) else { return };
        if hashes.insert(filter::hash_of(*seed, value)) {
            self.hashes += 1;
            if self.hashes > HASHES_IN_MEMORY {
                self.leave_out_largest();
            }
        }
    }

    fn leave_out(&mut self, field: &str) {
        match self.fields.get_mut(field) {
            Some(values) => self.hashes -= values.hashes.take().map_or(0, |hashes| hashes.len()),
            None => self.add_field(field, Values { seed: 0, hashes: None }),
        }
    }

    fn add_field(&mut self, field: &str, values: Values) {
        if self.fields.len() < FIELDS {
            self.fields.insert(field.to_owned(), values);
        } else {
            self.has_too_many_fields = true;
        }
    }

    fn leave_out_largest(&mut self) {
        if let Some(largest) = self.fields.values_mut().max_by_key(|values| values.len()) {
            self.hashes -= largest.hashes.take().map_or(0, |hashes| hashes.len());
        }
    }

    /// The filter, and the names of the fields that are not in it.
    fn finish(mut self) -> (Option<Vec<u8>>, Vec<String>) {
        if self.has_too_many_fields {
            return (None, Vec::new());
        }
        while self.hashes > HASHES {
            self.leave_out_largest();
        }
        let all: HashSet<u64> =
            self.fields.values().filter_map(|values| values.hashes.as_ref()).flatten().copied().collect();
        let left_out = self.fields.into_iter().filter(|(_, values)| values.hashes.is_none());
        let mut unfiltered: Vec<String> = left_out.map(|(field, _)| field).collect();
        unfiltered.sort_unstable();
        (Some(filter::build(all.into_iter())), unfiltered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the value may be in the block.
    fn may_have(filter: &[u8], field: &str, value: &str) -> bool {
        let hash = filter::hash_of(filter::seed_of(field), value);
        let start = filter::place(hash, filter.len() / filter::BLOCK_BYTES) * filter::BLOCK_BYTES;
        filter::may_have(&filter[start..start + filter::BLOCK_BYTES], hash)
    }

    #[test]
    fn a_filter_has_the_values_of_all_fields_but_those_that_are_left_out() {
        let mut ids = Ids::default();
        for number in 0..1_000 {
            ids.add("user_id", &format!("u{number}"));
            ids.add("ratio", "1");
        }
        ids.leave_out("ratio");
        ids.leave_out("new");
        ids.add("ratio", "2");
        let (filter, unfiltered) = ids.finish();
        let filter = filter.unwrap();
        assert!((0..1_000).all(|number| may_have(&filter, "user_id", &format!("u{number}"))));
        assert!((0..1_000).filter(|number| may_have(&filter, "user_id", &format!("x{number}"))).count() < 100);
        assert_eq!(unfiltered, ["new", "ratio"]);
    }

    #[test]
    fn the_fields_with_the_most_values_are_left_out_of_a_large_filter() {
        let mut ids = Ids::default();
        for number in 0..HASHES {
            ids.add("trace_id", &number.to_string());
            ids.add("user_id", &(number % 1_000).to_string());
        }
        let (filter, unfiltered) = ids.finish();
        assert_eq!(unfiltered, ["trace_id"]);
        assert!(may_have(&filter.unwrap(), "user_id", "999"));
    }

    #[test]
    fn a_block_with_too_many_fields_has_no_filter() {
        let mut ids = Ids::default();
        (0..=FIELDS).for_each(|field| ids.add(&field.to_string(), "x"));
        assert_eq!((ids.fields.len(), ids.finish()), (FIELDS, (None, Vec::new())));
    }
}
