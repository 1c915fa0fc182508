//! One test of a query, evaluated on columns.

use arrow_array::{
    Array, BooleanArray, Float64Array, Int64Array, RecordBatch,
    types::{Int64Type, UInt8Type},
};
use arrow_buffer::BooleanBuffer;
use model::{
    Severity, Value,
    query::{Field, Test},
};
use parts::{
    columns::{self, Texts},
    decode::{self, Values},
    rest::RestValues,
    schema::{self, AttributeColumn, Rest},
};
use pipeline::{Error, Result};

use super::{
    bounds::{holds, integers_in},
    contains::Contains,
    formed,
    probe::Probe,
};

/// A test with the columns that it reads.
pub(crate) enum Leaf {
    /// The message contains a text.
    Contains(Contains),
    /// The severity number is one of these.
    Severity(Box<[bool; 256]>),
    /// An id in a byte column is one of these.
    Ids { column: &'static str, wanted: Vec<Vec<u8>> },
    /// A field other than an attribute.
    Core { field: Field, probe: Probe },
    /// An attribute: its columns, and where else its values may be.
    Attribute { key: String, columns: Vec<AttributeColumn>, rest: Rest, test: Test, probe: Probe },
}

impl Leaf {
    /// A level test that depends only on the severity.
    pub(crate) fn severity(test: &Test) -> Self {
        let mut probe = Probe::new(&Field::Level, test);
        let mut passes = Box::new([false; 256]);
        for (number, passes) in (0..=u8::MAX).zip(passes.iter_mut()) {
            *passes = Severity::new(number).is_some_and(|severity| probe.level(severity, ""));
        }
        Self::Severity(passes)
    }

    /// A test for ids by their unique text forms.
    pub(crate) fn ids(column: &'static str, texts: &[String]) -> Self {
        let id = |text: &String| hex::decode(text).ok().filter(|id| hex::encode(id) == *text);
        Self::Ids { column, wanted: texts.iter().filter_map(id).collect() }
    }

