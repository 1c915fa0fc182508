//! Converts records to columns.

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

use super::schema::{self, AttributeColumn, Kind, Layout};

/// A record to write, with the context of its batch.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub record: &'a Record,
    pub position: i64,
    /// The id of the batch's first record.
    pub id_base: RecordId,
}

/// Builds the columns of `rows`, which are in the order of the part.
///
/// # Errors
/// `Internal` if arrow refuses, for example more than 2 GiB in one text column.
pub(crate) fn build(rows: &[Row<'_>]) -> Result<(Layout, RecordBatch)> {
    // Row by row instead of column by column: the records are scattered in memory, and fetching them dominates the
    // cost.
    let mut bytes = 0;
    let (mut traces, mut spans) = (Values::of(rows.len()), Values::of(rows.len()));
    let mut counts: HashMap<(&str, Kind), usize, RandomState> = HashMap::default();
    for row in rows {
        bytes += row.record.message.len();
        row.record.trace_id.into_iter().for_each(|id| traces.add(id));
        row.record.span_id.into_iter().for_each(|id| spans.add(id));
        for (key, value) in &row.record.attributes {
            *counts.entry((key, Kind::of(value))).or_default() += 1;
        }
    }
    let attributes = schema::attribute_columns(&counts);
    let spills = attributes.len() < counts.len();
    drop(counts);

    let mut diverse = Vec::new();
    diverse.extend(traces.spread.then(|| schema::TRACE_ID.to_owned()));
    diverse.extend(spans.spread.then(|| schema::SPAN_ID.to_owned()));

    let mut core = Core::new(rows.len(), bytes);
    let mut columns = Columns::new(&attributes);
    for (at, row) in rows.iter().enumerate() {
        core.append(row)?;
        columns.append(at, row.record)?;
    }

    let mut fields = schema::core_fields();
    let mut arrays = core.finish();
    for (attribute, column) in attributes.iter().zip(columns.columns) {
        let (array, spread) = column.finish(rows.len())?;
        if spread {
            diverse.push(attribute.column.clone());
        }
        fields.push(Field::new(&attribute.column, array.data_type().clone(), true));
        arrays.push(array);
    }
    if spills {
        fields.push(Field::new(schema::REST, DataType::Utf8, true));
        arrays.push(Arc::new(columns.rest.finish()));
    }
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(schema.clone(), arrays).map_err(refused)?;
    Ok((Layout { schema, attributes, diverse }, batch))
}

/// The columns of every part, in the order of [`schema::core_fields`].
struct Core {
    times: Vec<i64>,
    observed: Vec<i64>,
    positions: Vec<i64>,
    bases: FixedSizeBinaryBuilder,
    severities: Vec<u8>,
    levels: StringDictionaryBuilder<Int32Type>,
    services: StringDictionaryBuilder<Int32Type>,
    nodes: StringDictionaryBuilder<Int32Type>,
    messages: StringBuilder,
    traces: FixedSizeBinaryBuilder,
    spans: FixedSizeBinaryBuilder,
}

impl Core {
    /// `bytes` is the total size of all messages.
    fn new(rows: usize, bytes: usize) -> Self {
        Self {
            times: Vec::with_capacity(rows),
            observed: Vec::with_capacity(rows),
            positions: Vec::with_capacity(rows),
            bases: FixedSizeBinaryBuilder::with_capacity(rows, 16),
            severities: Vec::with_capacity(rows),
            levels: StringDictionaryBuilder::new(),
            services: StringDictionaryBuilder::new(),
            nodes: StringDictionaryBuilder::new(),
            messages: StringBuilder::with_capacity(rows, bytes),
            traces: FixedSizeBinaryBuilder::with_capacity(rows, 16),
            spans: FixedSizeBinaryBuilder::with_capacity(rows, 8),
        }
    }

    fn append(&mut self, row: &Row<'_>) -> Result<()> {
        let record = row.record;
        self.times.push(record.time);
        self.observed.push(record.observed_time);
        self.positions.push(row.position);
        self.bases.append_value(row.id_base.to_bytes()).map_err(refused)?;
        self.severities.push(record.severity.number());
        self.levels.append(&record.level).map_err(refused)?;
        self.services.append(&record.service).map_err(refused)?;
        self.nodes.append(&record.node).map_err(refused)?;
        self.messages.append_value(&record.message);
        match record.trace_id {
            Some(id) => self.traces.append_value(id).map_err(refused)?,
            None => self.traces.append_null(),
        }
        match record.span_id {
            Some(id) => self.spans.append_value(id).map_err(refused)?,
            None => self.spans.append_null(),
        }
        Ok(())
    }

    fn finish(mut self) -> Vec<ArrayRef> {
        vec![
            Arc::new(TimestampNanosecondArray::from(self.times).with_timezone("UTC")),
            Arc::new(TimestampNanosecondArray::from(self.observed).with_timezone("UTC")),
            Arc::new(Int64Array::from(self.positions)),
            Arc::new(self.bases.finish()),
            Arc::new(UInt8Array::from(self.severities)),
            Arc::new(self.levels.finish()),
            Arc::new(self.services.finish()),
            Arc::new(self.nodes.finish()),
            Arc::new(self.messages.finish()),
            Arc::new(self.traces.finish()),
            Arc::new(self.spans.finish()),
        ]
    }
}

/// The attribute columns, and the JSON column of all other attributes.
struct Columns<'a> {
    columns: Vec<Column>,
    places: HashMap<(&'a str, Kind), usize, RandomState>,
    rest: StringBuilder,
}

impl<'a> Columns<'a> {
    fn new(attributes: &'a [AttributeColumn]) -> Self {
        let place = |(place, attribute): (usize, &'a AttributeColumn)| ((&*attribute.key, attribute.kind), place);
        Self {
            columns: attributes.iter().map(|attribute| Column::new(attribute.kind)).collect(),
            places: attributes.iter().enumerate().map(place).collect(),
            rest: StringBuilder::new(),
        }
    }

    /// Appends the attributes of the record in row `at`.
    fn append(&mut self, at: usize, record: &Record) -> Result<()> {
        let mut spilled: Vec<&(Text, Value)> = Vec::new();
        for attribute in &record.attributes {
            let (key, value) = attribute;
            let place = self.places.get(&(key.as_str(), Kind::of(value)));
            match place.and_then(|place| self.columns.get_mut(*place)) {
                Some(column) => column.append(at, value)?,
                None => spilled.push(attribute),
            }
        }
        if spilled.is_empty() {
            self.rest.append_null();
        } else {
            self.rest.append_value(json(&spilled)?);
        }
        Ok(())
    }
}

fn json(attributes: &[&(Text, Value)]) -> Result<String> {
    let map: std::collections::BTreeMap<&str, &Value> =
        attributes.iter().map(|(key, value)| (key.as_str(), value)).collect();
    serde_json::to_string(&map)
        .map_err(|error| Error::internal(format!("attributes cannot be written as JSON: {error}")))
}

/// An attribute column under construction. Rows without a value are filled with nulls when the next value is
/// appended.
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
            _ => return Err(Error::internal("the types of an attribute's value and its column differ")),
        }
        Ok(())
    }

    /// The array, and whether its values rarely repeat.
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
                let spread = rarely_repeats(rows, array.iter().flatten());
                (Arc::new(array), spread)
            }
            Self::Float(mut builder) => {
                let array = builder.finish();
                let spread = rarely_repeats(rows, array.iter().flatten().map(f64::to_bits));
                (Arc::new(array), spread)
            }
            Self::Bool(mut builder) => (Arc::new(builder.finish()), false),
        })
    }
}

/// The number of distinct values from which a dictionary does not pay off.
fn spread_from(rows: usize) -> usize {
    rows / 8
}

fn rarely_repeats<T: std::hash::Hash + Eq>(rows: usize, values: impl Iterator<Item = T>) -> bool {
    let mut seen = Values::of(rows);
    values.for_each(|value| seen.add(value));
    seen.spread
}

/// The distinct values of a column, up to a limit.
struct Values<T> {
    seen: HashSet<T, RandomState>,
    bound: usize,
    /// Whether they rarely repeat.
    spread: bool,
}

impl<T: std::hash::Hash + Eq> Values<T> {
    fn of(rows: usize) -> Self {
        Self { seen: HashSet::default(), bound: spread_from(rows), spread: false }
    }

    fn add(&mut self, value: T) {
        if !self.spread && self.seen.insert(value) {
            self.spread = self.seen.len() > self.bound;
        }
    }
}

fn refused(error: arrow_schema::ArrowError) -> Error {
    Error::internal(format!("records cannot be converted to columns: {error}"))
}
