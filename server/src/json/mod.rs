//! JSON bodies: what loggers send, whatever they call its fields.
//!
//! A body is one object, an array of objects, or lines of one object each. A record that
//! does not read is refused with its place and the reason; the others are kept.

mod record;

use model::limits;
use pipeline::{
    Error, Result,
    normalise::{RawRecord, Rejection},
};
use serde_json::value::RawValue;

/// The records of a body.
#[derive(Debug, Default)]
pub(crate) struct Decoded {
    pub records: Vec<RawRecord>,
    /// The place of each record in the body, from 0.
    pub places: Vec<usize>,
    pub rejections: Vec<Rejection>,
}

impl Decoded {
    fn take(&mut self, place: usize, json: &[u8]) {
        if self.records.len() >= limits::RECORDS_PER_BATCH {
            let reason =
                format!("this request already holds {} records; send the rest in another", limits::RECORDS_PER_BATCH);
            self.rejections.push(Rejection { index: place, reason });
            return;
        }
        match record::read(json) {
            Ok(record) => {
                self.records.push(record);
                self.places.push(place);
            }
            Err(reason) => self.rejections.push(Rejection { index: place, reason }),
        }
    }
}

/// Reads a body.
///
/// # Errors
/// `Invalid` where it holds nothing, or is an array that does not read as a whole.
pub(crate) fn decode(body: &[u8]) -> Result<Decoded> {
    let trimmed = body.trim_ascii();
    let mut decoded = Decoded::default();
    match trimmed.first() {
        None => {
            return Err(Error::invalid(
                "the body is empty; send a JSON object, an array of them, or one object a line",
            ));
        }
        Some(b'[') => {
            let elements: Vec<&RawValue> = serde_json::from_slice(trimmed)
                .map_err(|error| Error::invalid(format!("the body is no JSON array: {error}")))?;
            for (place, element) in elements.into_iter().enumerate() {
                decoded.take(place, element.get().as_bytes());
            }
        }
        // One object over several lines, as a person writes it, is no JSON lines.
        Some(b'{') if trimmed.contains(&b'\n') && serde_json::from_slice::<&RawValue>(trimmed).is_ok() => {
            decoded.take(0, trimmed);
        }
        Some(_) => {
            let mut begin = 0;
            // `split` would look at a byte at a time.
            let lines = memchr::memchr_iter(b'\n', trimmed).chain([trimmed.len()]).map(|end| {
                let line = &trimmed[begin..end];
                begin = end + 1;
                line.trim_ascii()
            });
            for (place, line) in lines.filter(|line| !line.is_empty()).enumerate() {
                decoded.take(place, line);
            }
        }
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(body: &str) -> Vec<String> {
        decode(body.as_bytes())
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
    fn a_bad_record_is_named_by_its_place_and_the_others_are_kept() {
        let decoded = decode(b"{\"message\":\"a\"}\n{broken\n7\n{\"message\":\"b\"}").unwrap();
        assert_eq!(decoded.places, [0, 3]);
        assert_eq!(decoded.rejections.iter().map(|rejection| rejection.index).collect::<Vec<_>>(), [1, 2]);
        assert!(decoded.rejections[1].reason.contains("object"), "{:?}", decoded.rejections);
    }

    #[test]
    fn what_is_past_the_limit_is_refused_one_by_one() {
        let body = "{\"message\":\"a\"}\n".repeat(limits::RECORDS_PER_BATCH + 1);
        let decoded = decode(body.as_bytes()).unwrap();
        assert_eq!(decoded.records.len(), limits::RECORDS_PER_BATCH);
        assert_eq!(decoded.rejections[0].index, limits::RECORDS_PER_BATCH);
    }

    #[test]
    fn an_empty_body_and_a_broken_array_are_errors() {
        assert!(decode(b" \n").is_err());
        assert!(decode(b"[{\"message\":1}").is_err());
    }
}
