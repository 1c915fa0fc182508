//! Common parts of protocols over byte streams.

use bytes::{Buf as _, BytesMut};
use model::{Text, Value};
use pipeline::normalise::RawRecord;

/// The size limit of one message, in bytes, for protocols without a limit of their own.
pub const MESSAGE_BYTES: usize = 2 << 20;

/// The records decoded from a stream so far.
#[derive(Debug, Default)]
pub struct Frame {
    pub records: Vec<RawRecord>,
    /// The first few reasons why messages were refused.
    pub reasons: Vec<String>,
    /// The number of refused messages.
    pub refused: usize,
    /// The answer to send when the records are durable.
    pub answer: Vec<u8>,
    /// The idempotency key, if the client can resend the frame. The frame then holds exactly the records of that key.
    pub name: Option<[u8; 32]>,
    /// The approximate memory size of the records, in bytes.
    pub weight: usize,
    /// Whether the frame accepts no more, even if there is space.
    pub closed: bool,
}

impl Frame {
    /// The number of reasons kept; further refusals are only counted.
    const REASONS: usize = 8;
    /// The number of records at which a frame is submitted.
    pub const RECORDS: usize = 1_000;
    /// The weight at which a frame is submitted.
    pub const WEIGHT: usize = 1 << 20;

    /// Whether the frame is submitted before more is read.
    pub fn is_full(&self) -> bool {
        self.closed || self.records.len() >= Self::RECORDS || self.weight >= Self::WEIGHT
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.refused == 0 && self.answer.is_empty()
    }

    /// Appends another frame.
    pub fn append(&mut self, other: Self) {
        self.records.extend(other.records);
        let room = Self::REASONS.saturating_sub(self.reasons.len());
        self.reasons.extend(other.reasons.into_iter().take(room));
        self.refused += other.refused;
        self.answer.extend(other.answer);
        self.name = self.name.take().or(other.name);
        self.weight += other.weight;
        self.closed |= other.closed;
    }

    /// Adds a record, or counts a refusal.
    pub fn take(&mut self, read: Result<RawRecord, String>) {
        match read {
            Ok(record) => {
                self.weight += weight(&record);
                self.records.push(record);
            }
            Err(reason) => {
                self.refused += 1;
                if self.reasons.len() < Self::REASONS {
                    self.reasons.push(reason);
                }
            }
        }
    }
}

/// The approximate memory size of a record, in bytes.
fn weight(record: &RawRecord) -> usize {
    let text = |value: &Value| if let Value::Text(text) = value { text.len() } else { 0 };
    let attributes = record.attributes.iter();
    let attributes: usize = attributes.map(|(key, value)| size_of::<(Text, Value)>() + key.len() + text(value)).sum();
    size_of::<RawRecord>() + record.message.len() + attributes
}

/// Whether a client has proven a secret of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The protocol asks for none.
    Unneeded,
    /// Nothing else is read before.
    Awaited,
    Given,
}

/// A decoder of a byte stream.
pub trait Protocol: Send {
    /// The bytes that the server sends when a connection begins.
    fn greeting(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// Whether the client has proven a secret so far.
    fn proof(&self) -> Proof {
        Proof::Unneeded
    }

    /// Consumes whole messages from the front of `bytes`, until there is none or the frame is full. The remaining
    /// bytes are the start of a message.
    ///
    /// # Errors
    /// The reason why the rest of the stream cannot be read.
    fn read(&mut self, bytes: &mut BytesMut, frame: &mut Frame) -> Result<(), String>;

    /// Handles the remaining bytes at the end of the stream.
    fn end(&mut self, bytes: &mut BytesMut, frame: &mut Frame) {
        cut_off(bytes, frame);
    }
}

/// Refuses a message that the end of the stream cut off.
pub(crate) fn cut_off(bytes: &mut BytesMut, frame: &mut Frame) {
    if !bytes.is_empty() {
        frame.take(Err(format!("the connection ended in the middle of a message, after {} bytes of it", bytes.len())));
        bytes.clear();
    }
}

/// Finds the ends of delimited messages without scanning bytes twice.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ends {
    seen: usize,
}

impl Ends {
    /// Takes the first message off the front, without its delimiter, which `find` searches in the bytes not yet
    /// scanned. `None` while it is incomplete.
    ///
    /// # Errors
    /// The message is too long.
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

/// The error for a message that is too long.
pub(crate) fn too_long(limit: usize) -> String {
    format!("a message is longer than {limit} bytes; send it in parts")
}

/// Feeds a protocol the bytes in pieces of the given lengths, repeated.
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
            all.append(frame);
            if !full {
                break;
            }
        }
    }
    let mut frame = Frame::default();
    protocol.end(&mut buffer, &mut frame);
    all.append(frame);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_full_by_the_weight_of_its_records() {
        let mut frame = Frame::default();
        while !frame.is_full() {
            frame.take(Ok(RawRecord { message: "x".repeat(300 << 10), ..RawRecord::default() }));
        }
        assert_eq!(frame.records.len(), 4);
    }
}
