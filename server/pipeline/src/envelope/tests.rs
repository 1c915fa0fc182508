use model::{Record, RecordId, Severity, Text, Value, limits};
use proptest::prelude::*;
use prost::Message as _;

use super::{codec, decode, encode, newer_format, write};
use crate::{Batch, BatchId, ErrorClass, formats::Generation};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[a-z.]{1,12}",
        "[^\u{0}]{0,40}",
        Just("\"\\\u{1f4a3}\n\u{fffd}'; drop table logs; --".to_owned()),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::Float),
        text().prop_map(|text| Value::Text(text.into())),
    ]
}

fn record() -> impl Strategy<Value = Record> {
    let attributes = prop::collection::btree_map(text(), value(), 0..6);
    let names = (text(), text(), text(), text());
    (any::<i64>(), 1_u8..=24, names, attributes, any::<Option<[u8; 16]>>(), any::<Option<[u8; 8]>>()).prop_map(
        |(time, severity, (level, service, node, message), attributes, trace_id, span_id)| Record {
            id: RecordId::default(),
            time,
            observed_time: 0,
            severity: Severity::new(severity).unwrap(),
            level: level.into(),
            service: service.into(),
            node: node.into(),
            message,
            attributes: attributes.into_iter().map(|(key, value)| (Text::from(key), value)).collect(),
            trace_id,
            span_id,
        },
    )
}

