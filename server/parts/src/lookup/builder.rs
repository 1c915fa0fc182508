//! Collects the values of a part while it is written.

use std::ops;

use arrow_array::{
    Array as _, ArrayRef, RecordBatch,
    cast::AsArray as _,
    types::{Float64Type, Int32Type, Int64Type},
};
use arrow_schema::DataType;

use super::{
    GROUP_ROWS, SLAB_ROWS, checksum_of,
    directory::{self, Group, MOST_RANGES, Range, TABLES},
    hash::{self, Field},
    rest,
    table::{self, Shape},
    wanted::table_of,
};
use crate::{
    decode,
    form::Form,
    schema::{self, AttributeColumn, Layout, RestMap},
};

/// The maximum number of entries collected per table: 32 MiB. A row group of forty columns of distinct values has fewer.
const MOST_ENTRIES: usize = 1 << 23;
/// Integers of a slab become a range if they are at least so many, and at least one in [`FULL`] numbers of the range.
/// Then any number of the range is in most row groups, so that it is not a rare value, and a table would cost most for it.
const MANY: usize = 256;
const FULL: usize = 16;
/// Low bits for one entry a row, of ids and of other values. Reading a row group for a wrong id costs more than reading a
/// slab for a wrong value.
const ID_BITS: u32 = 4;
const VALUE_BITS: u32 = 3;
/// Ids with at most one distinct value in so many rows have slabs. Their column has a dictionary, so its bytes cannot be
/// searched, and there are few of them.
const REPEATED: usize = 8;

/// Builds the lookup of a part.
pub(crate) struct Builder {
    columns: Vec<Column>,
    values: Values,
    /// Rows of the current row group so far.
    rows: usize,
    groups: Vec<Group>,
    done: Vec<u8>,
}

/// The values of the current row group.
#[derive(Default)]
struct Values {
    tables: [Collected; TABLES],
    ranges: Vec<Range>,
}

/// The entries of a table so far.
#[derive(Default)]
struct Collected {
    entries: Vec<u32>,
    /// Whether there are too many, or some are unknown.
    open: bool,
}

impl Collected {
    fn push(&mut self, entry: u32) {
        if self.open {
            return;
        }
        if self.entries.len() >= MOST_ENTRIES {
            table::compact(&mut self.entries);
            // Otherwise few new ones would compact it again.
            if self.entries.len() > MOST_ENTRIES / 4 * 3 {
                self.open();
                return;
            }
        }
        self.entries.push(entry);
    }

    /// Any value may be there from now on.
    fn open(&mut self) {
        self.open = true;
        self.entries = Vec::new();
    }
}

/// A column with values.
struct Column {
    /// Its index in the part's schema.
    place: usize,
    seed: u64,
    table: usize,
    source: Source,
    recent: Recent,
}

enum Source {
    Ids,
    /// A text, an integer, a float or a boolean, by the type of the column.
    Values,
    /// Texts or floats with a form. They have the hashes of plain ones, so that one question finds both.
    Formed(AttributeColumn),
    /// A map of attributes.
    Rest(RestMap),
}

/// Recent entries of a column. It drops most repetitions before they are sorted: neighbouring records share traces, and
/// many columns have few values.
struct Recent {
    entries: Vec<u64>,
    /// Integers of the current slab, and their bounds.
    integers: Vec<u32>,
    bounds: (i64, i64),
}

const RECENT: usize = 1_024;
const NONE: u64 = u64::MAX;

impl Recent {
    fn new() -> Self {
        Self { entries: vec![NONE; RECENT], integers: Vec::new(), bounds: (i64::MAX, i64::MIN) }
    }

    fn add_integer(&mut self, seed: u64, value: i64, slab: usize) {
        let hash = hash::integer(seed, value);
        let entry = table::entry(hash, slab);
        // Another number may have the same entry.
        self.bounds = (self.bounds.0.min(value), self.bounds.1.max(value));
        if self.is_new(hash, entry) {
            self.integers.push(entry);
        }
    }

    /// Whether the entry was not seen a moment ago.
    fn is_new(&mut self, hash: u64, entry: u32) -> bool {
        let before = std::mem::replace(&mut self.entries[hash as usize % RECENT], entry.into());
        before != u64::from(entry)
    }
}

