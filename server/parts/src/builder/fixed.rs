//! The columns of every part, in the order of [`schema::core_fields`].

use std::sync::Arc;

use arrow_array::{
    ArrayRef, Int64Array, TimestampNanosecondArray, UInt8Array,
    builder::{FixedSizeBinaryBuilder, StringBuilder, StringDictionaryBuilder},
    types::Int32Type,
};
use pipeline::Result;

use super::{Row, refused, spread::Distinct};
use crate::schema;

pub(super) struct Fixed {
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
    distinct_traces: Distinct<[u8; 16]>,
    spans: FixedSizeBinaryBuilder,
    distinct_spans: Distinct<[u8; 8]>,
}

impl Fixed {
    /// No columns yet, with room for those of `all`.
    pub(super) fn of(all: &[Row<'_>]) -> Self {
        let rows = all.len();
        let bytes = all.iter().map(|row| row.record.message.len()).sum();
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
            distinct_traces: Distinct::of(rows),
            spans: FixedSizeBinaryBuilder::with_capacity(rows, 8),
            distinct_spans: Distinct::of(rows),
        }
    }

    pub(super) fn append(&mut self, row: &Row<'_>) -> Result<()> {
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
            Some(id) => {
                self.distinct_traces.add(id);
                self.traces.append_value(id).map_err(refused)?;
            }
            None => self.traces.append_null(),
        }
        match record.span_id {
            Some(id) => {
                self.distinct_spans.add(id);
                self.spans.append_value(id).map_err(refused)?;
            }
            None => self.spans.append_null(),
        }
        Ok(())
    }

    /// The columns, and the names of those whose values rarely repeat.
    pub(super) fn finish(mut self) -> (Vec<ArrayRef>, Vec<String>) {
        let mut diverse = Vec::new();
        diverse.extend(self.distinct_traces.is_spread.then(|| schema::TRACE_ID.to_owned()));
        diverse.extend(self.distinct_spans.is_spread.then(|| schema::SPAN_ID.to_owned()));
        let columns: Vec<ArrayRef> = vec![
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
        ];
        (columns, diverse)
    }
}
