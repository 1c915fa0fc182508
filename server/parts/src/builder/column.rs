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
use crate::{
    form::{self, Form},
    formed::{Formed, dense},
    schema::Kind,
};

/// The share of floats without the form of the others, from which on all of them are plain: one in so many.
const MOST_OTHERS: usize = 16;

/// The values of one attribute of one type, and the row of each. A column of few values takes little memory.
pub(super) struct Column<'a> {
    rows: Vec<u32>,
    values: Values<'a>,
    /// The number of distinct texts from which on they are stored one by one.
    bound: usize,
    /// Whether it is for the values that do not have the form of the others.
    is_plain: bool,
}

enum Values<'a> {
    Repeated(Repeated<'a>),
    Plain(Plain),
    /// Texts with a form, and the column of those without it.
    Formed(Formed, Box<Column<'a>>),
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

    /// The array of `rows` rows; the texts are those of the rows `at`.
    fn into_array(self, at: &[u32], rows: usize) -> StringArray {
        let mut array = StringBuilder::with_capacity(rows, self.texts.len());
        let mut filled = 0;
        for (row, text) in at.iter().zip(self.iter()) {
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
        array.finish()
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
        Self { rows: Vec::new(), values, bound: spread_from(rows), is_plain: false }
    }

    /// A column for the values that do not have the form of the others.
    fn of_others(kind: Kind, rows: usize) -> Self {
        Self { is_plain: true, ..Self::new(kind, rows) }
    }

    /// Appends the value of a row after those before.
    pub(super) fn append(&mut self, row: u32, value: Cell<'a>) -> Result<()> {
        if !self.ends_before(row) {
            return Err(Error::internal("a record has an attribute twice"));
        }
        match (&mut self.values, value) {
            (Values::Repeated(repeated), Cell::Text(text)) => {
                repeated.add(text);
                // From here on a dictionary does not pay off, however many texts follow.
                if repeated.texts.len() > self.bound {
                    self.rows.push(row);
                    return self.spell();
                }
            }
            (Values::Plain(plain), Cell::Text(text)) => plain.add(text),
            (Values::Formed(formed, others), Cell::Text(text)) => {
                if !formed.push_text(text) {
                    return others.append(row, Cell::Text(text));
                }
            }
            (Values::Int(numbers), Cell::Int(number)) => numbers.push(number),
            (Values::Float(numbers), Cell::Float(number)) => numbers.push(number),
            (Values::Bool(values), Cell::Bool(value)) => values.push(value),
            _ => return Err(Error::internal("the types of an attribute's value and its column differ")),
        }
        self.rows.push(row);
        Ok(())
    }

    /// Whether no value of this row or of a later one is here.
    fn ends_before(&self, row: u32) -> bool {
        let has_others = matches!(&self.values, Values::Formed(_, others) if !others.ends_before(row));
        !has_others && self.rows.last().is_none_or(|last| *last < row)
    }

    /// Gives up the dictionary: from here on, texts are stored one by one, in the form that nearly all of them have.
    fn spell(&mut self) -> Result<()> {
        let Values::Repeated(repeated) = &self.values else { return Ok(()) };
        let form = match self.is_plain {
            true => Form::Plain,
            false => form::of_texts(repeated.keys.iter().map(|key| repeated.get(*key))),
        };
        if form.is_plain() {
            self.values = Values::Plain(Plain::of(repeated));
            return Ok(());
        }
        let (mut formed, mut rows) = (Formed::new(form), Vec::with_capacity(self.rows.len()));
        let mut others = Self { bound: self.bound, ..Self::of_others(Kind::Text, 0) };
        for (row, key) in self.rows.iter().zip(&repeated.keys) {
            let text = repeated.get(*key);
            match formed.push_text(text) {
                true => rows.push(*row),
                false => others.append(*row, Cell::Text(text))?,
            }
        }
        self.rows = rows;
        self.values = Values::Formed(formed, Box::new(others));
        Ok(())
    }

    /// Turns values of a form back to texts. They are out of order then.
    pub(super) fn print(&mut self) {
        let Values::Formed(formed, others) = &self.values else { return };
        let mut plain = Plain::default();
        formed.print_each(|text| plain.add(text));
        others.each(|row, value| {
            if let Cell::Text(text) = value {
                self.rows.push(row);
                plain.add(text);
            }
        });
        self.values = Values::Plain(plain);
    }

    /// Hands each value to `take`, with its row; not those of a form, which have to be printed before.
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
            Values::Formed(..) => {}
            Values::Int(numbers) => numbers.iter().for_each(|number| take(Cell::Int(*number))),
            Values::Float(numbers) => numbers.iter().for_each(|number| take(Cell::Float(*number))),
            Values::Bool(values) => values.iter().for_each(|value| take(Cell::Bool(*value))),
        }
    }

    /// The columns of all `rows` rows: one, or that of the values with a form and, if there are others, theirs.
    pub(super) fn finish(self, rows: usize) -> Result<Vec<Finished>> {
        let (at, nulls) = (&self.rows, nulls(&self.rows, rows));
        let (array, is_spread): (ArrayRef, bool) = match self.values {
            Values::Repeated(repeated) => {
                let keys =
                    Int32Array::try_new(dense(repeated.keys, at, rows).into(), nulls.build()).map_err(refused)?;
                let texts = Arc::new(StringArray::from_iter_values(repeated.texts));
                (Arc::new(DictionaryArray::<Int32Type>::try_new(keys, texts).map_err(refused)?), false)
            }
            Values::Plain(plain) => (Arc::new(plain.into_array(at, rows)), true),
            Values::Formed(formed, others) => {
                let mut finished = vec![Finished::formed(formed, at, rows, true)?];
                if !others.rows.is_empty() {
                    finished.extend(others.finish(rows)?);
                }
                return Ok(finished);
            }
            Values::Int(numbers) => {
                let is_spread = rarely_repeats(rows, &numbers, |number| number);
                let numbers = dense(numbers, at, rows).into();
                (Arc::new(Int64Array::try_new(numbers, nulls.build()).map_err(refused)?), is_spread)
            }
            Values::Float(numbers) => {
                if !self.is_plain
                    && let Some(finished) = decimals(&numbers, at, rows)?
                {
                    return Ok(finished);
                }
                let is_spread = rarely_repeats(rows, &numbers, f64::to_bits);
                let numbers = dense(numbers, at, rows).into();
                (Arc::new(Float64Array::try_new(numbers, nulls.build()).map_err(refused)?), is_spread)
            }
            Values::Bool(values) => (Arc::new(BooleanArray::new(dense(values, at, rows).into(), nulls.build())), false),
        };
        Ok(vec![Finished { form: Form::Plain, array, is_spread }])
    }
}

