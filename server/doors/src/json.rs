//! JSON bodies with the field names of any common logger.
//!
//! A body is one object, an array of objects, or one object per line. An invalid record is refused with its place and
//! the reason; the others are kept.

use pipeline::{Error, Result, normalise::RawRecord};
use serde_json::value::RawValue;

use crate::{
    Decoded, fields,
    lines::lines,
    mapping::Mapping,
    wrong_door::{self, Door},
};

/// Parses a body.
///
/// # Errors
/// `Invalid` if it is empty, an array that cannot be parsed, or meant for another endpoint.
pub fn decode(body: &[u8], mapping: &Mapping) -> Result<Decoded> {
    wrong_door::check(body, Door::Json)?;
    let trimmed = body.trim_ascii();
    let read = |json: &[u8]| fields::read_json(json, mapping);
    let mut decoded = Decoded::default();
    match trimmed.first() {
        Some(b'[') => {
            let elements: Vec<&RawValue> = serde_json::from_slice(trimmed)
                .map_err(|error| Error::invalid(format!("the body is not a JSON array: {error}")))?;
            for (place, element) in elements.into_iter().enumerate() {
                decoded.take(place, || read(element.get().as_bytes()));
            }
        }
        // One pretty-printed object over several lines is not JSON lines.
        Some(b'{') if trimmed.contains(&b'\n') && serde_json::from_slice::<&RawValue>(trimmed).is_ok() => {
            decoded.take(0, || read(trimmed));
        }
        _ => {
            for (place, line) in lines(trimmed).enumerate() {
                decoded.take(place, || read(line));
            }
        }
    }
    Ok(decoded)
}

/// Parses a plain text body: each line is a message, or an object.
///
/// # Errors
/// `Invalid` if it is empty.
pub fn decode_text(body: &[u8], mapping: &Mapping) -> Result<Decoded> {
    if is_json_as_a_whole(body.trim_ascii()) {
        return decode(body, mapping);
    }
    let mut decoded = Decoded::default();
    for (place, line) in lines(body).enumerate() {
        decoded.take(place, || Ok(fields::read_line(String::from_utf8_lossy(line).into_owned(), mapping)));
    }
    if decoded.records.is_empty() {
        return Err(Error::invalid("the body is empty; send one message per line"));
    }
    Ok(decoded)
}

/// Parses one text, also of several lines: an object with a message becomes the record; any other text is the message.
pub fn decode_record(text: String, mapping: &Mapping) -> RawRecord {
    fields::read_line(text, mapping)
}

/// Whether a body is an array of objects, or one object over several lines. Browsers send JSON as plain text by
/// default.
fn is_json_as_a_whole(body: &[u8]) -> bool {
    match body.first() {
        Some(b'[') => serde_json::from_slice::<Vec<&RawValue>>(body).is_ok_and(|elements| {
            !elements.is_empty() && elements.iter().all(|element| element.get().starts_with('{'))
        }),
        Some(b'{') => body.contains(&b'\n') && serde_json::from_slice::<&RawValue>(body).is_ok(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use model::limits;

    use super::*;

    fn messages(body: &str) -> Vec<String> {
        decode(body.as_bytes(), &Mapping::usual())
            .map(|decoded| decoded.records.into_iter().map(|record| record.message).collect())
            .unwrap()
    }

    #[test]
    fn an_object_an_array_and_lines_all_read() {
        assert_eq!(messages(r#"{"message":"a"}"#), ["a"]);
        assert_eq!(messages("{\n  \"message\": \"a\"\n}\n"), ["a"]);
        assert_eq!(messages(r#"[{"message":"a"},{"msg":"b"}]"#), ["a", "b"]);
        assert_eq!(messages("{\"message\":\"a\"}\n\n{\"message\":\"b\"}\r\n"), ["a", "b"]);
    }

    #[test]
    fn plain_text_is_lines_unless_it_is_json_as_a_whole() {
        for (body, messages) in [
            ("a\n{\"msg\":\"b\"}\n{\"n\":1}\n[c]\n", &["a", "b", "{\"n\":1}", "[c]"][..]),
            ("[{\"msg\":\"a\"},{\"msg\":\"b\"}]", &["a", "b"]),
            ("{\n\"msg\": \"a\"\n}", &["a"]),
            ("[1, 2]", &["[1, 2]"]),
            ("[{\"msg\":", &["[{\"msg\":"]),
        ] {
            let decoded = decode_text(body.as_bytes(), &Mapping::usual()).unwrap();
            assert_eq!(decoded.records.iter().map(|record| &record.message).collect::<Vec<_>>(), messages);
        }
        assert!(decode_text(b" \n", &Mapping::usual()).is_err());
    }

    #[test]
    fn a_text_of_several_lines_is_one_record() {
        let record = |text: &str| decode_record(text.to_owned(), &Mapping::usual()).message;
        assert_eq!(record("failed\n  at a"), "failed\n  at a");
        assert_eq!(record("{\"msg\":\n\"b\"}"), "b");
    }

    #[test]
    fn a_bad_record_is_named_by_its_place_and_the_others_are_kept() {
        let decoded = decode(b"{\"message\":\"a\"}\n{broken\n7\n{\"message\":\"b\"}", &Mapping::usual()).unwrap();
        assert_eq!(decoded.places, [0, 3]);
        assert_eq!(decoded.rejections.iter().map(|rejection| rejection.index).collect::<Vec<_>>(), [1, 2]);
        assert!(decoded.rejections[1].reason.contains("object"), "{:?}", decoded.rejections);
    }

    #[test]
    fn what_is_past_the_limit_is_refused_one_by_one() {
        let body = "{\"message\":\"a\"}\n".repeat(limits::RECORDS_PER_BATCH + 1);
        let decoded = decode(body.as_bytes(), &Mapping::usual()).unwrap();
        assert_eq!(decoded.records.len(), limits::RECORDS_PER_BATCH);
        assert_eq!(decoded.rejections[0].index, limits::RECORDS_PER_BATCH);
    }

    #[test]
    fn an_empty_body_and_a_broken_array_are_errors() {
        assert!(decode(b" \n", &Mapping::usual()).is_err());
        assert!(decode(b"[{\"message\":1}", &Mapping::usual()).is_err());
    }
}
