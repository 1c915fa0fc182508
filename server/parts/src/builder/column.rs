//! An attribute column under construction.

use std::{collections::HashMap, sync::Arc};

use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, StringArray,
    builder::{NullBufferBuilder, StringBuilder},
    types::Int32Type,
};
use foldhash::fast::RandomState;
use pipeline::{Error, Result};

use super::{
    refused,
    rest::Cell,
    spread::{rarely_repeats, spread_from},
};
use crate::schema::Kind;

/// The values of one attribute of one type, and the row of each. A column of few values takes little memory.
pub(super) struct Column<'a> {
    rows: Vec<u32>,
    values: Values<'a>,
    /// The number of distinct texts from which on they are stored one by one.
    bound: usize,
}

enum Values<'a> {
    Repeated(Repeated<'a>),
    Plain(Plain),
    Int(Vec<i64>),
    Float(Vec<f64>),
    Bool(Vec<bool>),
}

/// Texts as keys of a dictionary.
#[derive(Default)]
struct Repeated<'a> {
    keys: Vec<i32>,
    texts: Vec<&'a str>,
    known: HashMap<&'a str, i32, RandomState>,
}

impl<'a> Repeated<'a> {
    fn add(&mut self, text: &'a str) {
        let next = self.texts.len() as i32;
        let key = *self.known.entry(text).or_insert(next);
        if key == next {
            self.texts.push(text);
        }
        self.keys.push(key);
    }

    fn get(&self, key: i32) -> &'a str {
        self.texts.get(key as usize).copied().unwrap_or_default()
    }
}

/// Texts one after the other, and the end of each.
#[derive(Default)]
struct Plain {
    texts: String,
    ends: Vec<usize>,
}

impl Plain {
    fn of(repeated: &Repeated<'_>) -> Self {
        let mut plain = Self::default();
        repeated.keys.iter().for_each(|key| plain.add(repeated.get(*key)));
        plain
    }

    fn add(&mut self, text: &str) {
        self.texts.push_str(text);
        self.ends.push(self.texts.len());
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| self.texts.get(begin..*end).unwrap_or_default())
    }
}

impl<'a> Column<'a> {
    /// A column of a part of `rows` rows.
    pub(super) fn new(kind: Kind, rows: usize) -> Self {
        let values = match kind {
            Kind::Text => Values::Repeated(Repeated::default()),
            Kind::Int => Values::Int(Vec::new()),
            Kind::Float => Values::Float(Vec::new()),
            Kind::Bool => Values::Bool(Vec::new()),
        };
        Self { rows: Vec::new(), values, bound: spread_from(rows) }
    }

    /// Appends the value of a row after those before.
    pub(super) fn append(&mut self, row: u32, value: Cell<'a>) -> Result<()> {
        if self.rows.last().is_some_and(|last| *last >= row) {
            return Err(Error::internal("a record has an attribute twice"));
        }
        match (&mut self.values, value) {
            (Values::Repeated(repeated), Cell::Text(text)) => {
                repeated.add(text);
                // From here on a dictionary does not pay off, however many texts follow.
                if repeated.texts.len() > self.bound {
                    self.values = Values::Plain(Plain::of(repeated));
                }
            }
            (Values::Plain(plain), Cell::Text(text)) => plain.add(text),
            (Values::Int(numbers), Cell::Int(number)) => numbers.push(number),
            (Values::Float(numbers), Cell::Float(number)) => numbers.push(number),
            (Values::Bool(values), Cell::Bool(value)) => values.push(value),
            _ => return Err(Error::internal("the types of an attribute's value and its column differ")),
        }
        self.rows.push(row);
        Ok(())
    }

    /// Hands each value to `take`, with its row.
    pub(super) fn each<'c>(&'c self, mut take: impl FnMut(u32, Cell<'c>)) {
        let mut row = self.rows.iter().copied();
        let mut take = |value| {
            if let Some(row) = row.next() {
                take(row, value);
            }
        };
        match &self.values {
            Values::Repeated(repeated) => {
                repeated.keys.iter().for_each(|key| take(Cell::Text(repeated.get(*key))));
            }
            Values::Plain(plain) => plain.iter().for_each(|text| take(Cell::Text(text))),
            Values::Int(numbers) => numbers.iter().for_each(|number| take(Cell::Int(*number))),
            Values::Float(numbers) => numbers.iter().for_each(|number| take(Cell::Float(*number))),
            Values::Bool(values) => values.iter().for_each(|value| take(Cell::Bool(*value))),
        }
    }

    /// The array of all `rows` rows, and whether its values rarely repeat.
    pub(super) fn finish(self, rows: usize) -> Result<(ArrayRef, bool)> {
        let (at, nulls) = (&self.rows, nulls(&self.rows, rows));
        Ok(match self.values {
            Values::Repeated(repeated) => {
                let keys =
                    Int32Array::try_new(dense(repeated.keys, at, rows).into(), nulls.build()).map_err(refused)?;
                let texts = Arc::new(StringArray::from_iter_values(repeated.texts));
                (Arc::new(DictionaryArray::<Int32Type>::try_new(keys, texts).map_err(refused)?), false)
            }
            Values::Plain(plain) => {
                let mut array = StringBuilder::with_capacity(rows, plain.texts.len());
                let mut filled = 0;
                for (row, text) in at.iter().zip(plain.iter()) {
                    let row = *row as usize;
                    if filled < row {
                        array.append_nulls(row - filled);
                    }
                    array.append_value(text);
                    filled = row + 1;
                }
                if filled < rows {
                    array.append_nulls(rows - filled);
                }
                (Arc::new(array.finish()), true)
            }
            Values::Int(numbers) => {
                let is_spread = rarely_repeats(rows, &numbers, |number| number);
                let numbers = dense(numbers, at, rows).into();
                (Arc::new(Int64Array::try_new(numbers, nulls.build()).map_err(refused)?), is_spread)
            }
            Values::Float(numbers) => {
                let is_spread = rarely_repeats(rows, &numbers, f64::to_bits);
                let numbers = dense(numbers, at, rows).into();
                (Arc::new(Float64Array::try_new(numbers, nulls.build()).map_err(refused)?), is_spread)
            }
            Values::Bool(values) => (Arc::new(BooleanArray::new(dense(values, at, rows).into(), nulls.build())), false),
        })
    }
}

/// One element a row; anything where the column has no value.
fn dense<T: Copy + Default>(values: Vec<T>, at: &[u32], rows: usize) -> Vec<T> {
    if values.len() == rows {
        return values;
    }
    let mut dense = vec![T::default(); rows];
    for (value, row) in values.into_iter().zip(at) {
        if let Some(place) = dense.get_mut(*row as usize) {
            *place = value;
        }
    }
    dense
}

/// The rows without a value.
fn nulls(at: &[u32], rows: usize) -> NullBufferBuilder {
    let mut nulls = NullBufferBuilder::new(rows);
    if at.len() == rows {
        nulls.append_n_non_nulls(rows);
        return nulls;
    }
    let mut filled = 0;
    for row in at {
        let row = *row as usize;
        if filled < row {
            nulls.append_n_nulls(row - filled);
        }
        nulls.append_non_null();
        filled = row + 1;
    }
    if filled < rows {
        nulls.append_n_nulls(rows - filled);
    }
    nulls
}
