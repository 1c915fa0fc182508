//! Protocols over a stream of bytes: what they have in common.

use bytes::{Buf as _, BytesMut};
use pipeline::normalise::RawRecord;

/// The bytes of one message of a stream, where the protocol has no bound of its own.
pub const MESSAGE_BYTES: usize = 2 << 20;

/// What has come so far of a stream, as records.
#[derive(Debug, Default)]
pub struct Frame {
    pub records: Vec<RawRecord>,
    /// Why messages were refused, the first few of them.
    pub reasons: Vec<String>,
    /// How many were refused.
    pub refused: usize,
    /// What to answer once the records are durable.
    pub answer: Vec<u8>,
}

impl Frame {
    /// The reasons that are kept; past it refusals are only counted.
    const REASONS: usize = 8;
    /// The records after which a frame is handed on, though more have come.
    pub const RECORDS: usize = 1_000;

    pub fn is_full(&self) -> bool {
        self.records.len() >= Self::RECORDS
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.refused == 0 && self.answer.is_empty()
    }

    /// Adds a record, or counts that it was refused.
    pub fn take(&mut self, read: Result<RawRecord, String>) {
        match read {
            Ok(record) => self.records.push(record),
            Err(reason) => {
                self.refused += 1;
                if self.reasons.len() < Self::REASONS {
                    self.reasons.push(reason);
                }
            }
        }
    }
}

/// A protocol's place in its stream.
pub trait Protocol: Send {
    /// Takes whole messages off the front of `bytes`, until there is none or the frame is
    /// full. What is left is the beginning of a message.
    ///
    /// # Errors
    /// The reason why nothing can be read from here on.
    fn read(&mut self, bytes: &mut BytesMut, frame: &mut Frame) -> Result<(), String>;

    /// Takes what the stream has ended with, if a message may end so.
    fn end(&mut self, bytes: &mut BytesMut, frame: &mut Frame) {
        cut_off(bytes, frame);
    }
}

/// Refuses what a stream has ended with in the middle of a message.
pub(crate) fn cut_off(bytes: &mut BytesMut, frame: &mut Frame) {
    if !bytes.is_empty() {
        frame.take(Err(format!("the connection ended in the middle of a message, after {} bytes of it", bytes.len())));
        bytes.clear();
    }
}

/// Finds the ends of messages that end with a byte, going over no byte twice.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ends {
    seen: usize,
}

impl Ends {
    /// Takes the first message off the front, without its end, which `find` looks for in what
    /// was not looked through; `None` where it has not come.
    ///
    /// # Errors
    /// It is too long.
    pub(crate) fn next(
        &mut self,
        bytes: &mut BytesMut,
        find: impl FnOnce(&[u8]) -> Option<usize>,
    ) -> Result<Option<BytesMut>, String> {
        let Some(end) = find(bytes.get(self.seen..).unwrap_or_default()) else {
            self.seen = bytes.len();
            return if bytes.len() > MESSAGE_BYTES { Err(too_long(MESSAGE_BYTES)) } else { Ok(None) };
        };
        let message = bytes.split_to(self.seen + end);
        bytes.advance(1);
        self.seen = 0;
        Ok(Some(message))
    }
}

/// The error about a message that is too long.
pub(crate) fn too_long(limit: usize) -> String {
    format!("a message is longer than {limit} bytes; send it in parts")
}

/// Feeds a protocol the bytes in pieces of the given lengths, over and over.
#[cfg(test)]
pub(crate) fn feed(protocol: &mut dyn Protocol, bytes: &[u8], pieces: &[usize]) -> Result<Frame, String> {
    let mut all = Frame::default();
    let mut buffer = BytesMut::new();
    let mut rest = bytes;
    for piece in pieces.iter().map(|piece| (*piece).max(1)).chain(std::iter::repeat(1 << 20)) {
        if rest.is_empty() {
            break;
        }
        let (now, later) = rest.split_at(piece.min(rest.len()));
        buffer.extend_from_slice(now);
        rest = later;
        loop {
            let mut frame = Frame::default();
            protocol.read(&mut buffer, &mut frame)?;
            let full = frame.is_full();
            merge(&mut all, frame);
            if !full {
                break;
            }
        }
    }
    let mut frame = Frame::default();
    protocol.end(&mut buffer, &mut frame);
    merge(&mut all, frame);
    Ok(all)
}

#[cfg(test)]
fn merge(all: &mut Frame, frame: Frame) {
    all.records.extend(frame.records);
    all.reasons.extend(frame.reasons);
    all.refused += frame.refused;
    all.answer.extend(frame.answer);
}
