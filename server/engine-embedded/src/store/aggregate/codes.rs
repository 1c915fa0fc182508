//! Dictionary codes for the keys of many rows.
//!
//! Rows with equal codes have equal keys, so counting is an array increment. The converse need not hold: equal texts
//! may have several codes, which are merged by the group's key bytes.

use std::{borrow::Cow, collections::HashMap};

use arrow_array::{
    Array, RecordBatch, StringArray,
    types::{Int64Type, UInt8Type},
};
use foldhash::fast::RandomState;
use model::{LevelClass, Nanos, Record, Severity, Value, aggregate::Key, hex, query::Field};
use parts::{
    columns::{self, Texts},
    decode::{self, Values},
    formed::{Bytes, Numbers},
    rest::RestValues,
    schema::{self, Columns},
};
use pipeline::{Error, Result};

use super::encode;

/// Matching rows, from a part or from memory.
#[derive(Clone, Copy)]
pub(crate) enum Rows<'a> {
    Batch(&'a RecordBatch, &'a Columns),
    Records(&'a [&'a Record]),
}

impl Rows<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Batch(batch, _) => batch.num_rows(),
            Self::Records(records) => records.len(),
        }
    }
}

/// The times of the rows.
pub(super) fn times<'a>(rows: Rows<'a>) -> Result<Cow<'a, [Nanos]>> {
    Ok(match rows {
        Rows::Batch(batch, _) => Cow::Borrowed(columns::times(batch, schema::TIME)?),
        Rows::Records(records) => records.iter().map(|record| record.time).collect(),
    })
}

/// The columns of a part that hold the key.
pub(super) fn columns_of(key: &Key, layout: &Columns) -> Vec<usize> {
    let names: &[&str] = match key {
        Key::Time { .. } => &[schema::TIME],
        Key::Field(Field::Level) => &[schema::SEVERITY],
        Key::Field(Field::Service) => &[schema::SERVICE],
        Key::Field(Field::Node) => &[schema::NODE],
        Key::Field(Field::Message) => &[schema::MESSAGE],
        Key::Field(Field::TraceId) => &[schema::TRACE_ID],
        Key::Field(Field::SpanId) => &[schema::SPAN_ID],
        Key::Field(Field::Id) => &[schema::ID_BASE, schema::POSITION],
        Key::Field(Field::Attribute(key)) => {
            let own = layout.of_attribute(key).map(|(place, _)| *place);
            return own.chain(layout.rest_of(key).columns()).collect();
        }
    };
    names.iter().map(|name| layout.place(name)).collect()
}

/// The values of one key.
pub(super) struct Codes<'a> {
    /// The code of each row.
    pub(super) codes: Vec<u32>,
    /// The largest code plus one.
    pub(super) len: usize,
    values: Vec<(u32, Coded<'a>)>,
}

