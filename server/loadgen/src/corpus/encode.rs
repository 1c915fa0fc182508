//! Encodes records for each door, before they are sent.
//!
//! The native messages are encoded by hand, field by field, because building the generated types first would cost
//! several times as much. A test decodes them with the generated types.

use bytes::Bytes;
use model::{Value, time::format_rfc3339};
use prost::{
    Message as _,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint},
};

use super::{Corpus, Sample, json};

/// A batch for `LogService`: a `PushRequest` of the records from `first` on.
pub(crate) fn push_request(corpus: &Corpus, sequence: u64, first: u64, count: u64) -> Bytes {
    let mut request = Vec::with_capacity((count * corpus.kind.json_bytes()) as usize + 64);
    put_bytes(1, &batch_id(&corpus.run, sequence), &mut request);
    let mut record = Vec::with_capacity(512);
    let mut attribute = Vec::with_capacity(64);
    let mut old = None;
    for number in first..first + count {
        let sample = corpus.sample_reusing(number, old.take());
        record.clear();
        put_record(&sample, &mut attribute, &mut record);
        put_bytes(4, &record, &mut request);
        old = Some(sample);
    }
    put_varint(5, sequence, &mut request);
    request.into()
}

/// One record for `Logger/SendLog`, with run and number at the end of the message.
pub(crate) fn log_request(corpus: &Corpus, number: u64) -> Bytes {
    let sample = corpus.sample(number);
    wire::logger::LogRequest {
        node: sample.node.to_owned(),
        timestamp: format_rfc3339(sample.time),
        level: sample.level.to_owned(),
        message: line_message(&sample.message, &corpus.run, number),
    }
    .encode_to_vec()
    .into()
}

/// A body for `POST /api/v1/push`: one JSON object per line.
pub(crate) fn json_lines(corpus: &Corpus, first: u64, count: u64) -> Bytes {
    let mut body = Vec::with_capacity((count * corpus.kind.json_bytes()) as usize * 5 / 4);
    let mut old = None;
    for number in first..first + count {
        let sample = corpus.sample_reusing(number, old.take());
        json::write(&sample, corpus.kind.is_nested(), &mut body);
        body.push(b'\n');
        old = Some(sample);
    }
    body.into()
}

/// The message of a record without attributes, with run and number.
pub(crate) fn line_message(message: &str, run: &str, number: u64) -> String {
    format!("{message} run={run} seq={number}")
}

/// The unique id of a batch of a run, the same on each call.
pub(crate) fn batch_id(run: &str, sequence: u64) -> [u8; 16] {
    // FNV-1a, 64 bits: run names are chosen by people or random.
    let name = run
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    (u128::from(name) << 64 | u128::from(sequence)).to_be_bytes()
}

fn put_record(sample: &Sample<'_>, attribute: &mut Vec<u8>, record: &mut Vec<u8>) {
    if !sample.is_bare {
        put_varint(1, sample.time as u64, record);
        put_bytes(3, sample.level.as_bytes(), record);
        put_bytes(4, sample.service.as_bytes(), record);
        put_bytes(5, sample.node.as_bytes(), record);
    }
    put_bytes(6, sample.message.as_bytes(), record);
    for (key, value) in &sample.attributes {
        attribute.clear();
        put_bytes(1, key.as_bytes(), attribute);
        match value {
            Value::Text(text) => put_bytes(2, text.as_bytes(), attribute),
            Value::Int(number) => put_varint(3, *number as u64, attribute),
            Value::Float(number) => {
                encode_key(4, WireType::SixtyFourBit, attribute);
                attribute.extend_from_slice(&number.to_le_bytes());
            }
            Value::Bool(value) => put_varint(5, u64::from(*value), attribute),
        }
        put_bytes(7, attribute, record);
    }
    if let Some(trace) = sample.trace {
        put_bytes(8, &trace.trace_id, record);
        put_bytes(9, &trace.span_id, record);
    }
}

fn put_bytes(tag: u32, bytes: &[u8], buffer: &mut Vec<u8>) {
    buffer.reserve(bytes.len() + 1 + encoded_len_varint(bytes.len() as u64));
    encode_key(tag, WireType::LengthDelimited, buffer);
    encode_varint(bytes.len() as u64, buffer);
    buffer.extend_from_slice(bytes);
}

