//! Texts: bounded, and free of NUL, which PostgreSQL cannot store.

use model::Text;

/// Replaces NUL and checks the limit.
pub(super) fn bounded(text: Text, field: &str, limit: usize) -> Result<Text, String> {
    let text = if has_nul(&text) { text.replace('\0', "\u{fffd}").into() } else { text };
    check(text.len(), field, limit).map(|()| text)
}

/// [`bounded`] for long texts.
pub(super) fn bounded_string(text: String, field: &str, limit: usize) -> Result<String, String> {
    let text = if has_nul(&text) { text.replace('\0', "\u{fffd}") } else { text };
    check(text.len(), field, limit).map(|()| text)
}

fn has_nul(text: &str) -> bool {
    text.as_bytes().contains(&0)
}

fn check(length: usize, field: &str, limit: usize) -> Result<(), String> {
    if length <= limit {
        return Ok(());
    }
    Err(format!("{field}: {length} bytes; the limit is {limit}; shorten it"))
}

/// The longest prefix of at most `limit` bytes that does not split a character.
pub(super) fn prefix(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}
