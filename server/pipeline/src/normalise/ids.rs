//! Trace and span ids.

use super::RawId;

/// The id, or what the client sent where that is none. All zeros mean "no id"
/// (<https://www.w3.org/TR/trace-context/#trace-id>).
pub(super) fn normalise<const N: usize>(id: RawId) -> (Option<[u8; N]>, Option<String>) {
    let (bytes, original) = match id {
        RawId::Missing => return (None, None),
        RawId::Bytes(bytes) => {
            let original = model::api::hex(&bytes[..bytes.len().min(64)]);
            (Some(bytes), original)
        }
        RawId::Text(text) => (from_hex(text.trim()), text),
    };
    match bytes {
        Some(bytes) if bytes.iter().all(|byte| *byte == 0) => (None, None),
        Some(bytes) => match exact(&bytes) {
            Some(id) => (Some(id), None),
            None => (None, Some(original)),
        },
        None => (None, Some(original)),
    }
}

/// Reads two digits a byte; `None` where the text is something else, or overlong.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let mut digits = Vec::with_capacity(32);
    for byte in text.bytes().filter(|byte| *byte != b'-') {
        if digits.len() == 32 {
            return None;
        }
        digits.push(char::from(byte).to_digit(16)? as u8);
    }
    if digits.len() % 2 == 1 {
        return None;
    }
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
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