fn put_varint(tag: u32, value: u64, buffer: &mut Vec<u8>) {
    encode_key(tag, WireType::Varint, buffer);
    encode_varint(value, buffer);
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;
    use wire::v1::{PushRequest, attribute};

    use super::{
        super::{
            kind::CorpusKind,
            tests::{TIMES, corpus},
        },
        *,
    };

    fn value(attribute: &wire::v1::Attribute) -> Option<Value> {
        Some(match attribute.value.clone()? {
            attribute::Value::Text(text) => Value::Text(text.into()),
            attribute::Value::Integer(number) => Value::Int(number),
            attribute::Value::Number(number) => Value::Float(number),
            attribute::Value::Boolean(value) => Value::Bool(value),
        })
    }

    #[test]
    fn the_hand_written_batch_is_what_the_generated_types_read() {
        for &kind in CorpusKind::value_variants() {
            let corpus = corpus(kind);
            let request = PushRequest::decode(push_request(&corpus, 9, 100, 50)).unwrap();
            assert_eq!((request.sequence, request.records.len()), (9, 50));
            assert_eq!(request.batch_id, batch_id("night", 9));
            for (record, number) in request.records.iter().zip(100..) {
                let sample = corpus.sample(number);
                let (time, level) = if sample.is_bare { (0, "") } else { (sample.time, sample.level) };
                assert_eq!((record.time_unix_nano, record.level.as_str()), (time, level));
                assert_eq!((record.service.as_str(), record.node.as_str()), (sample.service, sample.node));
                assert_eq!(record.message, sample.message);
                assert_eq!(record.trace_id, sample.trace.map_or(vec![], |trace| trace.trace_id.to_vec()));
                assert_eq!(record.span_id, sample.trace.map_or(vec![], |trace| trace.span_id.to_vec()));
                let attributes: Vec<_> = record.attributes.iter().map(|a| (a.key.as_str(), value(a))).collect();
                let sent: Vec<_> = sample.attributes.iter().map(|(key, value)| (*key, Some(value.clone()))).collect();
                assert_eq!(attributes, sent, "{kind:?}");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        for &kind in CorpusKind::value_variants() {
            assert_eq!(push_request(&corpus(kind), 0, 0, 1000), push_request(&corpus(kind), 0, 0, 1000));
            assert_eq!(json_lines(&corpus(kind), 0, 100), json_lines(&corpus(kind), 0, 100));
            assert_eq!(log_request(&corpus(kind), 5), log_request(&corpus(kind), 5));
        }
    }

    /// Figures of different versions compare only if the plain corpus stays the same.
    #[test]
    fn the_bytes_of_the_plain_corpus_never_change() {
        let corpus = Corpus::new(CorpusKind::Plain, "night", 3, TIMES);
        let lines = json_lines(&corpus, 0, 2);
        assert_eq!(String::from_utf8_lossy(&lines), PLAIN);
    }

    const PLAIN: &str = concat!(
        r#"{"duration_ms":1086,"http.method":"DELETE","http.status":200,"level":"info","message":"order 94 "#,
        r#"moved from state umbra to state juniper, reservation 9e1acc7a kept; correlation d389c92c kept fo"#,
        r#"r the follow-up call to saffron","node":"payments-2","run":"night","seq":0,"service":"payments","#,
        r#""span_id":"e99a851ffc4a2433","time":"2023-11-14T22:13:20.037762263Z","trace_id":"0f46109098a915c"#,
        r#"dadb813f96cae1061","user_id":"u91588"}"#,
        "\n",
        r#"{"duration_ms":958,"http.method":"GET","http.status":201,"level":"info","message":"connection bc"#,
        r#"5d99a3 from 10.54.0.7 upgraded, protocol quartz, 6 streams open; connection returned to the pool"#,
        r#", 32 waiting, oldest for 1 ms","node":"reviews-1","run":"night","seq":1,"service":"reviews","spa"#,
        r#"n_id":"ed41c78f8f8fcec3","time":"2023-11-14T22:13:21.800641725Z","trace_id":"a83ee7967bea623c3ef"#,
        r#"4167fa88fdfa3","user_id":"u41767"}"#,
        "\n",
    );

    #[test]
    fn batch_ids_differ_by_run_and_by_batch() {
        assert_ne!(batch_id("a", 1), batch_id("b", 1));
        assert_ne!(batch_id("a", 1), batch_id("a", 2));
    }
}
