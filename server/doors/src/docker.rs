//! The log stream of Docker's Engine API: from its bytes to lines of the [CRI's format](crate::cri).
//!
//! Without a terminal, the stream consists of frames: one byte for the stream, three zeros, the length as 32 bits in
//! big-endian order, and the bytes. A frame has one line, or a part of one without its end. With a terminal, it
//! consists of lines. Each line or part begins with its time and a space.

use pipeline::{Error, Result};

use crate::cri::{self, Stream};

/// The most bytes of a frame; Docker's have about 16 KiB.
const FRAME_BYTES: usize = 1 << 20;
/// The most bytes of a line of a terminal; a longer one is split.
const LINE_BYTES: usize = 16 << 10;
const HEADER: usize = 8;

/// One line, or a part of one.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    pub stream: Stream,
    /// Nanoseconds since the Unix epoch.
    pub nanos: i64,
    /// The part as a line of the CRI's format, with a newline.
    pub line: Vec<u8>,
}

/// Decodes one log stream.
#[derive(Debug)]
pub struct Decoder {
    has_terminal: bool,
    bytes: Vec<u8>,
    /// The time of the line of a terminal that was split.
    split: Option<String>,
}

impl Decoder {
    /// For the log of a container with or without a terminal: without one, it has frames.
    pub fn new(has_terminal: bool) -> Self {
        Self { has_terminal, bytes: Vec::new(), split: None }
    }

    /// Adds the next bytes of the stream.
    pub fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next part, if it is complete.
    ///
    /// # Errors
    /// `Unavailable` if the stream has another format. Nothing after the error can be decoded.
    pub fn next_part(&mut self) -> Result<Option<Part>> {
        if self.has_terminal { self.next_line() } else { self.next_frame() }
    }

    fn next_frame(&mut self) -> Result<Option<Part>> {
        let Some(&[kind, 0, 0, 0, a, b, c, d]) = self.bytes.get(..HEADER) else {
            return if self.bytes.len() < HEADER { Ok(None) } else { Err(broken("a frame has no header")) };
        };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length > FRAME_BYTES {
            return Err(broken("a frame has more than 1 MiB"));
        }
        let Some(frame) = self.bytes.get(HEADER..HEADER + length) else { return Ok(None) };
        let stream = match kind {
            1 => Stream::Stdout,
            2 => Stream::Stderr,
            _ => return Err(broken("a frame is of no known stream")),
        };
        let (time, text) = split_time(frame)?;
        let part = part(stream, &time, text, !frame.ends_with(b"\n"));
        self.bytes.drain(..HEADER + length);
        part.map(Some)
    }

    fn next_line(&mut self) -> Result<Option<Part>> {
        let end = memchr::memchr(b'\n', &self.bytes).map(|end| end + 1);
        let length = match end {
            Some(end) if end <= LINE_BYTES => end,
            _ if self.bytes.len() >= LINE_BYTES => LINE_BYTES,
            _ => return Ok(None),
        };
        let bytes: Vec<u8> = self.bytes.drain(..length).collect();
        let is_partial = !bytes.ends_with(b"\n");
        let (time, text) = match self.split.take() {
            Some(time) => (time, &bytes[..]),
            None => split_time(&bytes)?,
        };
        self.split = is_partial.then(|| time.clone());
        part(Stream::Stdout, &time, text, is_partial).map(Some)
    }
}

fn split_time(bytes: &[u8]) -> Result<(String, &[u8])> {
    let space = memchr::memchr(b' ', bytes).ok_or_else(|| broken("a line has no time"))?;
    Ok((String::from_utf8_lossy(&bytes[..space]).into_owned(), &bytes[space + 1..]))
}

fn part(stream: Stream, time: &str, text: &[u8], is_partial: bool) -> Result<Part> {
    let nanos = cri::nanos(time).ok_or_else(|| broken("a line does not begin with a time"))?;
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let mut line = format!("{time} {} {} ", stream.name(), if is_partial { "P" } else { "F" }).into_bytes();
    // A newline within would end the line.
    line.extend(text.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }));
    line.push(b'\n');
    Ok(Part { stream, nanos, line })
}

fn broken(reason: &str) -> Error {
    Error::unavailable(format!("Docker's log stream cannot be read: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, text: &str) -> Vec<u8> {
        let mut frame = vec![kind, 0, 0, 0];
        frame.extend_from_slice(&u32::try_from(text.len()).unwrap().to_be_bytes());
        frame.extend_from_slice(text.as_bytes());
        frame
    }

    /// The lines of a stream that arrives in pieces of `size` bytes.
    fn lines(has_terminal: bool, bytes: &[u8], size: usize) -> Vec<String> {
        let mut decoder = Decoder::new(has_terminal);
        let mut lines = Vec::new();
        for piece in bytes.chunks(size) {
            decoder.add(piece);
            while let Some(part) = decoder.next_part().unwrap() {
                lines.push(String::from_utf8(part.line).unwrap());
            }
        }
        lines
    }

    #[test]
    fn frames_become_lines_however_they_arrive() {
        let bytes = [
            frame(1, "2026-11-29T10:00:00.1Z one\n"),
            frame(2, "2026-11-29T10:00:00.2Z par"),
            frame(2, "2026-11-29T10:00:00.2Z tial\n"),
            frame(1, "2026-11-29T10:00:00.3Z \n"),
        ]
        .concat();
        for size in [1, 7, 1000] {
            let expected = [
                "2026-11-29T10:00:00.1Z stdout F one\n",
                "2026-11-29T10:00:00.2Z stderr P par\n",
                "2026-11-29T10:00:00.2Z stderr F tial\n",
                "2026-11-29T10:00:00.3Z stdout F \n",
            ];
            assert_eq!(lines(false, &bytes, size), expected);
        }
    }

    #[test]
    fn lines_of_a_terminal_have_one_stream_and_a_bound() {
        let long = "x".repeat(LINE_BYTES + 10);
        let text = format!("2026-11-29T10:00:00Z one\r\n2026-11-29T10:00:01Z {long}\r\n");
        let found = lines(true, text.as_bytes(), 1000);
        assert_eq!(found[0], "2026-11-29T10:00:00Z stdout F one\r\n");
        assert!(found[1].starts_with("2026-11-29T10:00:01Z stdout P xxx") && found[1].len() < LINE_BYTES + 20);
        assert!(found[2].starts_with("2026-11-29T10:00:01Z stdout F xxx") && found[2].ends_with("x\r\n"));
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn other_formats_are_refused() {
        for (bytes, reason) in [
            (b"2026-11-29T10:00:00Z x\n".to_vec(), "header"),
            (vec![1, 0, 0, 0, 255, 0, 0, 0], "1 MiB"),
            (frame(7, "2026-11-29T10:00:00Z x\n"), "stream"),
            (frame(1, "x"), "no time"),
            (frame(1, "no time\n"), "begin with a time"),
            (frame(1, "2026-11-29T10:00:00Z\n x\n"), "begin with a time"),
        ] {
            let mut decoder = Decoder::new(false);
            decoder.add(&bytes);
            let error = decoder.next_part().unwrap_err().message;
            assert!(error.contains(reason), "{error}");
        }
    }
}
