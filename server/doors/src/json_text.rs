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

/// The text for the reader that has the last word: with whole letters, and with numbers that a
/// float would change as marked texts, so that they keep their digits.
pub(crate) fn carefully(json: &[u8]) -> Cow<'_, [u8]> {
    match with_whole_letters(json) {
        Cow::Borrowed(json) => with_whole_numbers(json),
        Cow::Owned(json) => with_whole_numbers(&json).into_owned().into(),
    }
}

/// Stands before a number that is written as a text: U+FDD0, which is no letter of any script.
const MARK: char = '\u{fdd0}';

/// The number of a text that [`carefully`] has made.
pub(crate) fn marked_number(text: &str) -> Option<&str> {
    text.strip_prefix(MARK).filter(|number| number_length(number.as_bytes()) == number.len() && !number.is_empty())
}

fn with_whole_numbers(json: &[u8]) -> Cow<'_, [u8]> {
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

/// The place behind a text that begins here.
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

/// The bytes of the number that JSON has here; 0 where there is none, or more than one.
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

/// Whether no number of ours holds it: an integer beyond 64 bits, a float whose whole part has
/// other digits than it is written with, or one that is out of every range.
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

/// The number of an escape `\uXXXX` at this place.
fn half_letter(json: &[u8], place: usize) -> Option<u16> {
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
            assert_eq!(String::from_utf8_lossy(&carefully(json.as_bytes())), expected, "{number}");
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