impl Builder {
    pub(crate) fn new(layout: &Layout) -> Self {
        let mut columns = Vec::new();
        for (place, field) in layout.schema.fields().iter().enumerate() {
            let attribute = || layout.attributes.iter().find(|attribute| attribute.column == *field.name());
            let (field, source) = match field.name().as_str() {
                schema::TRACE_ID => (Field::Trace, Source::Ids),
                schema::SPAN_ID => (Field::Span, Source::Ids),
                schema::SERVICE => (Field::Service, Source::Values),
                schema::NODE => (Field::Node, Source::Values),
                name => match (attribute(), RestMap::named(name)) {
                    (Some(attribute), _) => {
                        let is_plain = attribute.form.is_plain();
                        let source = if is_plain { Source::Values } else { Source::Formed(attribute.clone()) };
                        (Field::Attribute(&attribute.key), source)
                    }
                    // Each entry has its key.
                    (None, Some(map)) => (Field::Attribute(""), Source::Rest(map)),
                    (None, None) => continue,
                },
            };
            columns.push(Column { place, seed: field.seed(), table: table_of(field), source, recent: Recent::new() });
        }
        Self { columns, values: Values::default(), rows: 0, groups: Vec::new(), done: Vec::new() }
    }

    /// Adds the next rows, with the columns of the layout.
    pub(crate) fn add(&mut self, batch: &RecordBatch) {
        let mut first = 0;
        while first < batch.num_rows() {
            let slab = self.rows / SLAB_ROWS;
            let upto = batch.num_rows().min(first + SLAB_ROWS - self.rows % SLAB_ROWS);
            for column in &mut self.columns {
                let known = batch.columns().get(column.place);
                let known = known.and_then(|array| column.add(array, first..upto, slab, &mut self.values));
                if known.is_none() {
                    // Of a type that this program does not write.
                    self.values.tables[column.table].open();
                }
            }
            self.rows += upto - first;
            if self.rows.is_multiple_of(SLAB_ROWS) {
                self.end_slab(slab);
            }
            if self.rows == GROUP_ROWS {
                self.end_group();
            }
            first = upto;
        }
    }

    fn end_slab(&mut self, slab: usize) {
        for column in &mut self.columns {
            column.end_slab(slab, &mut self.values);
        }
    }

    fn end_group(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        let mut ranges = std::mem::take(&mut self.values.ranges);
        ranges.sort_unstable();
        let tables = std::array::from_fn(|place| {
            let collected = &mut self.values.tables[place];
            let open = std::mem::take(&mut collected.open);
            table::compact(&mut collected.entries);
            let entries = &collected.entries;
            let (most, located) = match place {
                // The last table is that of the values.
                place if place + 1 == TABLES => (VALUE_BITS, true),
                _ => (ID_BITS, table::distinct(entries) <= rows / REPEATED),
            };
            let shape = (!open).then(|| Shape::write(entries, rows, most, located, &mut self.done));
            collected.entries.clear();
            shape
        });
        self.groups.push(Group { rows: rows as u32, tables, ranges });
        self.columns.iter_mut().for_each(|column| column.recent.entries.fill(NONE));
    }

    /// Returns the bytes for [`Lookup::read`](super::Lookup::read).
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.rows > 0 {
            self.end_slab((self.rows - 1) / SLAB_ROWS);
            self.end_group();
        }
        let mut directory = Vec::new();
        directory::write(&self.groups, &mut directory);
        self.done.extend_from_slice(&directory);
        self.done.extend_from_slice(&(directory.len() as u32).to_le_bytes());
        self.done.extend_from_slice(&checksum_of(&directory).to_le_bytes());
        self.done
    }
}

