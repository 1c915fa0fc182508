//! Counting: how many, over time, and by value.

use std::collections::HashMap;

use arrow_array::{
    Array, RecordBatch,
    types::{Int64Type, UInt8Type},
};
use model::{LevelClass, Query, Record, Severity, query::Field};
use pipeline::{Error, Facet, Histogram, Result, TimeRange};

use super::{
    cancel::Cancel,
    filter::{self, Bound},
    search::{Order, Window},
    snapshot::Snapshot,
};
use crate::part::{
    columns::{self, Texts},
    decode::{self, Values},
    reader::{Footer, Reading},
    schema::{self, Columns},
};

/// The most buckets of a histogram.
const BUCKETS: i64 = 10_000;
/// The most distinct values that a facet keeps counts of. Past it the rarest half is
/// forgotten, so that the most frequent stay right unless values hardly repeat.
const FACET_VALUES: usize = 1 << 20;

/// What counts the matching records.
trait Counter {
    /// The columns it reads of a part.
    fn columns(&self, layout: &Columns) -> Vec<usize>;
    fn record(&mut self, record: &Record, position: i64);
    fn batch(&mut self, batch: &RecordBatch, layout: &Columns) -> Result<()>;
    /// Counts rows that all match without reading them, if it can.
    fn unread(&mut self, _rows: usize) -> bool {
        false
    }
}

fn run(
    snapshot: &Snapshot,
    query: &Query,
    range: TimeRange,
    cancel: &Cancel,
    counters: &mut [&mut dyn Counter],
) -> Result<()> {
    let window = Window::of_time(range);
    for entry in snapshot.tables.iter().flat_map(|view| view.entries()) {
        let block = &entry.block;
        let position = (block.first.0, block.last().0);
        if !window.meets(entry.time, position) {
            continue;
        }
        cancel.check()?;
        let inside = window.covers(entry.time, position);
        for (place, record) in block.batch.records.iter().enumerate() {
            if (inside || range.contains(record.time)) && query.matches(record) {
                counters.iter_mut().for_each(|counter| counter.record(record, block.first.0 + place as i64));
            }
        }
    }
    for part in snapshot.parts.iter() {
        let info = &part.info;
        if !window.meets((info.min_time, info.max_time), (info.min_position, info.max_position)) {
            continue;
        }
        let footer = part.footer()?;
        for (place, group) in footer.groups.iter().enumerate() {
            if !window.meets(group.time, group.position) {
                continue;
            }
            cancel.check()?;
            let Bound::Conditions(more) = filter::bind(query, &footer.columns, cancel) else { continue };
            let mut conditions: Vec<_> = window.condition(Order::Newest, group, &footer.columns).into_iter().collect();
            conditions.extend(more);
            if conditions.is_empty() && counters.iter_mut().all(|counter| counter.unread(group.rows)) {
                continue;
            }
            let reading = Reading { columns: needed(&footer, counters), conditions, limit: None };
            for batch in part.read(&footer, place, 0..group.rows, reading)? {
                cancel.check()?;
                let batch = batch?;
                for counter in counters.iter_mut() {
                    counter.batch(&batch, &footer.columns)?;
                }
            }
        }
    }
    Ok(())
}

