//! Views: a text as it reads once its escapes are decoded.
//!
//! `alice\u0040example.com` within JSON, or `alice%40example.com` within an address, is the same secret as the plain
//! text. A view remembers where each of its bytes comes from, so that a match in it can be replaced in the text.

use std::{borrow::Cow, ops::Range};

/// How deep JSON texts within JSON texts are decoded.
const DEPTH: usize = 4;

/// A decoded text.
pub(super) struct View {
    pub(super) text: String,
    /// For each byte, where its escape or character begins in the original.
    starts: Vec<u32>,
    /// For each byte, where its escape or character ends in the original.
    ends: Vec<u32>,
}

impl View {
    /// Where a part of the view comes from.
    pub(super) fn origin(&self, span: &Range<usize>) -> Option<Range<usize>> {
        let start = *self.starts.get(span.start)? as usize;
        let end = *self.ends.get(span.end.checked_sub(1)?)? as usize;
        Some(start..end)
    }

    /// Expresses the places of a view of this view as places of the original.
    fn within(mut self, outer: Option<&Self>) -> Self {
        if let Some(outer) = outer {
            let origin = |places: &[u32], place: u32| places.get(place as usize).copied().unwrap_or_default();
            self.starts.iter_mut().for_each(|start| *start = origin(&outer.starts, *start));
            self.ends.iter_mut().for_each(|end| *end = origin(&outer.ends, end.saturating_sub(1)));
        }
        self
    }
}

/// Whether a text may have views.
pub(super) fn has_escapes(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.contains(&b'\\') || bytes.contains(&b'%')
}

/// The views of a text: without percent escapes, and without the escapes of JSON once, twice and so on.
pub(super) fn views(text: &str) -> Vec<View> {
    let mut views: Vec<View> = Vec::new();
    views.extend(decoded(text, b'%', percent));
    let mut last: Option<View> = None;
    for _ in 0..DEPTH {
        let source = last.as_ref().map_or(Cow::Borrowed(text), |view| Cow::Borrowed(view.text.as_str()));
        let Some(view) = decoded(&source, b'\\', backslash).map(|view| view.within(last.as_ref())) else { break };
        views.extend(last.replace(view));
    }
    views.extend(last);
    views
}

/// Decodes the escapes that begin with `mark`; `None` if there are none.
fn decoded(text: &str, mark: u8, decode: fn(&str) -> Option<(char, usize)>) -> Option<View> {
    if !text.as_bytes().contains(&mark) || u32::try_from(text.len()).is_err() {
        return None;
    }
    let mut view =
        View { text: String::with_capacity(text.len()), starts: Vec::with_capacity(text.len()), ends: Vec::new() };
    let (mut place, mut has_escape) = (0, false);
    while let Some(letter) = text[place..].chars().next() {
        let escape = if letter == char::from(mark) { decode(&text[place..]) } else { None };
        has_escape |= escape.is_some();
        let (letter, length) = escape.unwrap_or((letter, letter.len_utf8()));
        view.text.push(letter);
        let (start, end) = (place as u32, (place + length) as u32);
        view.starts.resize(view.text.len(), start);
        view.ends.resize(view.text.len(), end);
        place += length;
    }
    has_escape.then_some(view)
}

/// The ASCII character of `%40`, and the length of the escape. Others cannot be a part of what rules look for, or are
/// not valid text.
fn percent(text: &str) -> Option<(char, usize)> {
    hexadecimal(text.get(1..3)?).filter(char::is_ascii_graphic).map(|letter| (letter, 3))
}

/// The character of an escape of JSON, or of `\x40`, which servers write into access logs; and its length.
fn backslash(text: &str) -> Option<(char, usize)> {
    let plain = match text.as_bytes().get(1)? {
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        letter @ (b'"' | b'\\' | b'/') => char::from(*letter),
        b'x' => return hexadecimal(text.get(2..4)?).filter(char::is_ascii).map(|letter| (letter, 4)),
        b'u' => return unicode(text),
        _ => return None,
    };
    Some((plain, 2))
}

/// `\u0040`, or two of them for a character beyond the first plane.
fn unicode(text: &str) -> Option<(char, usize)> {
    let unit = |from: usize| {
        let digits = text.get(from..from + 6)?.strip_prefix("\\u")?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
    };
    let first = unit(0)?;
    if let Some(letter) = char::from_u32(first.into()) {
        return Some((letter, 6));
    }
    let letter = char::decode_utf16([first, unit(6)?]).next()?.ok()?;
    Some((letter, 12))
}

fn hexadecimal(digits: &str) -> Option<char> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_number.then(|| u8::from_str_radix(digits, 16).ok()).flatten().map(char::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_and_every_byte_knows_its_origin() {
        for (text, views_of) in [
            ("plain", &[][..]),
            (r"C:\dir\other", &[]),
            (r#"a\"b"#, &["a\"b"]),
            (r"a\u0040b\u00e9", &["a@bé"]),
            (r"\ud83d\ude00!", &["😀!"]),
            (r"\ud83d!", &[]),
            ("a%40b%2Fc%zz%", &["a@b/c%zz%"]),
            (r"\x22a\x40b", &["\"a@b"]),
            (r#"{\"a\":\"b\\u0040c\"}"#, &[r#"{"a":"b\u0040c"}"#, r#"{"a":"b@c"}"#]),
        ] {
            let found: Vec<String> = views(text).into_iter().map(|view| view.text).collect();
            assert_eq!(found, views_of, "{text}");
        }
        let text = r#"{\"a\":\"b\\u0040c\"} é"#;
        let all = views(text);
        let deepest = all.last().unwrap();
        let at = deepest.text.find("b@c").unwrap();
        assert_eq!(&text[deepest.origin(&(at..at + 3)).unwrap()], r"b\\u0040c");
        assert_eq!(deepest.origin(&(0..0)), None);
    }
}
