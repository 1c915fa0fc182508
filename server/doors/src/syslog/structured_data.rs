//! RFC 5424's structured data (section 6.3) and its variants on devices.
//!
//! An element is `[id name="value" …]`. As an extension, an element may lack an id, a value its quotes, and a word
//! its value. Anything else stays in the message.

use compact_str::format_compact;
use model::{Text, Value, limits};

/// Ids without an `@`, which only IANA assigns.
const REGISTERED: [&str; 3] = ["timeQuality", "origin", "meta"];

type Parameters = Vec<(Text, Value)>;

/// Parses the elements at the start of a text; returns the rest. A parameter becomes `id.name`; a word without a
/// value becomes `true`. `None` if the text does not start with an element.
pub(super) fn read(text: &str) -> Option<(Parameters, &str)> {
    let mut parameters = Vec::new();
    let mut rest = element(text, &mut parameters, Strictness::Loose)?;
    loop {
        // The message starts after a blank, so an element after a blank must be strictly valid.
        let next = match rest.strip_prefix(' ') {
            None if rest.starts_with('[') => element(rest, &mut parameters, Strictness::Loose),
            Some(behind) if behind.starts_with('[') => element(behind, &mut parameters, Strictness::Strict),
            _ => None,
        };
        match next {
            Some(next) => rest = next,
            None => return Some((parameters, rest)),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Strictness {
    /// By the RFC: an id, and quoted values.
    Strict,
    Loose,
}

/// Parses one element; returns the rest.
fn element<'a>(text: &'a str, parameters: &mut Parameters, strictness: Strictness) -> Option<&'a str> {
    let before = parameters.len();
    // Some senders do not escape a final backslash, as in `"C:\"`.
    for backslash in [Backslash::Escapes, Backslash::MayEndValue] {
        let read = words(text.strip_prefix('[')?, parameters, strictness, backslash);
        // Parameters past the store's limits stay in the message.
        let is_bounded = parameters.len() <= limits::ATTRIBUTES / 2
            && parameters[before..].iter().all(|(key, value)| {
                let length = if let Value::Text(text) = value { text.len() } else { 0 };
                key.len() <= limits::KEY_BYTES && length <= limits::VALUE_BYTES
            });
        if read.is_some() && is_bounded {
            return read;
        }
        parameters.truncate(before);
    }
    None
}

/// The meaning of `\"` at a possible end of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Backslash {
    Escapes,
    MayEndValue,
}

fn words<'a>(
    mut text: &'a str,
    parameters: &mut Parameters,
    strictness: Strictness,
    backslash: Backslash,
) -> Option<&'a str> {
    let begin = parameters.len();
    let mut id = "";
    let mut is_first = true;
    loop {
        text = text.trim_start_matches(' ');
        if let Some(rest) = text.strip_prefix(']') {
            let has_parameters = parameters.len() > begin;
            if !has_parameters && is_id(id) {
                parameters.push((Text::new(id), Value::Bool(true)));
            }
            let by_the_letter = is_id(id) && has_parameters;
            let is_element = if strictness == Strictness::Strict { by_the_letter } else { parameters.len() > begin };
            return is_element.then_some(rest);
        }
        let name = name(text)?;
        text = &text[name.len()..];
        let key = || if id.is_empty() { Text::new(name) } else { format_compact!("{id}.{name}") };
        match text.strip_prefix('=') {
            Some(value) => {
                let quoted = value.strip_prefix('"');
                if quoted.is_none() && strictness == Strictness::Strict {
                    return None;
                }
                let (value, rest) = match quoted {
                    Some(quoted) => unescaped(quoted, backslash)?,
                    None => bare(value),
                };
                parameters.push((key(), Value::Text(value)));
                text = rest;
            }
            None if is_first => id = name,
            // A word without a value may be text, unless the id is certain.
            None if is_id(id) && strictness == Strictness::Loose => parameters.push((key(), Value::Bool(true))),
            None => return None,
        }
        is_first = false;
    }
}

/// Whether a text starts like an element, valid or not: with an id that has an `@`, or with a quoted value.
pub(super) fn begins(text: &str) -> bool {
    let Some(text) = text.strip_prefix('[').map(|text| text.trim_start_matches(' ')) else { return false };
    name(text).is_some_and(|first| {
        let rest = &text[first.len()..];
        let is_quoted = |name: &str, rest: &str| rest[name.len()..].starts_with("=\"");
        let next = rest.trim_start_matches(' ');
        is_id(first) || is_quoted(first, text) || name(next).is_some_and(|name| is_quoted(name, next))
    })
}

/// Whether this is the id of an element, not a word in brackets such as `[main]`.
fn is_id(id: &str) -> bool {
    REGISTERED.contains(&id) || id.split_once('@').is_some_and(|(name, number)| !name.is_empty() && !number.is_empty())
}

/// Parses a name at the start of the text.
fn name(text: &str) -> Option<&str> {
    let ends = |letter: char| matches!(letter, '=' | ']' | '"' | '[') || letter.is_whitespace() || letter.is_control();
    let end = text.find(ends)?;
    (end > 0 && matches!(text.as_bytes()[end], b'=' | b' ' | b']')).then(|| &text[..end])
}

/// Parses an unquoted value; returns the rest.
fn bare(text: &str) -> (Text, &str) {
    let end = text.find([' ', ']']).unwrap_or(text.len());
    (Text::new(&text[..end]), &text[end..])
}

