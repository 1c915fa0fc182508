//! Values of single fields that are also in the message: some doors make the message of all fields.

use std::{collections::HashSet, ops::Range};

use super::{
    apply::Hit,
    views::{has_escapes, views},
};

/// Shorter values are not looked for: they may be in the message by chance.
const COPY_BYTES: usize = 4;
/// The limit of different values that are looked for. With more, the whole message is one match.
const VALUES: usize = 100;
/// The limit of the values times the bytes of the message, for the same reason.
const SEARCHED_BYTES: usize = 128 << 20;
/// The copies that are replaced in one message. After them, the rest is one match.
const COPIES: usize = 2000;

/// A copy of a value: its place in the message, and the number of the value.
type Found = (Range<usize>, usize);

/// Adds the copies of values to the matches in the message.
pub(super) fn add_copies(message: &str, taken: &[Hit], hits: &mut Vec<Hit>) {
    if message.is_empty() {
        return;
    }
    // Equal values may have been taken out thousands of times. The rule of the first one counts.
    let mut values: Vec<&Hit> = Vec::new();
    let mut known: HashSet<&str> = HashSet::new();
    for hit in taken.iter().filter(|hit| hit.secret.len() >= COPY_BYTES) {
        if !known.insert(&hit.secret) {
            continue;
        }
        values.push(hit);
        if values.len() > VALUES || values.len().saturating_mul(message.len()) > SEARCHED_BYTES {
            hits.push(Hit { span: 0..message.len(), rule: hit.rule, secret: message.into() });
            return;
        }
    }
    if values.is_empty() {
        return;
    }
    let views = if has_escapes(message) { views(message) } else { Vec::new() };
    let mut copies: Vec<Found> = Vec::new();
    for (number, hit) in values.iter().enumerate() {
        copies.extend(whole_words(message, &hit.secret).map(|span| (span, number)));
        cut(&mut copies);
        for view in &views {
            let spans = whole_words(&view.text, &hit.secret).filter_map(|span| view.origin(&span));
            copies.extend(spans.map(|span| (span, number)));
            cut(&mut copies);
        }
    }
    sort(&mut copies);
    let copy = |span: Range<usize>, number: usize| values.get(number).map(|hit| Hit { span, ..Hit::clone(hit) });
    if let Some((span, number)) = copies.get(COPIES).cloned() {
        copies.truncate(COPIES);
        let rest = message.get(span.start..).unwrap_or_default();
        hits.extend(copy(span.start..message.len(), number).map(|hit| Hit { secret: rest.into(), ..hit }));
    }
    hits.extend(copies.into_iter().filter_map(|(span, number)| copy(span, number)));
}

/// Forgets copies that the rest of the message has anyway.
fn cut(copies: &mut Vec<Found>) {
    if copies.len() > COPIES + 1 {
        sort(copies);
        copies.truncate(COPIES + 1);
    }
}

/// Sorts by place. A copy may be found in the message and in its views.
fn sort(copies: &mut Vec<Found>) {
    copies.sort_by_key(|(span, number)| (span.start, std::cmp::Reverse(span.end), *number));
    copies.dedup();
}

/// The first places of a value that is not a part of a longer word; one more than are replaced.
fn whole_words(text: &str, value: &str) -> impl Iterator<Item = Range<usize>> {
    let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    let (first, last) = (is_word(value.as_bytes().first()), is_word(value.as_bytes().last()));
    let is_whole = move |span: &Range<usize>| {
        let before = span.start.checked_sub(1).and_then(|place| bytes.get(place));
        let is_longer = (first && is_word(before)) || (last && is_word(bytes.get(span.end)));
        !is_longer
    };
    text.match_indices(value).map(|(start, found)| start..start + found.len()).filter(is_whole).take(COPIES + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(values: impl IntoIterator<Item = String>) -> Vec<Hit> {
        let hit = |(rule, value): (usize, String)| Hit { span: 0..0, rule, secret: value.into() };
        values.into_iter().enumerate().map(hit).collect()
    }

    fn copies(message: &str, taken: &[Hit]) -> Vec<Hit> {
        let mut hits = Vec::new();
        add_copies(message, taken, &mut hits);
        hits.sort_by_key(|hit| hit.span.start);
        hits
    }

    #[test]
    fn equal_values_are_looked_for_once() {
        let taken = taken(["1234", "ab", "1234"].map(str::to_owned));
        let found: Vec<_> = copies("1234 12345 1234 ab", &taken).into_iter().map(|hit| (hit.span, hit.rule)).collect();
        assert_eq!(found, [(0..4, 0), (11..15, 0)]);
        assert!(copies("", &taken).is_empty());
    }

    #[test]
    fn after_so_many_copies_the_rest_is_one() {
        for (message, per_copy) in [("1234 abcd ".repeat(3000), 5), ("1234%2Cabcd%2C".repeat(3000), 7)] {
            let found = copies(&message, &taken(["abcd", "1234"].map(str::to_owned)));
            assert_eq!(found.len(), COPIES + 1, "{per_copy}");
            assert_eq!(found.last().unwrap().span, COPIES * per_copy..message.len());
        }
    }

    #[test]
    fn for_too_many_values_the_whole_message_is_one() {
        let values = |count: usize| taken((0..count).map(|number| format!("v{number:04}")));
        assert_eq!(copies("x v0001 x", &values(VALUES)).len(), 1);
        assert_eq!(copies("x v0001 x", &values(VALUES))[0].span, 2..7);
        assert_eq!(copies("x v0001 x", &values(VALUES + 1))[0].span, 0..9);
        let long = "x".repeat(8 << 20);
        assert_eq!(copies(&long, &values(17))[0].span, 0..long.len());
    }
}
