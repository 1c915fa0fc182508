//! Records into columns.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use arrow_array::{
    Array, ArrayRef, Int64Array, RecordBatch, TimestampNanosecondArray, UInt8Array,
    builder::{
        BooleanBuilder, FixedSizeBinaryBuilder, Float64Builder, Int64Builder, StringBuilder, StringDictionaryBuilder,
    },
    types::Int32Type,
};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::take::take;
use foldhash::fast::RandomState;
use model::{Record, RecordId, Text, Value};
use pipeline::{Error, Result};

use super::{
    schema::{self, AttributeColumn, Kind},
    writer::Layout,
};

/// A record about to be written, with what its batch knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) record: &'a Record,
    pub(crate) position: i64,
    /// The id of the batch's first record.
    pub(crate) id_base: RecordId,
}

/// Builds the columns of `rows`, which are in the order of the part.
///
/// # Errors
/// `Internal` where arrow refuses, such as more than 2 GiB of one text column.
pub(crate) fn build(rows: &[Row<'_>]) -> Result<(Layout, RecordBatch)> {
    let mut fields = schema::core_fields();
    let mut arrays = core(rows)?;
    let mut diverse = Vec::new();
    if hardly_repeats(rows.len(), rows.iter().filter_map(|row| row.record.trace_id)) {
        diverse.push(schema::TRACE_ID.to_owned());
    }
    if hardly_repeats(rows.len(), rows.iter().filter_map(|row| row.record.span_id)) {
        diverse.push(schema::SPAN_ID.to_owned());
    }

    let mut counts: HashMap<(&str, Kind), usize, RandomState> = HashMap::default();
    for (key, value) in rows.iter().flat_map(|row| &row.record.attributes) {
        *counts.entry((key, Kind::of(value))).or_default() += 1;
    }
    let attributes = schema::attribute_columns(&counts);
    let spills = attributes.len() < counts.len();
    drop(counts);

    let (columns, rest) = fill(rows, &attributes)?;
    for (attribute, column) in attributes.iter().zip(columns) {
        let (array, spread) = column.finish(rows.len())?;
        if spread {
            diverse.push(attribute.column.clone());
        }
        fields.push(Field::new(&attribute.column, array.data_type().clone(), true));
        arrays.push(array);
    }
    if spills {
        fields.push(Field::new(schema::REST, DataType::Utf8, true));
        arrays.push(rest);
    }
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(schema.clone(), arrays).map_err(refused)?;
    Ok((Layout { schema, attributes, diverse }, batch))
}

fn core(rows: &[Row<'_>]) -> Result<Vec<ArrayRef>> {
    let times = rows.iter().map(|row| row.record.time);
    let observed = rows.iter().map(|row| row.record.observed_time);
    let mut bases = FixedSizeBinaryBuilder::with_capacity(rows.len(), 16);
    let mut traces = FixedSizeBinaryBuilder::with_capacity(rows.len(), 16);
    let mut spans = FixedSizeBinaryBuilder::with_capacity(rows.len(), 8);
    let mut levels = StringDictionaryBuilder::<Int32Type>::new();
    let mut services = StringDictionaryBuilder::<Int32Type>::new();
    let mut nodes = StringDictionaryBuilder::<Int32Type>::new();
    let bytes = rows.iter().map(|row| row.record.message.len()).sum();
    let mut messages = StringBuilder::with_capacity(rows.len(), bytes);
    for row in rows {
        let record = row.record;
        bases.append_value(row.id_base.to_bytes()).map_err(refused)?;
        match record.trace_id {
            Some(id) => traces.append_value(id).map_err(refused)?,
            None => traces.append_null(),
        }
        match record.span_id {
            Some(id) => spans.append_value(id).map_err(refused)?,
            None => spans.append_null(),
        }
        levels.append(&record.level).map_err(refused)?;
        services.append(&record.service).map_err(refused)?;
        nodes.append(&record.node).map_err(refused)?;
        messages.append_value(&record.message);
    }
    Ok(vec![
        Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC")),
        Arc::new(TimestampNanosecondArray::from_iter_values(observed).with_timezone("UTC")),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.position))),
        Arc::new(bases.finish()),
        Arc::new(UInt8Array::from_iter_values(rows.iter().map(|row| row.record.severity.number()))),
        Arc::new(levels.finish()),
        Arc::new(services.finish()),
        Arc::new(nodes.finish()),
        Arc::new(messages.finish()),
        Arc::new(traces.finish()),
        Arc::new(spans.finish()),
    ])
}

