//! The groups of one grouping in one unit of work.

use std::hash::BuildHasher as _;

use arrow_array::{Array as _, RecordBatch};
use model::{
    LevelClass, Nanos,
    aggregate::{Group, Grouping, Key, Measure},
    query::Field,
};
use parts::{
    columns::Texts,
    decode::Values,
    form::Form,
    formed::Numbers,
    reader,
    schema::{self, AttributeColumn, Columns, Kind},
};
use pipeline::{Error, Result};

use super::{
    codes::{Codes, Rows, columns_of, combine, times},
    counters::Counters,
    encode,
    pending::Pending,
    totals::{Groups, KEPT_GROUPS, Totals},
};

/// The limits of groups and key bytes until a unit adds its groups to the totals, so that they stay in the cache of the
/// core.
const MOST_GROUPS: usize = 16_384;
const MOST_KEY_BYTES: usize = 1 << 20;

/// A dictionary with more values for each row of a batch costs more than the rows.
const VALUES_PER_ROW: usize = 8;

/// Whether the newest time of each group is measured.
pub(super) fn measures_time(grouping: &Grouping) -> bool {
    grouping.measures.contains(&Measure::NewestTime)
}

/// Aggregates rows.
pub(super) struct Tally<'q> {
    grouping: &'q Grouping,
    totals: &'q Totals,
    /// The place of the grouping in the totals.
    place: usize,
    groups: Groups,
    pending: Option<Pending>,
    /// Whether some groups are in the totals already.
    has_overflowed: bool,
    /// A buffer for the keys of the current group.
    keys: Vec<u8>,
}

impl<'q> Tally<'q> {
    pub(super) fn new(grouping: &'q Grouping, place: usize, totals: &'q Totals) -> Self {
        let groups = Groups::new(totals.hasher());
        Self { grouping, totals, place, groups, pending: None, has_overflowed: false, keys: Vec::new() }
    }

    /// The columns of a part that it reads.
    pub(super) fn columns(&self, layout: &Columns) -> Vec<usize> {
        let time = self.measures_time().then_some(Key::Time { width: 1 });
        self.grouping.keys.iter().chain(&time).flat_map(|key| columns_of(key, layout)).collect()
    }

    fn measures_time(&self) -> bool {
        measures_time(self.grouping)
    }

    /// Whether the services and level classes of the matching rows of a row group suffice.
    pub(super) fn is_by_service_and_class(&self, group: &reader::Group) -> bool {
        let is_known = |key: &Key| match key {
            Key::Field(field) => matches!(field, Field::Service | Field::Level),
            Key::Time { width } => group.time.0.div_euclid(*width) == group.time.1.div_euclid(*width),
        };
        !self.measures_time() && self.grouping.keys.iter().all(is_known)
    }

    /// Adds rows of such a row group.
    pub(super) fn add_total(&mut self, group: &reader::Group, service: &str, class: LevelClass, rows: u64) {
        let mut bytes = std::mem::take(&mut self.keys);
        bytes.clear();
        for key in &self.grouping.keys {
            match key {
                Key::Time { width } => {
                    encode::put_time(model::aggregate::bucket_start(group.time.0, *width), &mut bytes)
                }
                Key::Field(Field::Service) => encode::put_text(service, &mut bytes),
                Key::Field(_) => encode::put_text(class.name(), &mut bytes),
            }
        }
        // This grouping does not measure the newest time.
        self.add(&bytes, Group::new(rows, Nanos::MIN));
        self.keys = bytes;
    }

    /// Adds matching rows.
    pub(super) fn add_rows(&mut self, rows: Rows<'_>) -> Result<()> {
        if rows.len() == 0 {
            return Ok(());
        }
        if let (Rows::Batch(batch, layout), [key]) = (rows, &self.grouping.keys[..]) {
            if let Some((column, others)) = numbers_of(key, layout) {
                return self.add_numbers(batch, column, others, rows);
            }
            if let Some(name) = text_of(key, layout)
                && let Texts::Repeated { keys, values } = Texts::named(batch, name)?
                && values.len() <= VALUES_PER_ROW * keys.len()
            {
                if !self.pending.as_ref().is_some_and(|pending| pending.is_of(values)) {
                    self.add_pending();
                }
                let times = if self.measures_time() { Some(times(rows)?) } else { None };
                self.pending.get_or_insert_with(|| Pending::new(values)).add(keys, times.as_deref());
                return Ok(());
            }
        }
        self.add_coded(rows)
    }