/// Parses a value up to its closing quote; returns the rest. A backslash is literal unless `"`, `\` or `]` follows.
fn unescaped(text: &str, backslash: Backslash) -> Option<(Text, &str)> {
    let mut value = Text::default();
    let mut rest = text;
    loop {
        let place = rest.find(['"', '\\'])?;
        value.push_str(&rest[..place]);
        let is_quote = rest.as_bytes()[place] == b'"';
        rest = &rest[place + 1..];
        if is_quote {
            return Some((value, rest));
        }
        match rest.as_bytes().first() {
            Some(b'"') if backslash == Backslash::MayEndValue && ends_value(&rest[1..]) => {
                value.push('\\');
                return Some((value, &rest[1..]));
            }
            Some(b'"' | b'\\' | b']') => {
                value.push_str(&rest[..1]);
                rest = &rest[1..];
            }
            _ => value.push('\\'),
        }
    }
}

/// Whether the text after a quote continues like an element.
fn ends_value(text: &str) -> bool {
    text.starts_with(']')
        || text
            .strip_prefix(' ')
            .is_some_and(|text| name(text).is_some_and(|name| text[name.len()..].starts_with("=\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_is_read_and_the_rest_stays_text() {
        let cases: &[(&str, &str, &str)] = &[
            // By the RFC.
            (r#"[x@1 a="1" b="2"] m"#, "x@1.a=1|x@1.b=2", " m"),
            (r#"[x@1 a="1"][y@2 a="2"] m"#, "x@1.a=1|y@2.a=2", " m"),
            (r#"[meta sequenceId="10"]"#, "meta.sequenceId=10", ""),
            (r#"[x@1 a=""] m"#, "x@1.a=", " m"),
            (r#"[x@1 a="\"q\" \\ \] \n \é"] m"#, r#"x@1.a="q" \ ] \n \é"#, " m"),
            (r#"[x@1 dir="D:\\share\\" z="last"] m"#, r"x@1.dir=D:\share\|x@1.z=last", " m"),
            (r#"[x@1 _a.b-c="1"] [not an element]"#, "x@1._a.b-c=1", " [not an element]"),
            (r#"[origin ip="192.0.2.1" ip="192.0.2.2"]"#, "origin.ip=192.0.2.1|origin.ip=192.0.2.2", ""),
            ("[tagged@1] m", "tagged@1=true", " m"),
            ("[x@1 a=\"two\nlines\"] m", "x@1.a=two\nlines", " m"),
            // Variants on devices.
            ("[x@1 user=alice port=22] m", "x@1.user=alice|x@1.port=22", " m"),
            ("[x@1 user=] m", "x@1.user=", " m"),
            (r#"[event="login failed"] m"#, "event=login failed", " m"),
            (r#"[event="login" user="bob"] m"#, "event=login|user=bob", " m"),
            (r#"[ x@1  a="1"  ] m"#, "x@1.a=1", " m"),
            (r#"[x@1 a="1"b="2"] m"#, "x@1.a=1|x@1.b=2", " m"),
            (r#"[x@1 k="a]b" z="last"] m"#, "x@1.k=a]b|x@1.z=last", " m"),
            (r#"[x@1 a="first"] [y@2 b="second"] m"#, "x@1.a=first|y@2.b=second", " m"),
            (r#"[x@1 flag a="1"] m"#, "x@1.flag=true|x@1.a=1", " m"),
            (r#"[x@1 dir="C:\" z="last"] m"#, r"x@1.dir=C:\|x@1.z=last", " m"),
            (r#"[x@1 dir="C:\"] m"#, r"x@1.dir=C:\", " m"),
            (r#"[x@1 a="1"]m"#, "x@1.a=1", "m"),
            // The second is not an element and stays in the text.
            (r#"[x@1 a="1"][unclosed b="2" m"#, "x@1.a=1", r#"[unclosed b="2" m"#),
            (r#"[x@1 a="1"] [pid=12] m"#, "x@1.a=1", " [pid=12] m"),
            (r#"[x@1 a="1"] [main] m"#, "x@1.a=1", " [main] m"),
        ];
        for (text, expected, rest) in cases {
            let (parameters, behind) = read(text).unwrap_or_else(|| panic!("{text}"));
            let parameters: Vec<_> = parameters.iter().map(|(key, value)| format!("{key}={value}")).collect();
            assert_eq!((parameters.join("|").as_str(), behind), (*expected, *rest), "{text}");
        }
    }

    #[test]
    fn what_is_no_element_is_text() {
        let many: String = (0..limits::ATTRIBUTES).map(|number| format!(" n{number}=\"1\"")).collect();
        let long = format!("[x@1 {}=\"1\"] m", "n".repeat(limits::KEY_BYTES));
        for text in [
            "",
            "m",
            "[",
            "[]",
            "[] m",
            "[main] INFO started",
            "[12.345] m",
            "[ERROR] [x@1 a=\"1\"] m",
            "[2026-11-28 00:20:10] m",
            "[two words] m",
            "[x@1 a=\"1\" m",
            "[x@1 a=\"1 m",
            "[x@1 a=1 m",
            "[x@1 a=\"say \"hi\" now\"] m",
            "[x@1 =\"1\"] m",
            "[action:\"Accept\"; flags:\"1\"] m",
            &format!("[x@1{many}] m"),
            &long,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