/// Fills the attribute columns and the JSON column of those that have none.
fn fill(rows: &[Row<'_>], attributes: &[AttributeColumn]) -> Result<(Vec<Column>, ArrayRef)> {
    let mut columns: Vec<Column> = attributes.iter().map(|attribute| Column::new(attribute.kind)).collect();
    let places: HashMap<(&str, Kind), usize, RandomState> = attributes
        .iter()
        .enumerate()
        .map(|(place, attribute)| ((attribute.key.as_str(), attribute.kind), place))
        .collect();
    let mut rest = StringBuilder::new();
    let mut spilled: Vec<&(Text, Value)> = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        spilled.clear();
        for attribute in &row.record.attributes {
            let (key, value) = attribute;
            let column = places.get(&(key.as_str(), Kind::of(value))).and_then(|place| columns.get_mut(*place));
            match column {
                Some(column) => column.append(at, value)?,
                None => spilled.push(attribute),
            }
        }
        if spilled.is_empty() {
            rest.append_null();
        } else {
            rest.append_value(json(&spilled)?);
        }
    }
    Ok((columns, Arc::new(rest.finish())))
}

fn json(attributes: &[&(Text, Value)]) -> Result<String> {
    let map: std::collections::BTreeMap<&str, &Value> =
        attributes.iter().map(|(key, value)| (key.as_str(), value)).collect();
    serde_json::to_string(&map).map_err(|error| Error::internal(format!("attributes do not print as JSON: {error}")))
}

/// A column of attribute values under construction; rows without one are filled up
/// with nulls when the next value comes.
enum Column {
    Text(StringDictionaryBuilder<Int32Type>),
    Int(Int64Builder),
    Float(Float64Builder),
    Bool(BooleanBuilder),
}

impl Column {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(StringDictionaryBuilder::new()),
            Kind::Int => Self::Int(Int64Builder::new()),
            Kind::Float => Self::Float(Float64Builder::new()),
            Kind::Bool => Self::Bool(BooleanBuilder::new()),
        }
    }

    fn fill(&mut self, rows: usize) {
        use arrow_array::builder::ArrayBuilder;
        match self {
            Self::Text(builder) => (builder.len()..rows).for_each(|_| builder.append_null()),
            Self::Int(builder) => builder.append_nulls(rows.saturating_sub(builder.len())),
            Self::Float(builder) => builder.append_nulls(rows.saturating_sub(builder.len())),
            Self::Bool(builder) => builder.append_nulls(rows.saturating_sub(builder.len())),
        }
    }

    fn append(&mut self, row: usize, value: &Value) -> Result<()> {
        self.fill(row);
        match (self, value) {
            (Self::Text(builder), Value::Text(value)) => {
                builder.append(value).map_err(refused)?;
            }
            (Self::Int(builder), Value::Int(value)) => builder.append_value(*value),
            (Self::Float(builder), Value::Float(value)) => builder.append_value(*value),
            (Self::Bool(builder), Value::Bool(value)) => builder.append_value(*value),
            _ => return Err(Error::internal("an attribute's value and its column differ in type")),
        }
        Ok(())
    }

    /// The array, and whether its values hardly repeat.
    fn finish(mut self, rows: usize) -> Result<(ArrayRef, bool)> {
        self.fill(rows);
        Ok(match self {
            Self::Text(mut builder) => {
                let array = builder.finish();
                if array.values().len() > spread_from(rows) {
                    (take(array.values(), array.keys(), None).map_err(refused)?, true)
                } else {
                    (Arc::new(array), false)
                }
            }
            Self::Int(mut builder) => {
                let array = builder.finish();
                let spread = hardly_repeats(rows, array.iter().flatten());
                (Arc::new(array), spread)
            }
            Self::Float(mut builder) => {
                let array = builder.finish();
                let spread = hardly_repeats(rows, array.iter().flatten().map(f64::to_bits));
                (Arc::new(array), spread)
            }
            Self::Bool(mut builder) => (Arc::new(builder.finish()), false),
        })
    }
}

/// From so many distinct values on, a dictionary is not worth its page.
fn spread_from(rows: usize) -> usize {
    rows / 8
}

fn hardly_repeats<T: std::hash::Hash + Eq>(rows: usize, values: impl Iterator<Item = T>) -> bool {
    let bound = spread_from(rows);
    let mut seen = HashSet::with_hasher(RandomState::default());
    for value in values {
        if seen.insert(value) && seen.len() > bound {
            return true;
        }
    }
    false
}

fn refused(error: arrow_schema::ArrowError) -> Error {
    Error::internal(format!("records do not become columns: {error}"))
}
