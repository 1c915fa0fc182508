//! The most frequent values of fields.

use std::collections::HashMap;

use arrow_array::{
    Array, RecordBatch,
    types::{Int64Type, UInt8Type},
};
use foldhash::fast::RandomState;
use model::{LevelClass, Query, Record, Severity, query::Field};
use parts::{
    columns::{self, Texts},
    decode::{self, Values},
    reader::Group,
    schema::{self, Columns},
};
use pipeline::{Facet, Result, TimeRange};

use super::{Counter, run};
use crate::store::{scans::Cancel, snapshot::Snapshot};

/// The most distinct values that a facet keeps counts of. Past it the rarest half is
/// forgotten, so that the most frequent stay right unless values hardly repeat.
const FACET_VALUES: usize = 1 << 20;

/// The most frequent values of each field.
pub(in crate::store) fn facets(
    snapshot: &Snapshot,
    query: &Query,
    range: TimeRange,
    fields: &[(String, Field)],
    limit: usize,
    cancel: &Cancel,
) -> Result<Vec<Facet>> {
    let tallies = Tallies(fields.iter().map(|(_, field)| Tally::new(field.clone())).collect());
    let tallies = run(snapshot, query, range, cancel, tallies)?;
    Ok(fields
        .iter()
        .zip(tallies.0)
        .map(|((name, _), tally)| {
            let mut values: Vec<_> = tally.counts.into_iter().collect();
            values.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            values.truncate(limit);
            Facet { field: name.clone(), values }
        })
        .collect())
}

/// One tally for each field that was asked for.
struct Tallies(Vec<Tally>);

impl Counter for Tallies {
    fn fork(&self) -> Self {
        Self(self.0.iter().map(|tally| Tally::new(tally.field.clone())).collect())
    }

    fn merge(&mut self, other: Self) {
        for (tally, more) in self.0.iter_mut().zip(other.0) {
            more.counts.iter().for_each(|(value, count)| tally.add(value, *count));
        }
    }

    fn columns(&self, layout: &Columns) -> Vec<usize> {
        let mut columns: Vec<usize> = self.0.iter().flat_map(|tally| tally.columns(layout)).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    fn record(&mut self, record: &Record) {
        self.0.iter_mut().for_each(|tally| tally.record(record));
    }

    fn is_by_service_and_class(&self, _: &Group) -> bool {
        self.0.iter().all(|tally| matches!(tally.field, Field::Service | Field::Level))
    }

    fn rows(&mut self, _: &Group, service: &str, class: LevelClass, rows: u64) {
        for tally in &mut self.0 {
            tally.add(if tally.field == Field::Service { service } else { class.name() }, rows);
        }
    }

    fn batch(&mut self, batch: &RecordBatch, layout: &Columns) -> Result<()> {
        self.0.iter_mut().try_for_each(|tally| tally.batch(batch, layout))
    }
}

/// Counts by the text form of a field's value.
struct Tally {
    field: Field,
    counts: HashMap<String, u64, RandomState>,
}

impl Tally {
    fn new(field: Field) -> Self {
        Self { field, counts: HashMap::default() }
    }

    fn add(&mut self, value: &str, count: u64) {
        if value.is_empty() || count == 0 {
            return;
        }
        if let Some(known) = self.counts.get_mut(value) {
            *known += count;
            return;
        }
        if self.counts.len() >= FACET_VALUES {
            let mut counts: Vec<u64> = self.counts.values().copied().collect();
            let (_, middle, _) = counts.select_nth_unstable(FACET_VALUES / 2);
            let bar = *middle;
            self.counts.retain(|_, count| *count > bar);
        }
        self.counts.insert(value.to_owned(), count);
    }

    /// Counts by the dictionary where there is one.
    fn add_texts(&mut self, column: &Texts<'_>) {
        match column {
            Texts::Repeated { keys, values } => {
                let mut counts = vec![0; values.len()];
                for key in keys.iter().flatten() {
                    if let Some(count) = counts.get_mut(key as usize) {
                        *count += 1;
                    }
                }
                for (place, count) in counts.into_iter().enumerate() {
                    self.add(values.value(place), count);
                }
            }
            Texts::Plain(column) => column.iter().flatten().for_each(|value| self.add(value, 1)),
        }
    }

