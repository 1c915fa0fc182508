//! JSON as clients write it, and what to say of what does not read.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

/// Reads a body as a whole.
///
/// # Errors
/// What is wrong with it, for the client.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).or_else(|error| match with_whole_letters(body) {
        Cow::Owned(repaired) => serde_json::from_slice(&repaired).map_err(|error| explained(&error)),
        Cow::Borrowed(_) => Err(explained(&error)),
    })
}

/// The reason in words that mean something outside.
pub(crate) fn explained(error: &serde_json::Error) -> String {
    let reason = error.to_string();
    match reason.strip_prefix("recursion limit exceeded") {
        Some(place) => format!("it is nested deeper than 127 levels{place}; flatten it"),
        None => reason
            .replace("struct ExportLogsServiceRequest", "an object with resourceLogs")
            .replace("expected a map", "expected an object"),
    }
}

/// The text with U+FFFD where half a letter is escaped: JavaScript writes one for each text that
/// was cut in the middle of an emoji, and parsers refuse it.
pub(crate) fn with_whole_letters(json: &[u8]) -> Cow<'_, [u8]> {
    let mut whole = Cow::Borrowed(json);
    let mut place = 0;
    while let Some(found) = memchr::memchr(b'\\', json.get(place..).unwrap_or_default()) {
        let escape = place + found;
        place = escape + 2;
        match (half_letter(json, escape), half_letter(json, escape + 6)) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => place = escape + 12,
            (Some(0xd800..0xe000), _) => {
                if let Some(digits) = whole.to_mut().get_mut(escape + 2..escape + 6) {
                    digits.copy_from_slice(b"fffd");
                }
                place = escape + 6;
            }
            _ => {}
        }
    }
    whole
}

/// The number of an escape `\uXXXX` at this place.
fn half_letter(json: &[u8], place: usize) -> Option<u16> {
    let digits = json.get(place..place + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_letters_are_replaced_and_whole_ones_stay() {
        for (json, text) in [
            (r#""cut \ud83d""#, "cut \u{fffd}"),
            (r#""\ude00 and \ud83d\ude00""#, "\u{fffd} and 😀"),
            (r#""\ud83d\ud83d\ude00x""#, "\u{fffd}😀x"),
            (r#""\\ud83d \u00e9""#, "\\ud83d é"),
        ] {
            assert_eq!(read::<String>(json.as_bytes()).as_deref(), Ok(text), "{json}");
        }
        for broken in [r#""\"#, r#""\u"#, r#""\ud8"#, r#""\ud83d\u"#] {
            assert!(read::<String>(broken.as_bytes()).is_err(), "{broken}");
        }
    }

    #[test]
    fn what_is_nested_too_deep_is_told_the_limit() {
        let error = read::<serde_json::Value>("[".repeat(5000).as_bytes()).unwrap_err();
        assert!(error.contains("127 levels at line 1"), "{error}");
    }
}
