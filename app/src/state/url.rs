//! URL queries in the encoding of HTML forms.
//!
//! The router's own map decodes values twice, which turns `100%25` into an error, so the page parses the raw text
//! here.

use std::fmt::Write as _;

/// Decodes `a=b&c=d` into pairs, in order. Invalid escapes stay unchanged.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    query.trim_start_matches('?').split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key), decode(value))
    })
}

/// Appends `key=value` to `query`, preceded by `?` or `&`.
pub(crate) fn append(query: &mut String, key: &str, value: &str) {
    query.push(if query.is_empty() { '?' } else { '&' });
    query.push_str(key);
    query.push('=');
    encode(query, value);
}

/// Escapes all reserved characters, except `:` `/` `,` `*` `>` where RFC 3986 allows it.
pub(crate) fn encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' | b'/' | b',' | b'*' => {
                out.push(byte as char);
            }
            b' ' => out.push('+'),
            // Writing to a string does not fail.
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut place = 0;
    while let Some(&byte) = bytes.get(place) {
        let escaped = (byte == b'%').then(|| text.get(place + 1..place + 3)).flatten();
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(value) => {
                decoded.push(value);
                place += 3;
            }
            None => {
                decoded.push(if byte == b'+' { b' ' } else { byte });
                place += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_comes_back_as_it_went() {
        for text in ["", "level:error", "100% sure", "a+b&c=d#e", "한국어 로그", "\"quoted phrase\"", "path:/api/*"]
        {
            let mut query = String::new();
            append(&mut query, "q", text);
            append(&mut query, "x", "y");
            let read: Vec<_> = pairs(&query).collect();
            assert_eq!(read, [("q".into(), text.into()), ("x".into(), "y".into())], "{query}");
        }
    }

    #[test]
    fn a_broken_escape_stays_as_it_is() {
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz%2"), "%zz%2");
        assert_eq!(decode("%한"), "%한");
    }
}
