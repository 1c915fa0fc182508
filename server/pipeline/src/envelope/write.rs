//! From a batch to columns.

use model::{Record, Value};
use wire::internal::Envelope;

use super::dictionary::Dictionary;
use crate::Batch;

/// The bits of a record's entry in `trace_flags`.
pub(super) const TRACE: u8 = 1;
pub(super) const SPAN: u8 = 2;

/// The entries of `attribute_kinds`.
pub(super) const TEXT: u8 = 0;
pub(super) const INTEGER: u8 = 1;
pub(super) const NUMBER: u8 = 2;
pub(super) const FALSE: u8 = 3;
pub(super) const TRUE: u8 = 4;

/// Buffers of the columns of type `bytes`, which are immutable in the message.
#[derive(Default)]
struct Blobs {
    severities: Vec<u8>,
    messages: Vec<u8>,
    trace_flags: Vec<u8>,
    trace_bytes: Vec<u8>,
    attribute_kinds: Vec<u8>,
    texts: Vec<u8>,
}

/// Converts the batch to columns.
pub(super) fn columns(batch: &Batch) -> Envelope {
    let records = &batch.records;
    let count = records.len();
    let attributes = records.iter().map(|record| record.attributes.len()).sum();
    let mut envelope = Envelope {
        batch_id: batch.id.0.to_vec().into(),
        producer: batch.producer.to_string(),
        client_id: batch.client_id,
        first_id: records.first().map(|record| record.id.to_bytes().to_vec()).unwrap_or_default().into(),
        observed_time: batch.observed_time,
        times: Vec::with_capacity(count),
        levels: Vec::with_capacity(count),
        services: Vec::with_capacity(count),
        nodes: Vec::with_capacity(count),
        message_lengths: Vec::with_capacity(count),
        attribute_counts: Vec::with_capacity(count),
        attribute_keys: Vec::with_capacity(attributes),
        ..Envelope::default()
    };
    let mut blobs = Blobs {
        severities: Vec::with_capacity(count),
        messages: Vec::with_capacity(records.iter().map(|record| record.message.len()).sum()),
        trace_flags: Vec::with_capacity(count),
        attribute_kinds: Vec::with_capacity(attributes),
        ..Blobs::default()
    };
    let mut words = Dictionary::default();
    for record in records {
        push_fields(&mut envelope, &mut blobs, &mut words, record, batch.observed_time);
        push_attributes(&mut envelope, &mut blobs, &mut words, record);
    }
    envelope.words = words.into_words();
    envelope.severities = blobs.severities.into();
    envelope.messages = blobs.messages.into();
    envelope.trace_flags = blobs.trace_flags.into();
    envelope.trace_bytes = blobs.trace_bytes.into();
    envelope.attribute_kinds = blobs.attribute_kinds.into();
    envelope.texts = blobs.texts.into();
    envelope
}

fn push_fields<'a>(
    envelope: &mut Envelope,
    blobs: &mut Blobs,
    words: &mut Dictionary<'a>,
    record: &'a Record,
    observed_time: i64,
) {
    let last = |column: &[u32]| column.last().copied().unwrap_or_default();
    envelope.times.push(record.time.wrapping_sub(observed_time));
    blobs.severities.push(record.severity.number());
    let level = words.number(&record.level, last(&envelope.levels));
    envelope.levels.push(level);
    let service = words.number(&record.service, last(&envelope.services));
    envelope.services.push(service);
    let node = words.number(&record.node, last(&envelope.nodes));
    envelope.nodes.push(node);
    envelope.message_lengths.push(record.message.len() as u32);
    blobs.messages.extend_from_slice(record.message.as_bytes());
    let mut flags = 0;
    if let Some(id) = &record.trace_id {
        flags |= TRACE;
        blobs.trace_bytes.extend_from_slice(id);
    }
    if let Some(id) = &record.span_id {
        flags |= SPAN;
        blobs.trace_bytes.extend_from_slice(id);
    }
    blobs.trace_flags.push(flags);
}

fn push_attributes<'a>(envelope: &mut Envelope, blobs: &mut Blobs, words: &mut Dictionary<'a>, record: &'a Record) {
    let count = record.attributes.len();
    // The start of the previous record's attribute keys, if it has the same number.
    let before = match envelope.attribute_counts.last() {
        Some(previous) if *previous as usize == count => envelope.attribute_keys.len().checked_sub(count),
        _ => None,
    };
    envelope.attribute_counts.push(count as u32);
    for (place, (key, value)) in record.attributes.iter().enumerate() {
        let guess = before.and_then(|start| envelope.attribute_keys.get(start + place)).copied().unwrap_or(u32::MAX);
        envelope.attribute_keys.push(words.number(key, guess));
        let kind = match value {
            Value::Text(text) => {
                envelope.text_lengths.push(text.len() as u32);
                blobs.texts.extend_from_slice(text.as_bytes());
                TEXT
            }
            Value::Int(integer) => {
                envelope.integers.push(*integer);
                INTEGER
            }
            Value::Float(number) => {
                envelope.numbers.push(*number);
                NUMBER
            }
            Value::Bool(false) => FALSE,
            Value::Bool(true) => TRUE,
        };
        blobs.attribute_kinds.push(kind);
    }
}
