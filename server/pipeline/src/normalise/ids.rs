//! Trace and span ids.

use super::RawId;

/// The id, or what the client sent where that is none. All zeros mean "no id"
/// (<https://www.w3.org/TR/trace-context/#trace-id>).
pub(super) fn normalise<const N: usize>(id: RawId) -> (Option<[u8; N]>, Option<String>) {
    let mut read = [0; 16];
    let bytes = match &id {
        RawId::Missing => return (None, None),
        RawId::Bytes(bytes) => Some(bytes.as_slice()),
        RawId::Text(text) => from_hex(text.trim(), &mut read),
    };
    if bytes.is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0)) {
        return (None, None);
    }
    match (bytes.and_then(exact), id) {
        (Some(id), _) => (Some(id), None),
        (None, RawId::Bytes(bytes)) => (None, Some(model::api::hex(&bytes[..bytes.len().min(64)]))),
        (None, RawId::Text(text)) => (None, Some(text)),
        (None, RawId::Missing) => (None, None),
    }
}

/// Reads two digits a byte; `None` where the text is something else, or overlong.
fn from_hex<'a>(text: &str, bytes: &'a mut [u8; 16]) -> Option<&'a [u8]> {
    let mut digits = 0;
    for byte in text.bytes().filter(|byte| *byte != b'-') {
        let digit = char::from(byte).to_digit(16)? as u8;
        let byte = bytes.get_mut(digits / 2)?;
        *byte = *byte << 4 | digit;
        digits += 1;
    }
    if digits % 2 == 0 { bytes.get(..digits / 2) } else { None }
}

/// 16 bytes may come as 8, from tracers older than OpenTelemetry.
fn exact<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let mut id = [0; N];
    match bytes.len() {
        length if length == N => id.copy_from_slice(bytes),
        8 if N == 16 => id[8..].copy_from_slice(bytes),
        _ => return None,
    }
    Some(id)
}
