//! The first field in which a stored record differs from the sent one.

use std::{collections::BTreeMap, fmt::Debug};

use model::{Value, api::RecordView, hex, time::format_rfc3339};

use crate::{
    corpus::{Sample, encode::line_message},
    manifest::Shape,
};

/// Describes the difference, or returns `None` if there is none.
pub(super) fn difference(sample: &Sample<'_>, shape: Shape, run: &str, record: &RecordView) -> Option<String> {
    match shape {
        Shape::Full => full_difference(sample, record),
        Shape::Line => line_difference(sample, run, record),
    }
}

fn full_difference(sample: &Sample<'_>, record: &RecordView) -> Option<String> {
    let attributes = sample.attributes.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let trace_id = sample.trace.map(|trace| hex::encode(&trace.trace_id));
    let span_id = sample.trace.map(|trace| hex::encode(&trace.span_id));
    core_difference(sample, sample.service, &sample.message, record)
        .or_else(|| differs("trace_id", &trace_id, &record.trace_id))
        .or_else(|| differs("span_id", &span_id, &record.span_id))
        .or_else(|| differs("attributes", &attributes, &without_way(&record.attributes)))
}

/// The attributes without the servers and agents that passed the record on, which are added on the way.
fn without_way(attributes: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let sent = attributes.iter().filter(|(key, _)| key.as_str() != "logboom.via");
    sent.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn line_difference(sample: &Sample<'_>, run: &str, record: &RecordView) -> Option<String> {
    // A record without a service has the node's name as its service.
    core_difference(sample, sample.node, &line_message(&sample.message, run, sample.number), record)
}

fn core_difference(sample: &Sample<'_>, service: &str, message: &str, record: &RecordView) -> Option<String> {
    let is_time_sent = !sample.is_bare;
    differs("message", message, record.message.as_str())
        .or_else(|| is_time_sent.then(|| format_rfc3339(sample.time)).and_then(|t| differs("time", &t, &record.time)))
        .or_else(|| differs("level", sample.level, record.level.as_str()))
        .or_else(|| differs("severity", &sample.severity, &record.severity))
        .or_else(|| differs("service", service, record.service.as_str()))
        .or_else(|| differs("node", sample.node, record.node.as_str()))
}

fn differs<T: PartialEq + Debug + ?Sized>(field: &str, sent: &T, read: &T) -> Option<String> {
    (sent != read).then(|| format!("{field} was sent as {sent:?} and read as {read:?}"))
}