fn batch() -> impl Strategy<Value = Batch> {
    let records = prop::collection::vec(record(), 1..40);
    (any::<[u8; 16]>(), any::<bool>(), text(), any::<i64>(), any::<u128>(), records).prop_map(
        |(id, client_id, producer, observed_time, first, mut records)| {
            for (place, record) in records.iter_mut().enumerate() {
                record.id = RecordId(first).nth(place);
                record.observed_time = observed_time;
            }
            Batch { id: BatchId(id), client_id, producer: producer.into(), observed_time, records }
        },
    )
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_unchanged(batch in batch()) {
        prop_assert_eq!(decode(&encode(&batch)).unwrap(), batch);
    }

    #[test]
    fn any_bytes_are_a_batch_or_corrupt(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Err(error) = decode(&bytes) {
            prop_assert_eq!(error.class, ErrorClass::Corrupt);
        }
    }

    /// Random bytes seldom pass the first check; damaged batches do.
    #[test]
    fn damaged_bytes_are_a_batch_or_corrupt(
        batch in batch(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        compressed in any::<bool>(),
    ) {
        let mut bytes = if compressed {
            encode(&batch)
        } else {
            [vec![0], write::columns(&batch).encode_to_vec()].concat()
        };
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Err(error) = decode(&bytes) {
            prop_assert_eq!(error.class, ErrorClass::Corrupt);
        }
    }

    #[test]
    fn cut_bytes_are_corrupt(batch in batch(), cut in any::<prop::sample::Index>()) {
        let bytes = encode(&batch);
        prop_assert!(decode(&bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn columns_of_any_numbers_are_a_batch_or_corrupt(
        batch in batch(),
        column in 0..9_usize,
        numbers in prop::collection::vec(prop_oneof![0..8_u32, any::<u32>()], 0..40),
    ) {
        let mut envelope = write::columns(&batch);
        let bytes: Vec<u8> = numbers.iter().map(|number| *number as u8).collect();
        match column {
            0 => envelope.levels = numbers,
            1 => envelope.services = numbers,
            2 => envelope.message_lengths = numbers,
            3 => envelope.attribute_counts = numbers,
            4 => envelope.attribute_keys = numbers,
            5 => envelope.text_lengths = numbers,
            6 => envelope.trace_flags = bytes.into(),
            7 => envelope.attribute_kinds = bytes.into(),
            _ => envelope.severities = bytes.into(),
        }
        if let Err(error) = decode(&codec::pack(&envelope)) {
            prop_assert_eq!(error.class, ErrorClass::Corrupt);
        }
    }
}

fn plain_batch(count: usize, message: &str) -> Batch {
    let record = |place: usize| Record {
        id: RecordId(7 << 64).nth(place),
        time: place as i64,
        observed_time: 9,
        severity: Severity::INFO,
        level: "info".into(),
        service: "api".into(),
        node: "n1".into(),
        message: message.to_owned(),
        attributes: vec![("http.status".into(), Value::Int(200))],
        trace_id: None,
        span_id: None,
    };
    let records = (0..count).map(record).collect();
    Batch { id: BatchId([1; 16]), client_id: false, producer: "test".into(), observed_time: 9, records }
}

#[test]
fn a_full_batch_of_alike_records_becomes_small() {
    let batch = plain_batch(limits::RECORDS_PER_BATCH, "connection reset by peer while reading the answer");
    let bytes = encode(&batch);
    assert!(bytes.len() < 40_000, "{} bytes", bytes.len());
    assert_eq!(decode(&bytes).unwrap(), batch);
}

#[test]
fn a_batch_of_too_many_records_is_corrupt() {
    let error = decode(&encode(&plain_batch(limits::RECORDS_PER_BATCH + 1, "x"))).unwrap_err();
    assert!(error.message.contains("10001 records"), "{error}");
}

#[test]
fn a_frame_that_unpacks_to_more_than_the_bound_is_refused_before_memory_is_taken() {
    let bomb = zstd::bulk::compress(&vec![0; super::DECODED_BYTES + 1], 1).unwrap();
    let error = decode(&[vec![1], bomb].concat()).unwrap_err();
    assert!(error.message.contains("the limit is"), "{error}");
}

#[test]
fn a_few_bytes_cannot_name_a_long_word_often_enough_to_fill_the_memory() {
    // One word of 60 KB, used as the service of 10,000 records, is 600 MB.
    let mut envelope = write::columns(&plain_batch(limits::RECORDS_PER_BATCH, "x"));
    envelope.words = vec!["w".repeat(60_000); 4];
    envelope.attribute_counts = vec![0; limits::RECORDS_PER_BATCH];
    envelope.attribute_keys.clear();
    envelope.attribute_kinds.clear();
    envelope.integers.clear();
    let error = decode(&codec::pack(&envelope)).unwrap_err();
    assert!(error.message.contains("take more than"), "{error}");
}

#[test]
fn batches_of_a_newer_version_are_told_from_bytes_that_are_no_batch() {
    let envelope = write::columns(&plain_batch(40, "a"));
    let [previous, current, next] = [Generation::Previous, Generation::Current, Generation::Next]
        .map(|generation| codec::pack_as(generation, &envelope));
    assert!(previous.len() > current.len(), "only the current one is compressed");
    for bytes in [&previous, &current] {
        assert_eq!((newer_format(bytes), codec::unpack(bytes).as_ref()), (None, Ok(&envelope)));
    }
    assert_eq!(newer_format(&next), Some(2));
    let error = decode(&next).unwrap_err();
    assert!(error.message.contains("newer version"), "{error}");
    assert_eq!(codec::newer_format(Generation::Next, &next), None);
    for bytes in [&previous, &current, &next] {
        assert_eq!(codec::unpack_as(Generation::Next, bytes).as_ref(), Ok(&envelope));
    }
    for (bytes, newer) in [(&b"\x1f"[..], Some(31)), (b" no batch", None), (b"{}", None), (b"", None)] {
        assert_eq!(newer_format(bytes), newer);
        assert!(decode(bytes).is_err());
    }
}

/// A benchmark, not a test: `cargo test -p pipeline --release -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn encoding_speed() {
    let mut batch = plain_batch(limits::RECORDS_PER_BATCH, "");
    for (place, record) in batch.records.iter_mut().enumerate() {
        let hash = (place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        record.service = format!("service-{}", hash % 20).into();
        record.node = format!("node-{}", hash % 60).into();
        record.trace_id =
            (place % 2 == 0).then(|| (u128::from(hash) << 64 | u128::from(hash.rotate_left(9))).to_be_bytes());
        record.message = format!(
            "request {hash} to /api/v1/orders/{place} of user {} was answered after {} ms with a body of {} bytes by {}",
            hash % 1000,
            hash % 977,
            hash % 65_537,
            record.node
        );
        record.attributes = vec![
            ("duration_ms".into(), Value::Float((hash % 9770) as f64 / 10.0)),
            ("http.method".into(), Value::Text("GET".into())),
            ("http.status".into(), Value::Int(200)),
            ("seq".into(), Value::Int(place as i64)),
            ("user_id".into(), Value::Text(format!("user-{}", hash % 1000).into())),
        ];
    }
    let started = std::time::Instant::now();
    let rounds = 50;
    let mut length = 0;
    for _ in 0..rounds {
        length = encode(&batch).len();
    }
    let per_record = started.elapsed().as_nanos() / (rounds * batch.records.len() as u128);
    let started = std::time::Instant::now();
    let columns_only = {
        for _ in 0..rounds {
            std::hint::black_box(write::columns(&batch));
        }
        started.elapsed().as_nanos() / (rounds * batch.records.len() as u128)
    };
    let bytes = encode(&batch);
    let started = std::time::Instant::now();
    for _ in 0..rounds {
        std::hint::black_box(decode(&bytes).unwrap());
    }
    let decoding = started.elapsed().as_nanos() / (rounds * batch.records.len() as u128);
    eprintln!(
        "encode {per_record} ns (columns {columns_only}), decode {decoding} ns, {} bytes a record",
        length / batch.records.len()
    );
}