/// The values of a run of codes, from its first code on.
enum Coded<'a> {
    Missing,
    Classes,
    Buckets {
        first: i64,
        width: i64,
    },
    Dictionary(&'a StringArray),
    /// One code per row.
    Column(Texts<'a>),
    /// One code per row, of texts as bytes.
    Bytes(Bytes<'a>),
    Plain(Vec<Plain<'a>>),
}

enum Plain<'a> {
    Text(Cow<'a, str>),
    /// Formatted only once for all rows with this value.
    Number(Value),
}

impl<'a> Codes<'a> {
    /// Codes of `key`. With `distinct`, equal texts have one code, because the codes will be combined with those of
    /// another key.
    pub(super) fn of(key: &Key, rows: Rows<'a>, distinct: bool) -> Result<Self> {
        match (key, rows) {
            (Key::Time { width }, rows) => Ok(Self::of_times(&times(rows)?, *width)),
            (Key::Field(Field::Level), Rows::Batch(batch, _)) => {
                let severities = columns::numbers::<UInt8Type>(batch, schema::SEVERITY)?.values();
                let class = |number: &u8| {
                    let severity = Severity::new(*number);
                    let severity =
                        severity.ok_or_else(|| Error::corrupt(format!("a part has the invalid severity {number}")));
                    Ok(severity?.class().index() as u32)
                };
                Ok(Self::of_classes(severities.iter().map(class).collect::<Result<_>>()?))
            }
            (Key::Field(Field::Level), Rows::Records(records)) => {
                Ok(Self::of_classes(records.iter().map(|record| record.severity.class().index() as u32).collect()))
            }
            (Key::Field(field), rows) => {
                let mut coder = match rows {
                    Rows::Batch(..) => Coder::new(rows.len(), distinct),
                    // The records of a batch mostly share their values, and memory has no dictionaries.
                    Rows::Records(_) => Coder::new(rows.len(), true),
                };
                match rows {
                    Rows::Batch(batch, layout) => coder.add_column(field, batch, layout)?,
                    Rows::Records(records) => coder.add_records(field, records),
                }
                Ok(coder.into_codes())
            }
        }
    }

    fn of_classes(codes: Vec<u32>) -> Self {
        Self { codes, len: LevelClass::ALL.len(), values: vec![(0, Coded::Classes)] }
    }

    /// The rows are within a range of at most [`model::aggregate::BUCKETS`] buckets.
    fn of_times(times: &[Nanos], width: i64) -> Self {
        let (oldest, newest) =
            times.iter().fold((i64::MAX, i64::MIN), |(oldest, newest), time| (oldest.min(*time), newest.max(*time)));
        let first = oldest.min(newest).div_euclid(width);
        // Caches the last bucket: neighbours mostly share it, and a division is slow.
        let (mut from, mut to, mut code) = (0, 0, 0);
        let codes = times.iter().map(|time| {
            if !(from..to).contains(time) {
                let into = time.rem_euclid(width);
                (from, to) = (time.saturating_sub(into), time.saturating_add(width - into));
                code = (time.div_euclid(width) - first) as u32;
            }
            code
        });
        let codes = codes.collect();
        let len = if times.is_empty() { 1 } else { newest.div_euclid(width) - first + 1 };
        Self { codes, len: len as usize, values: vec![(0, Coded::Buckets { first, width })] }
    }

    /// Appends the value of the code.
    pub(super) fn put(&self, code: u32, bytes: &mut Vec<u8>) {
        let Some((base, coded)) = self.values.iter().rev().find(|(base, _)| *base <= code) else { return };
        let place = (code - base) as usize;
        match coded {
            Coded::Missing => encode::put_missing(bytes),
            Coded::Classes => encode::put_text(LevelClass::ALL.get(place).map_or("", |class| class.name()), bytes),
            Coded::Buckets { first, width } => {
                encode::put_time((first + place as i64).saturating_mul(*width), bytes);
            }
            Coded::Dictionary(values) => encode::put_text(values.value(place), bytes),
            Coded::Column(texts) => encode::put_text(texts.get(place).unwrap_or_default(), bytes),
            Coded::Bytes(values) => {
                let mut text = String::new();
                // A string takes any text.
                let _ = values.get(place).map(|value| values.form.print_bytes(value, &mut text));
                encode::put_text(&text, bytes);
            }
            Coded::Plain(values) => match values.get(place) {
                Some(Plain::Text(text)) => encode::put_text(text, bytes),
                Some(Plain::Number(number)) => encode::put_number(number, bytes),
                None => encode::put_missing(bytes),
            },
        }
    }
}

/// The type of a number that stands for a text, beside those of values.
const NUMBERS: u8 = 3;

/// Assigns codes to texts. Code 0 is a row without the field.
struct Coder<'a> {
    codes: Vec<u32>,
    next: u32,
    values: Vec<(u32, Coded<'a>)>,
    /// The code of each text, if `distinct`.
    known: Option<HashMap<Cow<'a, str>, u32, RandomState>>,
    /// The code of each number, by its type and bits.
    numbers: HashMap<(u8, u64), u32, RandomState>,
}

impl<'a> Coder<'a> {
    fn new(rows: usize, distinct: bool) -> Self {
        Self {
            codes: vec![0; rows],
            next: 1,
            values: vec![(0, Coded::Missing)],
            known: distinct.then(HashMap::default),
            numbers: HashMap::default(),
        }
    }

    fn into_codes(self) -> Codes<'a> {
        Codes { codes: self.codes, len: self.next as usize, values: self.values }
    }

    fn add(&mut self, row: usize, text: Cow<'a, str>) {
        if text.is_empty() {
            return;
        }
        let code = match self.known.as_ref().and_then(|known| known.get(text.as_ref())) {
            Some(code) => *code,
            None => {
                if let Some(known) = &mut self.known {
                    known.insert(text.clone(), self.next);
                }
                self.next_code(Plain::Text(text))
            }
        };
        self.set(row, code);
    }

    fn add_value(&mut self, row: usize, value: Value) {
        let number = match value {
            Value::Text(text) => return self.add(row, Cow::Owned(text.into())),
            Value::Bool(value) => (0, u64::from(value)),
            Value::Int(value) => (1, value.cast_unsigned()),
            Value::Float(value) => (2, value.to_bits()),
        };
        let code = match self.numbers.get(&number) {
            Some(code) => *code,
            None => {
                self.numbers.insert(number, self.next);
                self.next_code(Plain::Number(value))
            }
        };
        self.set(row, code);
    }

    fn next_code(&mut self, value: Plain<'a>) -> u32 {
        let code = self.next;
        self.next += 1;
        match self.values.last_mut() {
            Some((_, Coded::Plain(values))) => values.push(value),
            _ => self.values.push((code, Coded::Plain(vec![value]))),
        }
        code
    }

    fn set(&mut self, row: usize, code: u32) {
        if let Some(place) = self.codes.get_mut(row) {
            *place = code;
        }
    }

    fn add_texts(&mut self, column: &Texts<'a>) {
        match column {
            // A dictionary covers a whole row group, and may be larger than these rows.
            Texts::Repeated { keys, values } if values.len() <= 2 * self.codes.len() => {
                let base = self.next;
                for (row, key) in keys.iter().enumerate() {
                    if let Some(key) = key {
                        self.set(row, base + key.cast_unsigned());
                    }
                }
                self.next += values.len() as u32;
                self.values.push((base, Coded::Dictionary(values)));
            }
            column if self.known.is_none() => {
                let base = self.next;
                for row in (0..column.len()).filter(|row| column.get(*row).is_some()) {
                    self.set(row, base + row as u32);
                }
                self.next += column.len() as u32;
                self.values.push((base, Coded::Column(*column)));
            }
            column => {
                for row in 0..column.len() {
                    if let Some(text) = column.get(row) {
                        self.add(row, Cow::Borrowed(text));
                    }
                }
            }
        }
    }

    fn add_records(&mut self, field: &Field, records: &[&'a Record]) {
        for (row, record) in records.iter().enumerate() {
            match field {
                Field::Attribute(key) => match record.attribute(key) {
                    Some(Value::Text(text)) => self.add(row, Cow::Borrowed(text)),
                    Some(number) => self.add_value(row, number.clone()),
                    None => {}
                },
                field => {
                    if let Some(text) = field.text(record) {
                        self.add(row, text);
                    }
                }
            }
        }
    }

    /// A column of texts as bytes.
    fn add_bytes_of(&mut self, column: Bytes<'a>) {
        let rows = column.column.len();
        if self.known.is_none() {
            let base = self.next;
            for row in (0..rows).filter(|row| column.get(*row).is_some()) {
                self.set(row, base + row as u32);
            }
            self.next += rows as u32;
            self.values.push((base, Coded::Bytes(column)));
            return;
        }
        for row in 0..rows {
            let Some(value) = column.get(row) else { continue };
            let mut text = String::new();
            if column.form.print_bytes(value, &mut text).is_ok() {
                self.add(row, Cow::Owned(text));
            }
        }
    }

    /// A column of texts as numbers. Each number is printed once.
    fn add_numbers(&mut self, column: &Numbers<'_>) {
        for row in 0..column.len() {
            let Some(number) = column.get(row) else { continue };
            let key = (NUMBERS, number.cast_unsigned());
            let code = match self.numbers.get(&key) {
                Some(code) => *code,
                None => {
                    let mut text = String::new();
                    if column.form.print_number(number, &mut text).is_err() {
                        continue;
                    }
                    self.numbers.insert(key, self.next);
                    self.next_code(Plain::Text(Cow::Owned(text)))
                }
            };
            self.set(row, code);
        }
    }

    fn add_column(&mut self, field: &Field, batch: &'a RecordBatch, layout: &'a Columns) -> Result<()> {
        match field {
            Field::Service => self.add_texts(&Texts::named(batch, schema::SERVICE)?),
            Field::Node => self.add_texts(&Texts::named(batch, schema::NODE)?),
            Field::Message => self.add_texts(&Texts::named(batch, schema::MESSAGE)?),
            Field::Level => self.add_texts(&Texts::named(batch, schema::LEVEL)?),
            Field::TraceId => self.add_bytes(batch, schema::TRACE_ID)?,
            Field::SpanId => self.add_bytes(batch, schema::SPAN_ID)?,
            Field::Id => {
                let bases = columns::bytes(batch, schema::ID_BASE)?;
                let positions = columns::numbers::<Int64Type>(batch, schema::POSITION)?.values();
                for (row, position) in positions.iter().enumerate() {
                    let id = decode::id(columns::byte_value(bases, row), *position)?;
                    self.add(row, Cow::Owned(id.to_string()));
                }
            }
            Field::Attribute(key) => {
                for (_, attribute) in layout.of_attribute(key) {
                    match Values::named(batch, attribute)? {
                        Values::Text(column) => self.add_texts(&column),
                        Values::Bytes(column) => self.add_bytes_of(column),
                        Values::Numbers(column) if !column.form.is_of_floats() => self.add_numbers(&column),
                        values => {
                            for row in 0..batch.num_rows() {
                                if let Some(value) = values.get(row) {
                                    self.add_value(row, value);
                                }
                            }
                        }
                    }
                }
                let rest = RestValues::of(batch, layout.rest_of(key))?;
                rest.of_key(key, |row, value| self.add_value(row, value.into()))?;
            }
        }
        Ok(())
    }

    fn add_bytes(&mut self, batch: &RecordBatch, name: &str) -> Result<()> {
        for (row, id) in columns::bytes(batch, name)?.iter().enumerate() {
            if let Some(id) = id {
                self.add(row, Cow::Owned(hex::encode(id)));
            }
        }
        Ok(())
    }
}

/// Combines the codes of several keys into one code per row; also returns the number of combined codes.
pub(super) fn combine<'k>(keys: &'k [Codes<'_>], rows: usize) -> (Cow<'k, [u32]>, usize) {
    let Some((first, others)) = keys.split_first() else { return (Cow::Owned(vec![0; rows]), 1) };
    let (mut codes, mut len) = (Cow::Borrowed(&first.codes[..]), first.len);
    // Uses a table of all combinations if it is not much longer than the rows.
    let most = 1024 + 4 * rows;
    for key in others {
        let pairs = codes.iter().zip(&key.codes);
        if len.saturating_mul(key.len) <= most {
            codes = pairs.map(|(one, other)| one * key.len as u32 + other).collect();
            len *= key.len;
        } else {
            let mut known: HashMap<(u32, u32), u32, RandomState> = HashMap::default();
            codes = pairs
                .map(|(one, other)| {
                    let next = known.len() as u32;
                    *known.entry((*one, *other)).or_insert(next)
                })
                .collect();
            len = known.len();
        }
    }
    (codes, len)
}