    /// The rows that pass. A row without the field does not.
    pub(crate) fn scan(&mut self, batch: &RecordBatch) -> Result<BooleanBuffer> {
        match self {
            Self::Contains(contains) => match Texts::named(batch, schema::MESSAGE)? {
                Texts::Plain(column) => Ok(contains.scan(column)),
                Texts::Repeated { .. } => Err(Error::corrupt("the message column of a part has a dictionary")),
            },
            Self::Severity(passes) => {
                let severities = columns::numbers::<UInt8Type>(batch, schema::SEVERITY)?.values();
                Ok(collect(severities.len(), |row| passes[usize::from(severities[row])]))
            }
            Self::Ids { column, wanted } => {
                let column = columns::bytes(batch, column)?;
                let is_wanted = |row: usize| wanted.iter().any(|id| id.as_slice() == column.value(row));
                Ok(collect(column.len(), |row| column.is_valid(row) && is_wanted(row)))
            }
            Self::Core { field, probe } => scan_core(batch, field, probe),
            Self::Attribute { key, columns, rest, test, probe } => {
                let mut found = BooleanBuffer::new_unset(batch.num_rows());
                for column in columns.iter() {
                    let values = Values::named(batch, column)?;
                    found = &found | &attribute(&values, test, probe);
                }
                if !rest.is_none() {
                    found = &found | &of_rest(batch, rest, key, probe)?;
                }
                Ok(found)
            }
        }
    }
}

fn scan_core(batch: &RecordBatch, field: &Field, probe: &mut Probe) -> Result<BooleanBuffer> {
    let rows = batch.num_rows();
    match field {
        Field::Level => level(batch, probe),
        Field::Service => Ok(texts(&Texts::named(batch, schema::SERVICE)?, probe, Probe::service)),
        Field::Node => Ok(texts(&Texts::named(batch, schema::NODE)?, probe, Probe::node)),
        Field::Message => Ok(texts(&Texts::named(batch, schema::MESSAGE)?, probe, Probe::message)),
        Field::TraceId => {
            let column = columns::bytes(batch, schema::TRACE_ID)?;
            Ok(collect(rows, |row| columns::byte_value(column, row).is_some_and(|id| probe.trace_id(id))))
        }
        Field::SpanId => {
            let column = columns::bytes(batch, schema::SPAN_ID)?;
            Ok(collect(rows, |row| columns::byte_value(column, row).is_some_and(|id| probe.span_id(id))))
        }
        Field::Id => {
            let bases = columns::bytes(batch, schema::ID_BASE)?;
            let positions = columns::numbers::<Int64Type>(batch, schema::POSITION)?.values();
            let mut found = Vec::with_capacity(rows);
            for (row, position) in positions.iter().enumerate() {
                found.push(probe.id(decode::id(columns::byte_value(bases, row), *position)?));
            }
            Ok(BooleanBuffer::from(found))
        }
        Field::Attribute(_) => Err(Error::internal("an attribute was treated as a core field")),
    }
}

/// Levels are few: each pair of severity and word is tested once.
fn level(batch: &RecordBatch, probe: &mut Probe) -> Result<BooleanBuffer> {
    let severities = columns::numbers::<UInt8Type>(batch, schema::SEVERITY)?.values();
    let levels = Texts::named(batch, schema::LEVEL)?;
    let mut known: Vec<(u8, &str, bool)> = Vec::new();
    let mut found = Vec::with_capacity(severities.len());
    for (row, number) in severities.iter().enumerate() {
        let word = levels.get(row).unwrap_or_default();
        let before = known.iter().find(|(severity, level, _)| severity == number && *level == word);
        found.push(match before {
            Some((.., passes)) => *passes,
            None => {
                let severity = Severity::new(*number)
                    .ok_or_else(|| Error::corrupt(format!("a part has the invalid severity {number}")))?;
                let passes = probe.level(severity, word);
                known.push((*number, word, passes));
                passes
            }
        });
        // Clients choose the words; a linear search over hundreds is slower than the test.
        known.truncate(256);
    }
    Ok(BooleanBuffer::from(found))
}

/// Tests each word of a dictionary at most once.
fn texts(column: &Texts<'_>, probe: &mut Probe, passes: fn(&mut Probe, &str) -> bool) -> BooleanBuffer {
    let Texts::Repeated { keys, values } = column else {
        return collect(column.len(), |row| column.get(row).is_some_and(|text| passes(probe, text)));
    };
    let mut verdicts = probe.verdicts(values);
    let mut holds = |key: i32| verdicts.of(key as usize, |text| passes(probe, text));
    let found = collect(keys.len(), |row| keys.is_valid(row) && holds(keys.value(row)));
    probe.keep(verdicts);
    found
}

fn attribute(values: &Values<'_>, test: &Test, probe: &mut Probe) -> BooleanBuffer {
    match (values, test) {
        (Values::Text(column), _) => texts(column, probe, |probe, text| probe.attribute(Value::Text(text.into()))),
        (Values::Bytes(bytes), test) => formed::bytes(bytes, test, probe),
        (Values::Numbers(numbers), test) => formed::numbers(numbers, test, probe),
        (Values::Int(column), Test::Compare(comparison, bound)) => match integers_in(*comparison, *bound) {
            Some((least, greatest)) => integers(column, |value| (least..=greatest).contains(&value)),
            None => BooleanBuffer::new_unset(column.len()),
        },
        (Values::Int(column), Test::AnyOf(texts)) => {
            // Only the canonical text of an integer can be equal to its text form.
            let wanted: Vec<i64> = texts
                .iter()
                .filter_map(|text| text.parse().ok().filter(|value: &i64| value.to_string() == *text))
                .collect();
            integers(column, |value| wanted.contains(&value))
        }
        (Values::Int(column), _) => {
            collect(column.len(), |row| column.is_valid(row) && probe.attribute(Value::Int(column.value(row))))
        }
        (Values::Float(column), Test::Compare(comparison, bound)) => {
            floats(column, |value| holds(*comparison, value, *bound))
        }
        (Values::Float(column), _) => floats(column, |value| probe.attribute(Value::Float(value))),
        (Values::Bool(column), _) => {
            let (yes, no) = (probe.attribute(Value::Bool(true)), probe.attribute(Value::Bool(false)));
            booleans(column, |value| if value { yes } else { no })
        }
    }
}

/// Tests all values, also those of rows without one, which is faster than asking for each row whether it has a value.
fn integers(column: &Int64Array, passes: impl Fn(i64) -> bool) -> BooleanBuffer {
    let values = column.values();
    let found = collect(values.len(), |row| passes(values[row]));
    match column.nulls() {
        Some(nulls) => &found & nulls.inner(),
        None => found,
    }
}

fn floats(column: &Float64Array, mut passes: impl FnMut(f64) -> bool) -> BooleanBuffer {
    collect(column.len(), |row| column.is_valid(row) && passes(column.value(row)))
}

fn booleans(column: &BooleanArray, passes: impl Fn(bool) -> bool) -> BooleanBuffer {
    collect(column.len(), |row| column.is_valid(row) && passes(column.value(row)))
}

/// Tests the values of an attribute without a column.
fn of_rest(batch: &RecordBatch, rest: &Rest, key: &str, probe: &mut Probe) -> Result<BooleanBuffer> {
    let mut found = vec![false; batch.num_rows()];
    RestValues::of(batch, rest)?.of_key(key, |row, value| {
        if let Some(found) = found.get_mut(row) {
            *found |= probe.attribute(value.into());
        }
    })?;
    Ok(BooleanBuffer::from(found))
}

fn collect(rows: usize, passes: impl FnMut(usize) -> bool) -> BooleanBuffer {
    BooleanBuffer::collect_bool(rows, passes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_a_value_does_not_pass() {
        let column = Int64Array::from(vec![Some(0), None, Some(7), None, Some(-3)]);
        let found: Vec<usize> = integers(&column, |value| value <= 0).set_indices().collect();
        assert_eq!(found, [0, 4]);
    }
}
