//! Encodes records for each door, before they are sent.
//!
//! The native messages are encoded by hand, field by field, because building the generated types first would cost
//! several times as much. A test decodes them with the generated types.

use bytes::Bytes;
use model::time::format_rfc3339;
use prost::{
    Message as _,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint},
};
use serde_json::json;

use super::{Corpus, Sample};

/// A batch for `LogService`: a `PushRequest` of the records from `first` on.
pub(crate) fn push_request(corpus: &Corpus, sequence: u64, first: u64, count: u64) -> Bytes {
    let mut request = Vec::with_capacity(count as usize * 320 + 64);
    put_bytes(1, &batch_id(&corpus.run, sequence), &mut request);
    let mut record = Vec::with_capacity(512);
    let mut attribute = Vec::with_capacity(64);
    let mut recycled = String::with_capacity(256);
    for number in first..first + count {
        let sample = corpus.sample(number, recycled);
        record.clear();
        put_record(&sample, &corpus.run, &mut attribute, &mut record);
        put_bytes(4, &record, &mut request);
        recycled = sample.message;
    }
    put_varint(5, sequence, &mut request);
    request.into()
}

/// One record for `Logger/SendLog`, with run and number at the end of the message.
pub(crate) fn log_request(corpus: &Corpus, number: u64) -> Bytes {
    let sample = corpus.sample(number, String::new());
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
    let mut body = Vec::with_capacity(count as usize * 420);
    let mut recycled = String::with_capacity(256);
    for number in first..first + count {
        let sample = corpus.sample(number, recycled);
        let line = json_line(&sample, &corpus.run);
        // Writing a JSON value to memory cannot fail.
        if serde_json::to_writer(&mut body, &line).is_ok() {
            body.push(b'\n');
        }
        recycled = sample.message;
    }
    body.into()
}

/// A record as one JSON object.
pub(crate) fn json_line(sample: &Sample<'_>, run: &str) -> serde_json::Value {
    let mut line = json!({
        "time": format_rfc3339(sample.time),
        "level": sample.level,
        "service": sample.service,
        "node": sample.node,
        "message": sample.message,
        "run": run,
        "seq": sample.number,
    });
    if let Some(trace) = &sample.trace {
        line["trace_id"] = model::hex::encode(&trace.trace_id).into();
        line["span_id"] = model::hex::encode(&trace.span_id).into();
    }
    if let Some(request) = &sample.request {
        line["http.method"] = request.method.into();
        line["http.status"] = request.status.into();
        line["duration_ms"] = request.duration_ms.into();
        line["user_id"] = user_id(request.user).into();
    }
    line
}

/// The message of a record without attributes, with run and number.
pub(crate) fn line_message(message: &str, run: &str, number: u64) -> String {
    format!("{message} run={run} seq={number}")
}

pub(crate) fn user_id(user: u32) -> String {
    format!("u{user}")
}

/// The unique id of a batch of a run, the same on each call.
pub(crate) fn batch_id(run: &str, sequence: u64) -> [u8; 16] {
    // FNV-1a, 64 bits: run names are chosen by people or random.
    let name = run
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    (u128::from(name) << 64 | u128::from(sequence)).to_be_bytes()
}

fn put_record(sample: &Sample<'_>, run: &str, attribute: &mut Vec<u8>, record: &mut Vec<u8>) {
    put_varint(1, sample.time as u64, record);
    put_bytes(3, sample.level.as_bytes(), record);
    put_bytes(4, sample.service.as_bytes(), record);
    put_bytes(5, sample.node.as_bytes(), record);
    put_bytes(6, sample.message.as_bytes(), record);
    put_text("run", run, attribute, record);
    put_integer("seq", sample.number, attribute, record);
    if let Some(request) = sample.request {
        put_text("http.method", request.method, attribute, record);
        put_integer("http.status", request.status.into(), attribute, record);
        put_integer("duration_ms", request.duration_ms.into(), attribute, record);
        put_text("user_id", &user_id(request.user), attribute, record);
    }
    if let Some(trace) = sample.trace {
        put_bytes(8, &trace.trace_id, record);
        put_bytes(9, &trace.span_id, record);
    }
}

fn put_text(key: &str, value: &str, attribute: &mut Vec<u8>, record: &mut Vec<u8>) {
    attribute.clear();
    put_bytes(1, key.as_bytes(), attribute);
    put_bytes(2, value.as_bytes(), attribute);
    put_bytes(7, attribute, record);
}

fn put_integer(key: &str, value: u64, attribute: &mut Vec<u8>, record: &mut Vec<u8>) {
    attribute.clear();
    put_bytes(1, key.as_bytes(), attribute);
    put_varint(3, value, attribute);
    put_bytes(7, attribute, record);
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
    use wire::v1::{PushRequest, attribute::Value};

    use super::{super::tests::TIMES, *};

    #[test]
    fn the_hand_written_batch_is_what_the_generated_types_read() {
        let corpus = Corpus::new("night", 3, TIMES);
        let request = PushRequest::decode(push_request(&corpus, 9, 100, 50)).unwrap();
        assert_eq!((request.sequence, request.records.len()), (9, 50));
        assert_eq!(request.batch_id, batch_id("night", 9));
        for (record, number) in request.records.iter().zip(100..) {
            let sample = corpus.sample(number, String::new());
            assert_eq!(record.time_unix_nano, sample.time);
            assert_eq!((record.level.as_str(), record.service.as_str()), (sample.level, sample.service));
            assert_eq!((record.node.as_str(), &record.message), (sample.node, &sample.message));
            assert_eq!(record.trace_id, sample.trace.map_or(vec![], |trace| trace.trace_id.to_vec()));
            assert_eq!(record.span_id, sample.trace.map_or(vec![], |trace| trace.span_id.to_vec()));
            let value = |key| record.attributes.iter().find(|a| a.key == key).and_then(|a| a.value.clone());
            assert_eq!(value("seq"), Some(Value::Integer(number as i64)));
            assert_eq!(value("run"), Some(Value::Text("night".to_owned())));
            assert_eq!(value("http.status"), sample.request.map(|request| Value::Integer(request.status.into())));
            assert_eq!(value("user_id"), sample.request.map(|request| Value::Text(user_id(request.user))));
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let corpus = || Corpus::new("night", 3, TIMES);
        assert_eq!(push_request(&corpus(), 0, 0, 1000), push_request(&corpus(), 0, 0, 1000));
        assert_eq!(json_lines(&corpus(), 0, 100), json_lines(&corpus(), 0, 100));
        assert_eq!(log_request(&corpus(), 5), log_request(&corpus(), 5));
    }

    #[test]
    fn batch_ids_differ_by_run_and_by_batch() {
        assert_ne!(batch_id("a", 1), batch_id("b", 1));
        assert_ne!(batch_id("a", 1), batch_id("a", 2));
    }
}
