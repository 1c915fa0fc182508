//! The level: the client's word in lower case, without terminal colours and without the punctuation of its log format;
//! and its severity.

use model::{LevelNumbers, Severity, Text, limits};

use super::text::bounded;

/// The level name to show, and the severity: the explicit one, else that of the word or of a number sent as text, else
/// `info`.
pub(super) fn normalise(level: Text, stated: Option<Severity>) -> Result<(Text, Severity), String> {
    let word = plain_word(level)?;
    let read = || {
        let severity = Severity::from_word(&word).map(|severity| (severity, None));
        severity.or_else(|| LevelNumbers::Level.read_text(&word).map(|(severity, word)| (severity, Some(word))))
    };
    let (severity, shown) = stated.map(|severity| (severity, None)).or_else(read).unwrap_or((Severity::INFO, None));
    let shown = shown.or_else(|| word.is_empty().then(|| severity.class().name()));
    Ok((shown.map_or(word, Text::const_new), severity))
}

/// Removes terminal escapes, whitespace and punctuation around the word, and converts it to lower case.
fn plain_word(level: Text) -> Result<Text, String> {
    // Fast path: most records have a plain word.
    if level.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return bounded(level, "level", limits::NAME_BYTES);
    }
    let plain = without_escapes(&level);
    let plain = plain.trim();
    let is_around = |letter: char| "[](){}<>:;,.|*='\"".contains(letter) || letter.is_whitespace();
    let inner = match plain.contains(['(', '[']) && plain.starts_with(char::is_alphabetic) {
        // `Level(-4)`
        true => plain,
        false => plain.trim_matches(is_around),
    };
    let word = if inner.is_empty() { plain } else { inner };
    bounded(word.to_lowercase().into(), "level", limits::NAME_BYTES)
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
