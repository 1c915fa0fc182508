//! No door answers success to a non-empty request of which nothing is stored: for each door, requests with misspelt
//! fields, another envelope, or empty records.

use pipeline::{Result, normalise::Normaliser};

use crate::{Decoded, elastic, gelf, json, loki, mapping::USUAL, otlp};

/// The number of stored records of a request, and whether its client learns of a fault.
fn outcome(read: Result<Decoded>) -> (usize, bool) {
    let Ok(decoded) = read else { return (0, true) };
    let all = decoded.records.len();
    let stored = decoded.records.into_iter().filter(|raw| Normaliser::default().record(raw.clone(), 0).is_ok()).count();
    (stored, stored < all || !decoded.rejections.is_empty())
}

fn of_records(read: Result<Vec<pipeline::normalise::RawRecord>>) -> Result<Decoded> {
    read.map(|records| Decoded { places: (0..records.len()).collect(), records, ..Decoded::default() })
}

#[test]
fn what_carries_something_and_stores_nothing_is_no_success() {
    type Door = fn(&str) -> Result<Decoded>;
    let json: Door = |body| json::decode(body.as_bytes(), &USUAL);
    let text: Door = |body| json::decode_text(body.as_bytes(), &USUAL);
    let bulk: Door = |body| elastic::decode(body.as_bytes(), "").map(|bulk| bulk.decoded);
    let document: Door = |body| elastic::decode_one(body.as_bytes(), "");
    let loki: Door = |body| loki::decode_json(body.as_bytes());
    let otlp: Door = |body| otlp::decode_json(body.as_bytes());
    let gelf: Door =
        |body| of_records(gelf::record(body.as_bytes()).map(|it| vec![it]).map_err(pipeline::Error::invalid));
    for (name, door, bodies) in [
        (
            "json",
            json,
            &["{}", "[{}]", "[7]", "null", r#"{"mesage":null}"#, r#"{"records":[{"message":"a"}]}"#, "{}\n{}"][..],
        ),
        ("text", text, &["", " \n", r#"[{"mesage":null}]"#]),
        (
            "bulk",
            bulk,
            &[
                "{\"create\":{}}\n{}",
                "{\"create\":{}}",
                "{\"creat\":{}}\n{\"message\":\"a\"}",
                "{\"delete\":{\"_id\":1}}",
                "{}",
            ],
        ),
        ("document", document, &["{}", "[]", r#"{"mesage":null}"#]),
        (
            "loki",
            loki,
            &[
                "{}",
                r#"{"streams":[]}"#,
                r#"{"streams":[{}]}"#,
                r#"{"streams":[{"stream":{"a":"b"},"value":[["1","m"]]}]}"#,
                r#"{"stream":{},"values":[["1","m"]]}"#,
                r#"{"streams":[{"stream":{},"values":[["1",""]]}]}"#,
            ],
        ),
        (
            "otlp",
            otlp,
            &[
                r#"{"resourceLog":[{}]}"#,
                r#"{"resourceLogs":[{"scopeLog":[{}]}]}"#,
                r#"{"resourceLogs":[{"scopeLogs":[{"records":[{}]}]}]}"#,
                r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}"#,
                r#"{"resourceLogs":[{"instrumentationLibraryLogs":[{"logs":[{}]}]}]}"#,
            ],
        ),
        ("gelf", gelf, &["{}", r#"{"shortmessage":"m"}"#, r#"{"short_message":""}"#]),
    ] {
        for body in bodies {
            assert_eq!(outcome(door(body)), (0, true), "{name}: {body}");
        }
    }
    // A request without content succeeds if its protocol has such requests.
    for (name, door, body) in [("json", json, "[]"), ("otlp", otlp, "{}"), ("otlp", otlp, r#"{"resourceLogs":[]}"#)] {
        assert_eq!(outcome(door(body)), (0, false), "{name}: {body}");
    }
    let protobuf = |body: &[u8]| outcome(of_records(otlp::decode_protobuf(body)));
    assert_eq!(protobuf(b""), (0, false));
    assert_eq!(protobuf(b"\x4a\x02hi"), (0, true));
    assert_eq!(outcome(loki::decode_protobuf(&snap::raw::Encoder::new().compress_vec(b"").unwrap())), (0, true));
}