impl Column {
    /// Adds the values of some rows of a slab; `None` if they are of an unknown form.
    fn add(&mut self, array: &ArrayRef, rows: ops::Range<usize>, slab: usize, values: &mut Values) -> Option<()> {
        let (seed, recent, collected) = (self.seed, &mut self.recent, &mut values.tables[self.table]);
        let mut add = |hash: u64| {
            let entry = table::entry(hash, slab);
            if recent.is_new(hash, entry) {
                collected.push(entry);
            }
        };
        match (&self.source, array.data_type()) {
            (Source::Ids, _) => {
                let ids = array.as_fixed_size_binary_opt()?;
                rows.filter(|row| ids.is_valid(*row)).for_each(|row| add(hash::bytes(seed, ids.value(row))));
            }
            (Source::Rest(map), _) => rest::for_each(*map, array, rows, add).ok()?,
            (Source::Values, DataType::Int64) => {
                let integers = array.as_primitive_opt::<Int64Type>()?;
                for row in rows.filter(|row| integers.is_valid(*row)) {
                    recent.add_integer(seed, integers.value(row), slab);
                }
            }
            (Source::Formed(column), _) => match decode::Values::of(array, column).ok()? {
                decode::Values::Numbers(numbers) if numbers.form.is_of_floats() => {
                    let numbers = rows.filter_map(|row| numbers.get(row)).map(|number| numbers.form.to_float(number));
                    numbers.for_each(|float| add(hash::float(seed, float)));
                }
                // The text has the hash of the integer.
                decode::Values::Numbers(numbers) if is_of_integers(numbers.form) => {
                    let numbers = rows.filter_map(|row| numbers.get(row));
                    numbers.for_each(|number| recent.add_integer(seed, number, slab));
                }
                values => {
                    let mut text = String::new();
                    for row in rows {
                        text.clear();
                        if values.print(row, &mut text) {
                            add(hash::text(seed, &text));
                        }
                    }
                }
            },
            (Source::Values, DataType::Float64) => {
                let floats = array.as_primitive_opt::<Float64Type>()?;
                rows.filter(|row| floats.is_valid(*row)).for_each(|row| add(hash::float(seed, floats.value(row))));
            }
            (Source::Values, DataType::Boolean) => {
                let booleans = array.as_boolean_opt()?;
                rows.filter(|row| booleans.is_valid(*row))
                    .for_each(|row| add(hash::boolean(seed, booleans.value(row))));
            }
            (Source::Values, _) => texts(array, rows, |text| add(hash::text(seed, text)))?,
        }
        Some(())
    }

    /// Adds the integers of the slab that ends, as a range or as entries.
    fn end_slab(&mut self, slab: usize, values: &mut Values) {
        let Recent { integers, bounds, .. } = &mut self.recent;
        let (least, greatest) = std::mem::replace(bounds, (i64::MAX, i64::MIN));
        if integers.is_empty() {
            return;
        }
        let numbers = greatest.wrapping_sub(least) as u64;
        let fill = |distinct: usize| distinct >= MANY && numbers / FULL as u64 <= distinct as u64;
        if fill(integers.len()) {
            integers.sort_unstable();
            integers.dedup();
        }
        if fill(integers.len()) && values.ranges.len() < MOST_RANGES {
            values.ranges.push(Range { field: self.seed, slab: slab as u8, least, greatest });
        } else {
            integers.iter().for_each(|entry| values.tables[self.table].push(*entry));
        }
        integers.clear();
    }
}

/// Whether the texts are those of integers.
fn is_of_integers(form: &Form) -> bool {
    matches!(form, Form::Number { prefix } if prefix.is_empty())
}

/// Calls `add` with the texts of some rows; with each text of a dictionary once, if that is less than once a row. `None`
/// if the column has no texts.
fn texts(array: &ArrayRef, rows: ops::Range<usize>, mut add: impl FnMut(&str)) -> Option<()> {
    if let Some(texts) = array.as_string_opt::<i32>() {
        rows.filter(|row| texts.is_valid(*row)).for_each(|row| add(texts.value(row)));
        return Some(());
    }
    let texts = array.as_dictionary_opt::<Int32Type>()?;
    let (keys, texts) = (texts.keys(), texts.values().as_string_opt::<i32>()?);
    let places = rows.clone().filter(|row| keys.is_valid(*row)).map(|row| keys.value(row) as usize);
    if texts.len() > rows.len() {
        places.filter(|place| *place < texts.len()).for_each(|place| add(texts.value(place)));
        return Some(());
    }
    let mut used = vec![false; texts.len()];
    for place in places {
        if let Some(used) = used.get_mut(place) {
            *used = true;
        }
    }
    for (place, _) in used.iter().enumerate().filter(|(_, used)| **used) {
        add(texts.value(place));
    }
    Some(())
}
