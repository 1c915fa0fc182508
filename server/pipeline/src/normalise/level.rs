//! The level: the client's word in lower case, without the colours of its terminal.

use model::{Text, limits};

use super::text::bounded;

/// Removes terminal escapes and space around the word, and lowers its case.
pub(super) fn normalise(level: Text) -> Result<Text, String> {
    // Nearly every record comes with a plain word.
    if level.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return bounded(level, "level", limits::NAME_BYTES);
    }
    let plain = without_escapes(&level);
    bounded(plain.trim().to_lowercase().into(), "level", limits::NAME_BYTES)
}

/// Removes the escape sequences of ECMA-48: `ESC [ … letter`, `ESC ] … BEL`, and those
/// of two characters.
fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => match characters.next() {
                Some('[') => skip_past(&mut characters, |c| ('@'..='~').contains(&c)),
                Some(']') => skip_past(&mut characters, |c| c == '\u{7}' || c == '\\'),
                _ => {}
            },
            '\u{9b}' => skip_past(&mut characters, |c| ('@'..='~').contains(&c)),
            other => plain.push(other),
        }
    }
    plain
}

fn skip_past(characters: &mut std::str::Chars<'_>, is_last: impl Fn(char) -> bool) {
    for character in characters {
        if is_last(character) {
            return;
        }
    }
}