    /// Counts the rows of a column of numbers by number: no text is written for a row. `others` has the values that do not
    /// have the form of the numbers.
    fn add_numbers(
        &mut self,
        batch: &RecordBatch,
        column: &AttributeColumn,
        others: Option<&AttributeColumn>,
        rows: Rows<'_>,
    ) -> Result<()> {
        let numbers = match Values::named(batch, column)? {
            Values::Int(column) => Numbers::integers(column),
            Values::Numbers(numbers) => numbers,
            _ => return Err(Error::internal("a column without numbers was counted by number")),
        };
        let others = others.map(|others| Values::named(batch, others)).transpose()?;
        self.count_by(form_of(column));
        let times = if self.measures_time() { Some(times(rows)?) } else { None };
        let nulls = numbers.column().nulls();
        let counters = if times.is_none() { self.counters(&numbers) } else { None };
        let (mut missing, mut text) = (Group::new(0, Nanos::MIN), String::new());
        for row in 0..numbers.len() {
            let newest = times.as_ref().and_then(|times| times.get(row)).copied().unwrap_or(Nanos::MIN);
            let group = Group::new(1, newest);
            if nulls.is_none_or(|nulls| nulls.is_valid(row)) {
                let number = numbers.value(row);
                if counters.is_some_and(|counters| counters.add(number, 1)) {
                    continue;
                }
                self.groups.numbers.add(number, group);
                self.keep_bounds();
                continue;
            }
            text.clear();
            if others.as_ref().is_some_and(|others| others.print(row, &mut text)) {
                self.add_text(&text, group);
            } else {
                missing.merge(group);
            }
        }
        if missing.records > 0 {
            self.add_text("", missing);
        }
        Ok(())
    }

