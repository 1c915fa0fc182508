//! LogQL label sets.

/// Parses `{service="shop", env="a \"b\""}`: LogQL selectors with Go string literals.
pub(super) fn parse_labels(text: &str) -> Option<Vec<(String, String)>> {
    let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim_start();
    let mut labels = Vec::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = quoted(after.trim_start())?;
        labels.push((name.trim().to_owned(), value));
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if after.is_empty() => after,
            None => return None,
        };
    }
    Some(labels)
}

/// Parses a quoted text; returns it and the rest. Backticks have no escapes.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|quote| matches!(quote, '"' | '\'' | '`'))?;
    let rest = &text[1..];
    // Bytes, because Go may escape a character byte by byte: `\xc3\xa9`.
    let mut value = Vec::new();
    let mut place = 0;
    loop {
        let letter = rest.get(place..)?.chars().next()?;
        place += letter.len_utf8();
        if letter == quote {
            return Some((String::from_utf8_lossy(&value).into_owned(), &rest[place..]));
        }
        if letter == '\\' && quote != '`' {
            place += escape(rest.get(place..)?, &mut value)?;
        } else {
            value.extend(letter.encode_utf8(&mut [0; 4]).bytes());
        }
    }
}

/// Decodes an escape; returns its length.
fn escape(rest: &str, value: &mut Vec<u8>) -> Option<usize> {
    let letter = rest.chars().next()?;
    let (digits, base) = match letter {
        'x' => (rest.get(1..3)?, 16),
        'u' => (rest.get(1..5)?, 16),
        'U' => (rest.get(1..9)?, 16),
        '0'..='7' => (rest.get(..3)?, 8),
        other => {
            let plain = match other {
                'a' => '\u{7}',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'v' => '\u{b}',
                other => other,
            };
            value.extend(plain.encode_utf8(&mut [0; 4]).bytes());
            return Some(other.len_utf8());
        }
    };
    let number = u32::from_str_radix(digits, base).ok()?;
    match letter {
        'u' | 'U' => value.extend(char::from_u32(number).unwrap_or('\u{fffd}').encode_utf8(&mut [0; 4]).bytes()),
        _ => value.push(u8::try_from(number).ok()?),
    }
    Some(digits.len() + usize::from(base == 16))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_read_as_go_writes_them() {
        for (text, value) in [
            (r#"{a="b"}"#, Some("b")),
            (r#" { a = "b" , } "#, Some("b")),
            (r#"{a="tab\t \"quoted\" \\ \a"}"#, Some("tab\t \"quoted\" \\ \u{7}")),
            (r#"{a="\u00e9\U0001F600\xc3\xa9\303\251"}"#, Some("é😀éé")),
            (r#"{a='it''s'}"#, None),
            (r#"{a='b "c"'}"#, Some("b \"c\"")),
            (r"{a=`C:\new`}", Some(r"C:\new")),
            (r#"{a="b}"#, None),
            (r#"{a="\u12"}"#, None),
            (r#"{a=b}"#, None),
            ("a=\"b\"", None),
        ] {
            let read = parse_labels(text);
            assert_eq!(read.as_deref().map(|labels| labels[0].1.as_str()), value, "{text}");
        }
        assert_eq!(parse_labels("{}"), Some(Vec::new()));
    }

    proptest! {
        #[test]
        fn any_text_is_labels_or_none(text in ".{0,60}", inner in ".{0,20}") {
            let _ = parse_labels(&text);
            let _ = parse_labels(&format!("{{a=\"{inner}\"}}"));
        }

        #[test]
        fn labels_read_as_they_were_written(labels in prop::collection::vec(("[a-z_]{1,8}", "[^\\\\]{0,12}"), 0..4)) {
            let text: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", value.replace('"', "\\\""))).collect();
            prop_assert_eq!(parse_labels(&format!("{{{}}}", text.join(", "))), Some(labels));
        }
    }
}
