//! One Parquet file, with the same columns for any export.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray, UInt8Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use model::{StoredRecord, api::RecordView};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};
use pipeline::Result;

use super::{attributes, failed};

/// The rows of a row group, which is buffered in memory.
const GROUP_ROWS: usize = 65_536;

pub(crate) struct Encoder {
    schema: SchemaRef,
    writer: ArrowWriter<Vec<u8>>,
}

impl Encoder {
    pub(super) fn new() -> Result<Self> {
        let time = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        let text = |name| Field::new(name, DataType::Utf8, false);
        let schema = Arc::new(Schema::new(vec![
            text("id"),
            Field::new("position", DataType::Int64, false),
            Field::new("time", time.clone(), false),
            Field::new("observed_time", time, false),
            text("level"),
            Field::new("severity", DataType::UInt8, false),
            text("service"),
            text("node"),
            text("message"),
            Field::new("trace_id", DataType::Utf8, true),
            Field::new("span_id", DataType::Utf8, true),
            text("attributes"),
        ]));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).map_err(failed)?))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .build();
        let writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties)).map_err(failed)?;
        Ok(Self { schema, writer })
    }

    pub(super) fn encode(&mut self, records: &[StoredRecord]) -> Result<Bytes> {
        let views: Vec<RecordView> = records.iter().map(RecordView::from).collect();
        let time = |of: fn(&StoredRecord) -> i64| -> ArrayRef {
            Arc::new(TimestampNanosecondArray::from_iter_values(records.iter().map(of)).with_timezone("UTC"))
        };
        let text =
            |of: fn(&RecordView) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(views.iter().map(of))) };
        let optional = |of: fn(&RecordView) -> Option<&str>| -> ArrayRef {
            Arc::new(views.iter().map(of).collect::<StringArray>())
        };
        let attributes = views.iter().map(attributes).collect::<Result<Vec<String>>>()?;
        let columns: Vec<ArrayRef> = vec![
            text(|view| &view.id),
            Arc::new(Int64Array::from_iter_values(records.iter().map(|stored| stored.position.0))),
            time(|stored| stored.record.time),
            time(|stored| stored.record.observed_time),
            text(|view| &view.level),
            Arc::new(UInt8Array::from_iter_values(views.iter().map(|view| view.severity))),
            text(|view| &view.service),
            text(|view| &view.node),
            text(|view| &view.message),
            optional(|view| view.trace_id.as_deref()),
            optional(|view| view.span_id.as_deref()),
            Arc::new(StringArray::from_iter_values(attributes)),
        ];
        let batch = RecordBatch::try_new(self.schema.clone(), columns).map_err(failed)?;
        self.writer.write(&batch).map_err(failed)?;
        Ok(std::mem::take(self.writer.inner_mut()).into())
    }

    pub(super) fn finish(self) -> Result<Bytes> {
        self.writer.into_inner().map(Bytes::from).map_err(failed)
    }
}