    /// Counters for these numbers, if the unit has too many groups for its result to be kept.
    fn counters(&mut self, numbers: &Numbers<'_>) -> Option<&'q Counters> {
        if !self.has_overflowed && self.groups.numbers.len() <= KEPT_GROUPS {
            return None;
        }
        let values = (0..numbers.len()).filter_map(|row| numbers.get(row));
        let counters = self.totals.counters(self.place, self.groups.form.as_ref(), values)?;
        if self.groups.numbers.len() > 0 {
            self.has_overflowed = true;
            self.overflow();
        }
        Some(counters)
    }

    /// From here on, numbers have this form.
    fn count_by(&mut self, form: Option<&Form>) {
        if self.groups.form.as_ref() != form {
            if self.groups.numbers.len() > 0 {
                self.has_overflowed = true;
                self.overflow();
            }
            self.groups.form = form.cloned();
        }
    }

    /// Adds records with the text as the only key; an empty one counts as missing.
    fn add_text(&mut self, text: &str, group: Group) {
        let mut bytes = std::mem::take(&mut self.keys);
        bytes.clear();
        encode::put_text(text, &mut bytes);
        self.add(&bytes, group);
        self.keys = bytes;
    }

    /// Counts rows by codes for their keys.
    fn add_coded(&mut self, rows: Rows<'_>) -> Result<()> {
        let distinct = self.grouping.keys.len() > 1;
        let keys: Vec<Codes<'_>> =
            self.grouping.keys.iter().map(|key| Codes::of(key, rows, distinct)).collect::<Result<_>>()?;
        let (codes, len) = combine(&keys, rows.len());
        // The number of records of each code, and its last row.
        let mut counts = vec![(0_u32, 0_u32); len];
        for (row, code) in codes.iter().enumerate() {
            if let Some((count, last)) = counts.get_mut(*code as usize) {
                *count += 1;
                *last = row as u32;
            }
        }
        let mut newest = Vec::new();
        if self.measures_time() {
            newest = vec![Nanos::MIN; len];
            for (code, time) in codes.iter().zip(times(rows)?.iter()) {
                if let Some(newest) = newest.get_mut(*code as usize) {
                    *newest = (*newest).max(*time);
                }
            }
        }
        let mut bytes = std::mem::take(&mut self.keys);
        for (code, (count, row)) in counts.into_iter().enumerate().filter(|(_, (count, _))| *count > 0) {
            bytes.clear();
            for key in &keys {
                if let Some(code) = key.codes.get(row as usize) {
                    key.put(*code, &mut bytes);
                }
            }
            self.add(&bytes, Group::new(u64::from(count), newest.get(code).copied().unwrap_or(Nanos::MIN)));
        }
        self.keys = bytes;
        Ok(())
    }

    /// Adds the counts of the dictionary before the next one.
    fn add_pending(&mut self) {
        let Some(pending) = self.pending.take() else { return };
        pending.groups().for_each(|(text, group)| self.add_text(text, group));
    }

    fn add(&mut self, keys: &[u8], group: Group) {
        let hash = self.totals.hasher().hash_one(keys);
        self.groups.bytes.add(hash, keys, group);
        self.keep_bounds();
    }

    fn keep_bounds(&mut self) {
        if self.groups.len() > MOST_GROUPS || self.groups.bytes.key_bytes() > MOST_KEY_BYTES {
            self.has_overflowed = true;
            self.overflow();
        }
    }

    /// Adds the groups to the totals.
    fn overflow(&mut self) {
        self.totals.add(self.place, &self.groups);
        self.groups.clear();
    }

    /// All groups of the unit; `None` if some are in the totals already.
    pub(super) fn finish(&mut self) -> Option<&Groups> {
        self.add_pending();
        (!self.has_overflowed).then_some(&self.groups)
    }

    /// Ends the unit.
    pub(super) fn add_to_totals(mut self) {
        self.add_pending();
        self.overflow();
    }
}

/// The columns of an attribute without a value in the rest.
fn own_columns<'l>(key: &Key, layout: &'l Columns) -> Vec<&'l AttributeColumn> {
    match key {
        Key::Field(Field::Attribute(key)) if layout.rest_of(key).is_none() => {
            let own = layout.attributes.iter().map(|(_, column)| column);
            own.filter(|column| column.key.as_str() == key.as_str()).collect()
        }
        _ => Vec::new(),
    }
}

/// The column that holds all values of the key as numbers, and the one of the values without its form.
fn numbers_of<'l>(key: &Key, layout: &'l Columns) -> Option<(&'l AttributeColumn, Option<&'l AttributeColumn>)> {
    let is_of_numbers = |column: &AttributeColumn| column.kind == Kind::Int || column.form.is_of_numbers();
    match own_columns(key, layout)[..] {
        [column] => is_of_numbers(column).then_some((column, None)),
        [one, other] if one.kind == other.kind => match (is_of_numbers(one), is_of_numbers(other)) {
            (true, false) => Some((one, Some(other))),
            (false, true) => Some((other, Some(one))),
            _ => None,
        },
        _ => None,
    }
}

/// The form of the groups that are counted by the numbers of the column; `None` for integers, which have the texts of
/// numbers without a prefix.
fn form_of(column: &AttributeColumn) -> Option<&Form> {
    match &column.form {
        Form::Plain => None,
        Form::Number { prefix } if prefix.is_empty() => None,
        form => Some(form),
    }
}

/// The column of texts that hold all values of the key.
fn text_of<'l>(key: &Key, layout: &'l Columns) -> Option<&'l str> {
    match key {
        Key::Field(Field::Service) => Some(schema::SERVICE),
        Key::Field(Field::Node) => Some(schema::NODE),
        key => match own_columns(key, layout)[..] {
            [column] if column.kind == Kind::Text && column.form.is_plain() => Some(column.column.as_str()),
            _ => None,
        },
    }
}