fn needed(footer: &Footer, counters: &[&mut dyn Counter]) -> Vec<usize> {
    let mut columns: Vec<usize> = counters.iter().flat_map(|counter| counter.columns(&footer.columns)).collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

/// How many records match.
pub(crate) fn count(snapshot: &Snapshot, query: &Query, range: TimeRange, cancel: &Cancel) -> Result<u64> {
    let mut total = Total(0);
    run(snapshot, query, range, cancel, &mut [&mut total])?;
    Ok(total.0)
}

struct Total(u64);

impl Counter for Total {
    fn columns(&self, _: &Columns) -> Vec<usize> {
        Vec::new()
    }

    fn record(&mut self, _: &Record, _: i64) {
        self.0 += 1;
    }

    fn batch(&mut self, batch: &RecordBatch, _: &Columns) -> Result<()> {
        self.0 += batch.num_rows() as u64;
        Ok(())
    }

    fn unread(&mut self, rows: usize) -> bool {
        self.0 += rows as u64;
        true
    }
}

/// Counts by level class over time; `bucket` in nanoseconds.
///
/// # Errors
/// `Invalid` where the bucket is not positive or the range takes more than 10,000.
pub(crate) fn histogram(
    snapshot: &Snapshot,
    query: &Query,
    range: TimeRange,
    bucket: i64,
    cancel: &Cancel,
) -> Result<Histogram> {
    if bucket <= 0 {
        return Err(Error::invalid(format!("the histogram's bucket is {bucket} ns, and must be positive")));
    }
    let first = range.from.div_euclid(bucket);
    let start = first.saturating_mul(bucket);
    let span = i128::from(range.to.max(range.from)) - i128::from(start);
    let buckets = (span + i128::from(bucket) - 1) / i128::from(bucket);
    if buckets > i128::from(BUCKETS) {
        return Err(Error::invalid(format!(
            "the histogram has {buckets} buckets, and at most {BUCKETS} are allowed: take wider ones or a shorter range"
        )));
    }
    let mut timeline = Timeline { first, bucket, counts: vec![[0; LevelClass::ALL.len()]; buckets as usize] };
    run(snapshot, query, range, cancel, &mut [&mut timeline])?;
    Ok(Histogram { start, bucket, counts: timeline.counts })
}

struct Timeline {
    first: i64,
    bucket: i64,
    counts: Vec<[u64; LevelClass::ALL.len()]>,
}

impl Timeline {
    fn add(&mut self, time: i64, class: usize) {
        let place = time.div_euclid(self.bucket) - self.first;
        let bucket = usize::try_from(place).ok().and_then(|place| self.counts.get_mut(place));
        if let Some(count) = bucket.and_then(|bucket| bucket.get_mut(class)) {
            *count += 1;
        }
    }
}

impl Counter for Timeline {
    fn columns(&self, layout: &Columns) -> Vec<usize> {
        vec![layout.place(schema::TIME), layout.place(schema::SEVERITY)]
    }

    fn record(&mut self, record: &Record, _: i64) {
        self.add(record.time, record.severity.class().index());
    }

    fn batch(&mut self, batch: &RecordBatch, _: &Columns) -> Result<()> {
        let times = columns::times(batch, schema::TIME)?;
        let severities = columns::numbers::<UInt8Type>(batch, schema::SEVERITY)?.values();
        for (time, severity) in times.iter().zip(severities) {
            self.add(*time, usize::from(severity.saturating_sub(1) / 4));
        }
        Ok(())
    }
}

/// The most frequent values of each field.
pub(crate) fn facets(
    snapshot: &Snapshot,
    query: &Query,
    range: TimeRange,
    fields: &[(String, Field)],
    limit: usize,
    cancel: &Cancel,
) -> Result<Vec<Facet>> {
    let mut counters: Vec<Tally> =
        fields.iter().map(|(_, field)| Tally { field: field.clone(), counts: HashMap::new() }).collect();
    let mut dynamic: Vec<&mut dyn Counter> = counters.iter_mut().map(|tally| tally as &mut dyn Counter).collect();
    run(snapshot, query, range, cancel, &mut dynamic)?;
    Ok(fields
        .iter()
        .zip(counters)
        .map(|((name, _), tally)| {
            let mut values: Vec<_> = tally.counts.into_iter().collect();
            values.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            values.truncate(limit);
            Facet { field: name.clone(), values }
        })
        .collect())
}

/// Counts by the text form of a field's value.
struct Tally {
    field: Field,
    counts: HashMap<String, u64>,
}

impl Tally {
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

impl Counter for Tally {
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

    fn record(&mut self, record: &Record, _: i64) {
        match &self.field {
            Field::Level => self.add(record.severity.class().name(), 1),
            Field::Service => self.add(&record.service, 1),
            Field::Node => self.add(&record.node, 1),
            Field::Message => self.add(&record.message, 1),
            Field::TraceId => self.add(&record.trace_id.map(|id| model::api::hex(&id)).unwrap_or_default(), 1),
            Field::SpanId => self.add(&record.span_id.map(|id| model::api::hex(&id)).unwrap_or_default(), 1),
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
                ids.iter().flatten().for_each(|id| self.add(&model::api::hex(id), 1));
            }
            Field::SpanId => {
                let ids = columns::bytes(batch, schema::SPAN_ID)?;
                ids.iter().flatten().for_each(|id| self.add(&model::api::hex(id), 1));
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
