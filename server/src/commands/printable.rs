//! What commands print: texts from senders and servers, and numbers with their nouns.
//!
//! A text from elsewhere must not move the cursor of a terminal, start another line, or hide what it is. All commands
//! print these texts by the functions of this module, which show each hidden character ([`model::hidden`]) by its
//! escape, such as `\u{1b}`. JSON has escapes of its own. What programs read goes through [`Output`].

use std::{
    borrow::Cow,
    fmt::Write as _,
    io::{self, IsTerminal as _, Stdout, Write},
};

use model::hidden::reveal;

/// The bytes of a line that [`Output`] waits for the end of.
const LINE_BYTES: usize = 64 << 10;

/// Shows hidden characters by their escapes. A line feed is one of them; tabs stay.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    escaped(text, &['\t'])
}

/// Like [`text`], for a field between tabs or a cell of a table: escapes tabs, too.
pub(crate) fn field(text: &str) -> Cow<'_, str> {
    escaped(text, &[])
}

/// Like [`text`], for a text of several lines.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, &['\n', '\t'])
}

/// Like [`lines`], for a message. The lines that continue it are indented, so that none of them looks like another one.
pub(crate) fn message(text: &str) -> String {
    lines(text).replace('\n', "\n    ")
}

/// Escapes the hidden characters in a JSON text, which may be indented. It stays the same JSON: they occur within its
/// strings alone.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    reveal(text, |letter, shown| match letter {
        '\n' | '\t' => shown.push(letter),
        _ => {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // Writing to memory does not fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        }
    })
}

/// A number with its noun: `1 record`, `2 records`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn escaped<'a>(text: &'a str, kept: &[char]) -> Cow<'a, str> {
    reveal(text, |letter, shown| {
        if kept.contains(&letter) {
            shown.push(letter);
        } else {
            shown.extend(letter.escape_default());
        }
    })
}

/// The standard output for files and payloads: programs get their bytes as they are. A terminal gets [`lines`].
///
/// The end of an unfinished line is written by `flush`.
pub(crate) struct Output<W> {
    writer: W,
    is_terminal: bool,
    line: Vec<u8>,
}

impl Output<Stdout> {
    pub(crate) fn stdout() -> Self {
        let writer = io::stdout();
        Self { is_terminal: writer.is_terminal(), writer, line: Vec::new() }
    }
}

impl<W: Write> Output<W> {
    /// Writes the first `end` bytes of the collected ones.
    fn show(&mut self, end: usize) -> io::Result<()> {
        let collected: Vec<u8> = self.line.drain(..end).collect();
        self.writer.write_all(lines(&String::from_utf8_lossy(&collected)).as_bytes())
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_terminal {
            return self.writer.write(bytes);
        }
        self.line.extend_from_slice(bytes);
        let ended = self.line.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        let end = if self.line.len() - ended > LINE_BYTES { self.line.len() } else { ended };
        self.show(end)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.show(self.line.len())?;
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use model::hidden::is_hidden;

    use super::*;

    #[test]
    fn hidden_characters_are_shown_by_their_escapes() {
        for (original, as_text, as_field) in [
            ("shop, 한국어, עברית, ¶", "shop, 한국어, עברית, ¶", "shop, 한국어, עברית, ¶"),
            ("a\nb\tc", "a\\nb\tc", "a\\nb\\tc"),
            ("\x1b[31mred\x07\r\x7f", "\\u{1b}[31mred\\u{7}\\r\\u{7f}", "\\u{1b}[31mred\\u{7}\\r\\u{7f}"),
            ("\u{9b}2J", "\\u{9b}2J", "\\u{9b}2J"),
            ("\u{202e}txt.exe\u{202c}", "\\u{202e}txt.exe\\u{202c}", "\\u{202e}txt.exe\\u{202c}"),
            ("\u{200b}\u{2066}\u{2028}", "\\u{200b}\\u{2066}\\u{2028}", "\\u{200b}\\u{2066}\\u{2028}"),
        ] {
            assert_eq!((&*text(original), &*field(original)), (as_text, as_field));
        }
        assert_eq!(lines("a\n\tb\r\x1b"), "a\n\tb\\r\\u{1b}");
    }

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "part")), ["0 parts", "1 part", "2 parts"]);
    }

    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({ "a": "\u{9b}2J\x7f\u{202e}\x1b\t\n한\u{e0041}\u{200b}" });
        for original in [value.to_string(), format!("{value:#}")] {
            let printed = json(&original);
            assert!(!printed.contains(|letter: char| letter != '\n' && is_hidden(letter)), "{printed:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&printed).unwrap(), value);
        }
        assert!(matches!(json("{ \"a\": 1 }"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_terminal_gets_no_controls_and_a_program_gets_every_byte() {
        // The pieces end within characters.
        let bytes = "한\x1b[2J\nline\r\u{202e}\nlast \u{9b}".as_bytes();
        let shown = |is_terminal| {
            let mut output = Output { writer: Vec::new(), is_terminal, line: Vec::new() };
            bytes.chunks(2).for_each(|piece| output.write_all(piece).unwrap());
            output.flush().unwrap();
            output.writer
        };
        assert_eq!(shown(false), bytes);
        assert_eq!(String::from_utf8(shown(true)).unwrap(), "한\\u{1b}[2J\nline\\r\\u{202e}\nlast \\u{9b}");
        // A line without an end is not collected for ever.
        let mut output = Output { writer: Vec::new(), is_terminal: true, line: Vec::new() };
        output.write_all(&vec![b'x'; LINE_BYTES + 1]).unwrap();
        assert_eq!((output.writer.len(), output.line.len()), (LINE_BYTES + 1, 0));
    }
}
