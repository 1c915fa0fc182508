//! Tells how far a JSON object has come, byte by byte, without decoding it.
//!
//! A packet in several lines is scanned once, however many line breaks it has. Parsing it at each of them would cost
//! the square of its length. The outline accepts a little more than JSON: numbers, names and escapes are not checked.

/// The nesting at which an object counts as broken. The parser's own limit is lower.
const LEVELS: usize = 1024;

/// What the bytes up to a terminator are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// The start of an object; the end is between two tokens, or within a number.
    Open,
    /// The start of an object; the end is within a text.
    Text,
    /// An object.
    Complete,
    /// Anything else. More bytes change nothing.
    Broken,
}

/// The scanned part of an object.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// The number of scanned bytes.
    scanned: usize,
    expects: Expects,
    /// The open brackets, outermost first.
    open: Vec<Bracket>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Object,
    List,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Expects {
    #[default]
    Object,
    KeyOrEnd,
    Key,
    Colon,
    Value,
    ValueOrEnd,
    CommaOrEnd,
    /// The rest of a number, `true`, `false` or `null`.
    Word,
    Text {
        is_key: bool,
    },
    Escaped {
        is_key: bool,
    },
    Nothing,
    Broken,
}

impl Outline {
    /// Scans the bytes of `packet` that were not scanned before. `packet` starts with the bytes of the call before.
    pub(super) fn extend(&mut self, packet: &[u8]) -> Shape {
        for byte in packet.get(self.scanned..).unwrap_or_default() {
            if self.expects == Expects::Broken {
                break;
            }
            self.expects = self.step(*byte);
        }
        self.scanned = packet.len();
        match self.expects {
            Expects::Nothing => Shape::Complete,
            Expects::Broken => Shape::Broken,
            Expects::Text { .. } | Expects::Escaped { .. } => Shape::Text,
            _ => Shape::Open,
        }
    }

    fn step(&mut self, byte: u8) -> Expects {
        match (self.expects, byte) {
            // JSON has no line breaks or other control characters within texts.
            (Expects::Text { .. } | Expects::Escaped { .. }, 0..=0x1f) => Expects::Broken,
            (Expects::Text { is_key: true }, b'"') => Expects::Colon,
            (Expects::Text { is_key: false }, b'"') => Expects::CommaOrEnd,
            (Expects::Text { is_key }, b'\\') => Expects::Escaped { is_key },
            (Expects::Text { is_key } | Expects::Escaped { is_key }, _) => Expects::Text { is_key },
            (Expects::Word, b' ' | b'\t' | b'\r' | b'\n') => Expects::CommaOrEnd,
            (expects, b' ' | b'\t' | b'\r' | b'\n') => expects,
            (Expects::Word, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.') => Expects::Word,
            (Expects::Object | Expects::Value | Expects::ValueOrEnd, b'{') => self.open(Bracket::Object),
            (Expects::Value | Expects::ValueOrEnd, b'[') => self.open(Bracket::List),
            (Expects::KeyOrEnd | Expects::Key, b'"') => Expects::Text { is_key: true },
            (Expects::Value | Expects::ValueOrEnd, b'"') => Expects::Text { is_key: false },
            (Expects::Value | Expects::ValueOrEnd, b'0'..=b'9' | b'-' | b't' | b'f' | b'n') => Expects::Word,
            (Expects::Colon, b':') => Expects::Value,
            (Expects::KeyOrEnd | Expects::CommaOrEnd | Expects::Word, b'}') => self.close(Bracket::Object),
            (Expects::ValueOrEnd | Expects::CommaOrEnd | Expects::Word, b']') => self.close(Bracket::List),
            (Expects::CommaOrEnd | Expects::Word, b',') => match self.open.last() {
                Some(Bracket::Object) => Expects::Key,
                _ => Expects::Value,
            },
            _ => Expects::Broken,
        }
    }

    fn open(&mut self, bracket: Bracket) -> Expects {
        if self.open.len() >= LEVELS {
            return Expects::Broken;
        }
        self.open.push(bracket);
        match bracket {
            Bracket::Object => Expects::KeyOrEnd,
            Bracket::List => Expects::ValueOrEnd,
        }
    }

    fn close(&mut self, bracket: Bracket) -> Expects {
        match (self.open.pop() == Some(bracket), self.open.is_empty()) {
            (false, _) => Expects::Broken,
            (true, true) => Expects::Nothing,
            (true, false) => Expects::CommaOrEnd,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shape(text: &str) -> Shape {
        Outline::default().extend(text.as_bytes())
    }

    #[test]
    fn objects_are_complete_or_open_or_broken() {
        for (text, expected) in [
            ("", Shape::Open),
            (" {", Shape::Open),
            ("{\"a\":\r\n", Shape::Open),
            ("{\"a\":1,\n", Shape::Open),
            ("{\"a\":[1, -2.5e+3, true\n", Shape::Open),
            ("{\"a\":{\"b\":[]}\n", Shape::Open),
            ("{\"a", Shape::Text),
            ("{\"a\":\"b ¶", Shape::Text),
            ("{\"a\":\"\\", Shape::Text),
            ("{\"a\":\"\\\"", Shape::Text),
            ("{}", Shape::Complete),
            ("\n{\"a\":[{},[null],\"}\"],\"b\":{\"c\":1}} \n", Shape::Complete),
            ("plain text", Shape::Broken),
            ("7", Shape::Broken),
            ("[1]", Shape::Broken),
            ("{plain", Shape::Broken),
            ("{\"a\":\"b\n", Shape::Broken),
            ("{\"a\":\"\\\n", Shape::Broken),
            ("{\"a\" 1", Shape::Broken),
            ("{\"a\":1 2", Shape::Broken),
            ("{\"a\":1,}", Shape::Broken),
            ("{\"a\":[1}", Shape::Broken),
            ("{\"a\":¶", Shape::Broken),
            ("{} {}", Shape::Broken),
        ] {
            assert_eq!(shape(text), expected, "{text:?}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
        assert_eq!(shape(&nested(LEVELS)), Shape::Complete);
        assert_eq!(shape(&nested(LEVELS + 1)), Shape::Broken);
    }

    proptest! {
        /// Each start of an object is open, in one piece or in several.
        #[test]
        fn an_object_is_open_until_its_last_byte(
            value in "[a-z¶\\\\\"\n{}]{0,9}", list in prop::collection::vec(any::<f64>(), 0..4), piece in 1usize..9,
        ) {
            let object = serde_json::json!({ "a": value, "b": { "c": list, "d": [null, true, { &value: 1 }] } });
            let object = serde_json::to_vec_pretty(&object).unwrap();
            let mut outline = Outline::default();
            for end in (0..object.len()).step_by(piece) {
                let shape = outline.extend(&object[..end]);
                prop_assert!(matches!(shape, Shape::Open | Shape::Text), "{shape:?} at {end}");
            }
            prop_assert_eq!(outline.extend(&object), Shape::Complete);
        }
    }
}
