//! What commands print: texts from senders and servers, and numbers with their nouns.
//!
//! A text from elsewhere must not move the cursor of a terminal, start another line, or reverse the order of what is
//! read. All commands print these texts by the functions of this module.

use std::borrow::Cow;

/// Replaces control characters: a line feed by `\n`, others by U+FFFD. Tabs stay.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    replaced(text, is_unsafe, |letter| match letter {
        '\n' => "\\n".to_owned(),
        _ => char::REPLACEMENT_CHARACTER.to_string(),
    })
}

/// Like [`text`], for a field between tabs or a cell of a table: replaces a tab by `\t`.
pub(crate) fn field(text: &str) -> Cow<'_, str> {
    replaced(
        text,
        |letter| letter == '\t' || is_unsafe(letter),
        |letter| match letter {
            '\n' => "\\n".to_owned(),
            '\t' => "\\t".to_owned(),
            _ => char::REPLACEMENT_CHARACTER.to_string(),
        },
    )
}

/// Escapes the control characters in a JSON text, which may be indented. It stays the same JSON: they occur within its
/// strings alone.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    // All of them have four digits.
    replaced(text, |letter| letter != '\n' && is_unsafe(letter), |letter| format!("\\u{:04x}", u32::from(letter)))
}

/// A number with its noun: `1 record`, `2 records`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Whether a character controls the terminal, or the direction of the text after it.
fn is_unsafe(letter: char) -> bool {
    letter != '\t' && letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn replaced(text: &str, is_replaced: impl Fn(char) -> bool, shown: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.contains(&is_replaced) {
        return Cow::Borrowed(text);
    }
    let letter = |letter: char| if is_replaced(letter) { shown(letter) } else { letter.to_string() };
    Cow::Owned(text.chars().map(letter).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_and_overrides_of_the_direction_are_replaced() {
        for (original, as_text, as_field) in [
            ("shop, 한국어, עברית, ¶", "shop, 한국어, עברית, ¶", "shop, 한국어, עברית, ¶"),
            ("a\nb\tc", "a\\nb\tc", "a\\nb\\tc"),
            (
                "\x1b[31mred\x07\r\x7f",
                "\u{fffd}[31mred\u{fffd}\u{fffd}\u{fffd}",
                "\u{fffd}[31mred\u{fffd}\u{fffd}\u{fffd}",
            ),
            ("\u{9b}2J", "\u{fffd}2J", "\u{fffd}2J"),
            ("\u{202e}txt.exe\u{202c}", "\u{fffd}txt.exe\u{fffd}", "\u{fffd}txt.exe\u{fffd}"),
            ("\u{202a}\u{2066}\u{2069}", "\u{fffd}\u{fffd}\u{fffd}", "\u{fffd}\u{fffd}\u{fffd}"),
        ] {
            assert_eq!((&*text(original), &*field(original)), (as_text, as_field));
        }
    }

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "part")), ["0 parts", "1 part", "2 parts"]);
    }

    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({ "a": "\u{9b}2J\x7f\u{202e}\x1b\t\n한" });
        for original in [value.to_string(), format!("{value:#}")] {
            let printed = json(&original);
            assert!(!printed.contains(|letter: char| letter != '\n' && is_unsafe(letter)), "{printed:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&printed).unwrap(), value);
        }
        assert!(matches!(json("{\n  \"a\": 1\n}"), Cow::Borrowed(_)));
    }
}
