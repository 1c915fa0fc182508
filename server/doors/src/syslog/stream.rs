//! Syslog over byte streams.

use bytes::{Buf as _, BytesMut};

use super::Reader;
use crate::stream::{Ends, Frame, MESSAGE_BYTES, Protocol, cut_off, too_long};

/// The decoder of a stream of messages, framed by a length prefix (RFC 6587) or a newline.
#[derive(Debug, Clone)]
pub struct Stream {
    reader: Reader,
    ends: Ends,
    /// Whether messages of this connection end with a zero byte. Newlines are then part of them.
    zero_ended: bool,
}

impl Stream {
    pub fn new(reader: Reader) -> Self {
        Self { reader, ends: Ends::default(), zero_ended: false }
    }
}

/// The framing of a message.
enum Framing {
    /// `length` bytes after a length prefix of `header` bytes.
    Counted {
        header: usize,
        length: usize,
    },
    Line,
    /// More bytes are needed to decide.
    Unknown,
}

fn framing(bytes: &[u8]) -> Framing {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match bytes.get(digits) {
        None if digits < 8 => Framing::Unknown,
        Some(b' ') if (1..8).contains(&digits) && bytes[0] != b'0' => {
            // A line of text may also start with a number.
            match bytes.get(digits + 1) {
                None => return Framing::Unknown,
                Some(b'<') => {}
                Some(_) => return Framing::Line,
            }
            let length = std::str::from_utf8(&bytes[..digits]).ok().and_then(|digits| digits.parse().ok());
            length.map_or(Framing::Line, |length| Framing::Counted { header: digits + 1, length })
        }
        _ => Framing::Line,
    }
}

impl Protocol for Stream {
    fn read(&mut self, bytes: &mut BytesMut, frame: &mut Frame) -> Result<(), String> {
        while !frame.is_full() && !bytes.is_empty() {
            match framing(bytes) {
                Framing::Unknown => return Ok(()),
                Framing::Counted { length, .. } if length > MESSAGE_BYTES => return Err(too_long(MESSAGE_BYTES)),
                Framing::Counted { header, length } => {
                    let Some(message) = bytes.get(header..header + length) else { return Ok(()) };
                    frame.take(Ok(self.reader.record(message)));
                    bytes.advance(header + length);
                }
                Framing::Line => {
                    let zero_ended = &mut self.zero_ended;
                    let end = |rest: &[u8]| {
                        *zero_ended = *zero_ended || memchr::memchr(b'\0', rest).is_some();
                        memchr::memchr(if *zero_ended { b'\0' } else { b'\n' }, rest)
                    };
                    let Some(message) = self.ends.next(bytes, end)? else { return Ok(()) };
                    if !message.trim_ascii().is_empty() {
                        frame.take(Ok(self.reader.record(&message)));
                    }
                }
            }
        }
        Ok(())
    }

    fn end(&mut self, bytes: &mut BytesMut, frame: &mut Frame) {
        if matches!(framing(bytes), Framing::Line) && !bytes.trim_ascii().is_empty() {
            frame.take(Ok(self.reader.record(bytes)));
            bytes.clear();
        } else {
            cut_off(bytes, frame);
        }
    }
}
