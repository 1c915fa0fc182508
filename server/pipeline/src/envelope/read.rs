//! From columns to a batch; every step can fail, none can panic.

use model::{Record, RecordId, Severity, Text, Value, limits};
use wire::internal::Envelope;

use super::{
    DECODED_BYTES,
    write::{FALSE, INTEGER, NUMBER, SPAN, TEXT, TRACE, TRUE},
};
use crate::{Batch, BatchId};

type Result<T> = std::result::Result<T, String>;

/// Assembles the batch.
pub(super) fn batch(envelope: Envelope) -> Result<Batch> {
    let count = envelope.times.len();
    if count == 0 || count > limits::RECORDS_PER_BATCH {
        return Err(format!("{count} records; a batch has 1 to {}", limits::RECORDS_PER_BATCH));
    }
    let first = RecordId::from_bytes(array(&envelope.first_id).ok_or("first_id: not 16 bytes")?);
    let id = BatchId(array(&envelope.batch_id).ok_or("batch_id: not 16 bytes")?);
    let words: Vec<Text> = envelope.words.iter().map(|word| clean(word).map(Text::from)).collect::<Result<_>>()?;
    let mut columns = Columns::new(&envelope, &words)?;
    let mut records = Vec::with_capacity(count);
    let mut weight = 0;
    for place in 0..count {
        let record = columns.record(place, first, envelope.observed_time)?;
        weight += record.weight();
        if weight > DECODED_BYTES {
            return Err(format!("its records take more than {DECODED_BYTES} bytes"));
        }
        records.push(record);
    }
    columns.finish()?;
    Ok(Batch {
        id,
        client_id: envelope.client_id,
        producer: clean(&envelope.producer)?.into(),
        observed_time: envelope.observed_time,
        records,
    })
}

/// Cursors over the columns; each holds the unread rest.
struct Columns<'a> {
    envelope: &'a Envelope,
    words: &'a [Text],
    messages: &'a str,
    traces: &'a [u8],
    texts: &'a str,
    keys: std::slice::Iter<'a, u32>,
    kinds: std::slice::Iter<'a, u8>,
    text_lengths: std::slice::Iter<'a, u32>,
    integers: std::slice::Iter<'a, i64>,
    numbers: std::slice::Iter<'a, f64>,
}

impl<'a> Columns<'a> {
    fn new(envelope: &'a Envelope, words: &'a [Text]) -> Result<Self> {
        let per_record = [
            envelope.severities.len(),
            envelope.levels.len(),
            envelope.services.len(),
            envelope.nodes.len(),
            envelope.message_lengths.len(),
            envelope.attribute_counts.len(),
            envelope.trace_flags.len(),
        ];
        if per_record.iter().any(|length| *length != envelope.times.len()) {
            return Err("the record columns differ in length".into());
        }
        Ok(Self {
            envelope,
            words,
            messages: utf8(&envelope.messages, "messages")?,
            traces: &envelope.trace_bytes,
            texts: utf8(&envelope.texts, "texts")?,
            keys: envelope.attribute_keys.iter(),
            kinds: envelope.attribute_kinds.iter(),
            text_lengths: envelope.text_lengths.iter(),
            integers: envelope.integers.iter(),
            numbers: envelope.numbers.iter(),
        })
    }

    fn record(&mut self, place: usize, first: RecordId, observed_time: i64) -> Result<Record> {
        let envelope = self.envelope;
        let message_length = entry(&envelope.message_lengths, place, "message_lengths")?;
        let flags = entry(&envelope.trace_flags, place, "trace_flags")?;
        if flags > TRACE | SPAN {
            return Err(format!("trace_flags: unknown flags {flags}"));
        }
        let severity = entry(&envelope.severities, place, "severities")?;
        Ok(Record {
            id: first.nth(place),
            time: entry(&envelope.times, place, "times")?.wrapping_add(observed_time),
            observed_time,
            severity: Severity::new(severity).ok_or("severities: not from 1 to 24")?,
            level: self.word(entry(&envelope.levels, place, "levels")?)?,
            service: self.word(entry(&envelope.services, place, "services")?)?,
            node: self.word(entry(&envelope.nodes, place, "nodes")?)?,
            message: take(&mut self.messages, message_length, "messages")?.to_owned(),
            attributes: self.attributes(entry(&envelope.attribute_counts, place, "attribute_counts")?)?,
            trace_id: if flags & TRACE != 0 { Some(self.trace()?) } else { None },
            span_id: if flags & SPAN != 0 { Some(self.trace()?) } else { None },
        })
    }

    fn attributes(&mut self, count: u32) -> Result<Vec<(Text, Value)>> {
        let count = count as usize;
        if count > limits::ATTRIBUTES {
            return Err(format!("attribute_counts: {count}; the limit is {}", limits::ATTRIBUTES));
        }
        let mut attributes: Vec<(Text, Value)> = Vec::with_capacity(count);
        for _ in 0..count {
            let key = self.keys.next().ok_or("attribute_keys: too few")?;
            let key = self.word(*key)?;
            if attributes.last().is_some_and(|(before, _)| *before >= key) {
                return Err("attribute_keys: not in order".into());
            }
            attributes.push((key, self.value()?));
        }
        Ok(attributes)
    }

    fn value(&mut self) -> Result<Value> {
        Ok(match *self.kinds.next().ok_or("attribute_kinds: too few")? {
            TEXT => {
                let length = self.text_lengths.next().ok_or("text_lengths: too few")?;
                Value::Text(take(&mut self.texts, *length, "texts")?.into())
            }
            INTEGER => Value::Int(*self.integers.next().ok_or("integers: too few")?),
            NUMBER => match self.numbers.next().ok_or("numbers: too few")? {
                number if number.is_finite() => Value::Float(*number),
                _ => return Err("numbers: one is not finite".into()),
            },
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            kind => return Err(format!("attribute_kinds: unknown kind {kind}")),
        })
    }

    fn word(&self, number: u32) -> Result<Text> {
        self.words.get(number as usize).cloned().ok_or_else(|| format!("words: no entry {number}"))
    }

    fn trace<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (id, rest) = self.traces.split_first_chunk().ok_or("trace_bytes: too few")?;
        self.traces = rest;
        Ok(*id)
    }

    /// Fails if a column has unread entries: its counts are too small.
    fn finish(&self) -> Result<()> {
        let left = [
            self.messages.len(),
            self.texts.len(),
            self.traces.len(),
            self.keys.len(),
            self.kinds.len(),
            self.text_lengths.len(),
            self.integers.len(),
            self.numbers.len(),
        ];
        if left.iter().any(|left| *left > 0) { Err("a column is longer than its counts".into()) } else { Ok(()) }
    }
}

fn entry<T: Copy>(column: &[T], place: usize, name: &str) -> Result<T> {
    column.get(place).copied().ok_or_else(|| format!("{name}: fewer than there are records"))
}

fn take<'a>(rest: &mut &'a str, length: u32, name: &str) -> Result<&'a str> {
    let (head, tail) =
        rest.split_at_checked(length as usize).ok_or_else(|| format!("{name}: a length does not fit the text"))?;
    *rest = tail;
    Ok(head)
}

fn utf8<'a>(bytes: &'a [u8], name: &str) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|error| format!("{name}: {error}")).and_then(clean)
}

/// Rejects NUL: records contain none, because PostgreSQL cannot store it.
fn clean(text: &str) -> Result<&str> {
    if text.as_bytes().contains(&0) { Err("a text holds NUL".into()) } else { Ok(text) }
}

fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}