    fn add_values(&mut self, values: &Values<'_>, rows: usize) {
        match values {
            Values::Text(column) => self.add_texts(column),
            _ => {
                for row in 0..rows {
                    if let Some(value) = values.get(row) {
                        self.add(&value.to_string(), 1);
                    }
                }
            }
        }
    }
}

impl Tally {
    fn columns(&self, layout: &Columns) -> Vec<usize> {
        let names: &[&str] = match &self.field {
            Field::Level => &[schema::SEVERITY],
            Field::Service => &[schema::SERVICE],
            Field::Node => &[schema::NODE],
            Field::Message => &[schema::MESSAGE],
            Field::TraceId => &[schema::TRACE_ID],
            Field::SpanId => &[schema::SPAN_ID],
            Field::Id => &[schema::ID_BASE, schema::POSITION],
            Field::Attribute(key) => {
                return layout.of_attribute(key).map(|(place, _)| *place).chain(layout.rest).collect();
            }
        };
        names.iter().map(|name| layout.place(name)).collect()
    }

    fn record(&mut self, record: &Record) {
        match &self.field {
            Field::Level => self.add(record.severity.class().name(), 1),
            Field::Service => self.add(&record.service, 1),
            Field::Node => self.add(&record.node, 1),
            Field::Message => self.add(&record.message, 1),
            Field::TraceId => self.add(&record.trace_id.map(|id| model::hex::encode(&id)).unwrap_or_default(), 1),
            Field::SpanId => self.add(&record.span_id.map(|id| model::hex::encode(&id)).unwrap_or_default(), 1),
            Field::Id => self.add(&record.id.to_string(), 1),
            Field::Attribute(key) => {
                if let Some(value) = record.attribute(key) {
                    self.add(&value.to_string(), 1);
                }
            }
        }
    }

    fn batch(&mut self, batch: &RecordBatch, layout: &Columns) -> Result<()> {
        match self.field.clone() {
            Field::Level => {
                for number in columns::numbers::<UInt8Type>(batch, schema::SEVERITY)?.values() {
                    if let Some(severity) = Severity::new(*number) {
                        self.add(severity.class().name(), 1);
                    }
                }
            }
            Field::Service => self.add_texts(&Texts::named(batch, schema::SERVICE)?),
            Field::Node => self.add_texts(&Texts::named(batch, schema::NODE)?),
            Field::Message => self.add_texts(&Texts::named(batch, schema::MESSAGE)?),
            Field::TraceId => {
                let ids = columns::bytes(batch, schema::TRACE_ID)?;
                ids.iter().flatten().for_each(|id| self.add(&model::hex::encode(id), 1));
            }
            Field::SpanId => {
                let ids = columns::bytes(batch, schema::SPAN_ID)?;
                ids.iter().flatten().for_each(|id| self.add(&model::hex::encode(id), 1));
            }
            Field::Id => {
                let bases = columns::bytes(batch, schema::ID_BASE)?;
                let positions = columns::numbers::<Int64Type>(batch, schema::POSITION)?.values();
                for (row, position) in positions.iter().enumerate() {
                    self.add(&decode::id(columns::byte_value(bases, row), *position)?.to_string(), 1);
                }
            }
            Field::Attribute(key) => {
                for (_, attribute) in layout.of_attribute(&key) {
                    let values = Values::named(batch, &attribute.column, attribute.kind)?;
                    self.add_values(&values, batch.num_rows());
                }
                if layout.rest.is_some() {
                    let column = Texts::named(batch, schema::REST)?;
                    for json in (0..column.len()).filter_map(|row| column.get(row)) {
                        if let Some(value) = decode::rest(json)?.get(key.as_str()) {
                            self.add(&value.to_string(), 1);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
