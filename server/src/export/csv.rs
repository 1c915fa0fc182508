//! Comma-separated values, RFC 4180.

use bytes::Bytes;
use csv::WriterBuilder;
use model::api::RecordView;
use pipeline::Result;

use super::{attributes, failed};

pub(super) const COLUMNS: [&str; 11] = [
    "id",
    "time",
    "observed_time",
    "level",
    "severity",
    "service",
    "node",
    "message",
    "trace_id",
    "span_id",
    "attributes",
];

pub(crate) fn encode(records: impl Iterator<Item = RecordView>, header: bool) -> Result<Bytes> {
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    if header {
        writer.write_record(COLUMNS).map_err(failed)?;
    }
    for view in records {
        let (severity, attributes) = (view.severity.to_string(), attributes(&view)?);
        let row: [&str; COLUMNS.len()] = [
            &view.id,
            &view.time,
            &view.observed_time,
            &view.level,
            &severity,
            &view.service,
            &view.node,
            &view.message,
            view.trace_id.as_deref().unwrap_or_default(),
            view.span_id.as_deref().unwrap_or_default(),
            &attributes,
        ];
        writer.write_record(row).map_err(failed)?;
    }
    writer.into_inner().map(Bytes::from).map_err(failed)
}