/// A column of all rows.
pub(super) struct Finished {
    pub(super) form: Form,
    pub(super) array: ArrayRef,
    /// Whether its values rarely repeat.
    pub(super) is_spread: bool,
}

impl Finished {
    fn formed(formed: Formed, at: &[u32], rows: usize, is_spread: bool) -> Result<Self> {
        let form = formed.form().clone();
        Ok(Self { form, array: formed.into_array(at, rows, nulls(at, rows)).map_err(refused)?, is_spread })
    }
}

/// The columns of floats as decimals, and of those that are none; `None` if too many are none.
fn decimals(numbers: &[f64], at: &[u32], rows: usize) -> Result<Option<Vec<Finished>>> {
    let step = numbers.len().div_ceil(form::LOOKED_AT).max(1);
    let form = form::of_floats(numbers.iter().step_by(step).copied());
    if form.is_plain() {
        return Ok(None);
    }
    let (mut formed, mut own) = (Formed::new(form), Vec::with_capacity(numbers.len()));
    let mut others = Column::of_others(Kind::Float, rows);
    for (row, number) in at.iter().zip(numbers) {
        match formed.push_float(*number) {
            true => own.push(*row),
            false => others.append(*row, Cell::Float(*number))?,
        }
    }
    if others.rows.len() > numbers.len() / MOST_OTHERS {
        return Ok(None);
    }
    let is_spread = rarely_repeats(rows, formed.numbers(), |number| number);
    let mut finished = vec![Finished::formed(formed, &own, rows, is_spread)?];
    if !others.rows.is_empty() {
        finished.extend(others.finish(rows)?);
    }
    Ok(Some(finished))
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
