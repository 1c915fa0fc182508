//! Trace and span ids.

use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use model::trace;

use super::RawId;

/// The id, or the original value if it is not a valid id. All zeros mean "no id"
/// (<https://www.w3.org/TR/trace-context/#trace-id>).
pub(super) fn normalise<const N: usize>(id: RawId) -> (Option<[u8; N]>, Option<String>) {
    let (read, original) = match id {
        RawId::Missing => return (None, None),
        RawId::Bytes(bytes) if bytes.iter().all(|byte| *byte == 0) => return (None, None),
        RawId::Bytes(bytes) => match trace::exact(&bytes).or_else(|| from_text_form(&bytes)) {
            Some(id) => (Some(id), None),
            None => (None, Some(to_readable(bytes))),
        },
        RawId::Text(text) => match trace::parse_id(&text) {
            Some(id) => (Some(id), None),
            None if text.trim().bytes().all(|byte| matches!(byte, b'0' | b'-')) => (None, None),
            None => (None, Some(text)),
        },
    };
    (read.filter(|id| id.iter().any(|byte| *byte != 0)), original)
}

/// Parses bytes that are the text form of an id, or the result of a sender decoding its hexadecimal digits as Base64.
fn from_text_form<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let digits = || Some(BASE64_STANDARD_NO_PAD.encode(bytes)).filter(|text| text.len() == N * 2);
    let text = std::str::from_utf8(bytes).ok();
    text.and_then(trace::parse_id).or_else(|| trace::parse_id(&digits()?))
}

/// Bytes as text if they are printable, otherwise in hexadecimal.
fn to_readable(bytes: Vec<u8>) -> String {
    match std::str::from_utf8(&bytes) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => model::hex::encode(&bytes[..bytes.len().min(64)]),
    }
}
