//! Tolerance for the JSON of common clients, and readable parse errors.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

/// Parses a whole body.
///
/// # Errors
/// A reason for the client.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).or_else(|error| match replace_lone_surrogates(body) {
        Cow::Owned(repaired) => serde_json::from_slice(&repaired).map_err(|error| explained(&error)),
        Cow::Borrowed(_) => Err(explained(&error)),
    })
}

/// The parse error without internal type names.
pub(crate) fn explained(error: &serde_json::Error) -> String {
    let reason = error.to_string();
    match reason.strip_prefix("recursion limit exceeded") {
        Some(place) => format!("it is nested deeper than 127 levels{place}; flatten it"),
        None => reason
            .replace("struct ExportLogsServiceRequest", "an object with resourceLogs")
            .replace("expected a map", "expected an object"),
    }
}

/// Replaces escaped lone surrogates by U+FFFD. JavaScript writes one if it cuts a text in the middle of an emoji, and
/// JSON parsers refuse it.
pub(crate) fn replace_lone_surrogates(json: &[u8]) -> Cow<'_, [u8]> {
    let mut whole = Cow::Borrowed(json);
    let mut place = 0;
    while let Some(found) = memchr::memchr(b'\\', json.get(place..).unwrap_or_default()) {
        let escape = place + found;
        place = escape + 2;
        match (code_unit(json, escape), code_unit(json, escape + 6)) {
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

/// Prepares JSON for the exact parser: replaces lone surrogates, and marks numbers that a float would change as
/// texts, so that they keep their digits.
pub(crate) fn preserve_digits(json: &[u8]) -> Cow<'_, [u8]> {
    match replace_lone_surrogates(json) {
        Cow::Borrowed(json) => mark_long_numbers(json),
        Cow::Owned(json) => mark_long_numbers(&json).into_owned().into(),
    }
}

/// The prefix of a number that is marked as a text: U+FDD0, a noncharacter.
const MARK: char = '\u{fdd0}';

/// The number in a text that [`preserve_digits`] marked.
pub(crate) fn marked_number(text: &str) -> Option<&str> {
    text.strip_prefix(MARK).filter(|number| number_length(number.as_bytes()) == number.len() && !number.is_empty())
}

fn mark_long_numbers(json: &[u8]) -> Cow<'_, [u8]> {
    let mut whole: Option<Vec<u8>> = None;
    let (mut place, mut taken) = (0, 0);
    while let Some(byte) = json.get(place) {
        match byte {
            b'"' => place = end_of_text(json, place),
            b'-' | b'0'..=b'9' => {
                let number = &json[place..place + number_length(&json[place..])];
                if is_changed_by_a_float(number) {
                    let whole = whole.get_or_insert_default();
                    whole.extend_from_slice(&json[taken..place]);
                    whole.extend_from_slice(format!("\"{MARK}").as_bytes());
                    whole.extend_from_slice(number);
                    whole.push(b'"');
                    taken = place + number.len();
                }
                place += number.len().max(1);
            }
            _ => place += 1,
        }
    }
    match whole {
        Some(mut whole) => {
            whole.extend_from_slice(&json[taken..]);
            whole.into()
        }
        None => json.into(),
    }
}

/// The position after the string that starts here.
fn end_of_text(json: &[u8], begin: usize) -> usize {
    let mut place = begin + 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', json.get(place..).unwrap_or_default()) {
        place += found + 1;
        match json.get(place - 1) {
            Some(b'"') => return place,
            _ => place += 1,
        }
    }
    json.len()
}

/// The length of the JSON number that starts here; 0 if there is none.
fn number_length(json: &[u8]) -> usize {
    let digits = |from: usize| json[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut length = usize::from(json.first() == Some(&b'-'));
    let whole = digits(length);
    if whole == 0 || whole > 1 && json.get(length) == Some(&b'0') {
        return 0;
    }
    length += whole;
    if json.get(length) == Some(&b'.') {
        let fraction = digits(length + 1);
        if fraction == 0 {
            return 0;
        }
        length += 1 + fraction;
    }
    if matches!(json.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(json.get(length + 1), Some(b'+' | b'-')));
        let exponent = json.get(length + 1 + sign..).map_or(0, |_| digits(length + 1 + sign));
        if exponent == 0 {
            return 0;
        }
        length += 1 + sign + exponent;
    }
    length
}

/// Whether neither an integer nor a float can hold the number: an integer beyond 64 bits, a float whose integer part
/// would change, or one out of range.
fn is_changed_by_a_float(number: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(number) else { return false };
    let whole = text.split(['.', 'e', 'E']).next().unwrap_or_default();
    if whole.len() == text.len() {
        return text.parse::<i64>().is_err() && text.parse::<u64>().is_err() && !text.is_empty();
    }
    let Ok(value) = text.parse::<f64>() else { return false };
    let is_plain = !text.contains(['e', 'E']);
    value.is_infinite()
        || is_plain && whole.trim_start_matches('-').len() > 15 && format!("{:.0}", value.trunc()) != whole
}

/// The code unit of an escape `\uXXXX` at this position.
fn code_unit(json: &[u8], place: usize) -> Option<u16> {
    let digits = json.get(place..place + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

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
    fn numbers_that_a_float_would_change_are_marked_and_no_others() {
        let marked = |number: &str| format!("[\"{MARK}{number}\"]");
        for (number, is_marked) in [
            ("0", false),
            ("-0", false),
            ("9223372036854775807", false),
            ("-9223372036854775808", false),
            ("18446744073709551615", false),
            ("18446744073709551616", true),
            ("-9223372036854775809", true),
            ("123456789012345678901234567890", true),
            ("0.1", false),
            ("1e300", false),
            ("1e400", true),
            ("-1.5E+999", true),
            ("9007199254740992.0", false),
            ("9007199254740993.0", true),
            ("1700000000.123456789012", false),
            ("01", false),
            ("1.", false),
            ("--1", false),
            ("1e", false),
            ("\"18446744073709551616\"", false),
            ("\"a\\\"18446744073709551616\"", false),
        ] {
            let json = format!("[{number}]");
            let expected = if is_marked { marked(number) } else { json.clone() };
            assert_eq!(String::from_utf8_lossy(&preserve_digits(json.as_bytes())), expected, "{number}");
            assert_eq!(
                marked_number(&format!("{MARK}{number}")).is_some(),
                !number.contains('"') && serde_json::from_str::<&RawValue>(number).is_ok()
            );
        }
        assert_eq!(marked_number("17"), None);
    }

    #[test]
    fn what_is_nested_too_deep_is_told_the_limit() {
        let error = read::<serde_json::Value>("[".repeat(5000).as_bytes()).unwrap_err();
        assert!(error.contains("127 levels at line 1"), "{error}");
    }
}
