//! Scans the frames of a segment, and resynchronises after a damaged area.

use std::{io, ops::RangeInclusive};

use super::frame::{Frame, HEADER_BYTES, PAYLOAD_BYTES};
use crate::filesystem::File;

/// The size of one read in bytes.
const CHUNK_BYTES: usize = 1 << 20;

/// The next piece of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Frame {
        frame: Frame,
        offset: u64,
    },
    /// Bytes in place of the frames `first..=last` that fail verification.
    Lost {
        first: u64,
        last: u64,
        offset: u64,
        bytes: u64,
    },
}

/// A scan over the frames of one segment in number order, without gaps.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    window: Window<'a>,
    salt: u64,
    /// The number of the frame expected at `offset`.
    next: u64,
    offset: u64,
    /// The end of the bytes.
    end: u64,
    /// The last frame, if known: frames missing up to it are lost.
    last: Option<u64>,
}

impl<'a> Walk<'a> {
    /// Starts at the frame `next`, which is at `offset`.
    pub(super) fn new(file: &'a dyn File, salt: u64, next: u64, offset: u64, end: u64, last: Option<u64>) -> Self {
        Self { window: Window { file, start: 0, bytes: Vec::new() }, salt, next, offset, end, last }
    }

    /// The next piece; `None` at the end: after `last` if it is known, otherwise when no further frame is found.
    pub(super) fn next(&mut self) -> io::Result<Option<Piece>> {
        if self.last.is_some_and(|last| self.next > last) {
            return Ok(None);
        }
        let offset = self.offset;
        if let Some(frame) = self.verified(offset)?.filter(|frame| frame.number == self.next) {
            self.offset += frame.bytes();
            self.next += 1;
            return Ok(Some(Piece::Frame { frame, offset }));
        }
        let first = self.next;
        match (self.search()?, self.last) {
            (Some((found, number)), _) => {
                (self.offset, self.next) = (found, number);
                Ok(Some(Piece::Lost { first, last: number - 1, offset, bytes: found - offset }))
            }
            (None, Some(last)) => {
                self.next = last + 1;
                Ok(Some(Piece::Lost { first, last, offset, bytes: self.end.saturating_sub(offset) }))
            }
            (None, None) => Ok(None),
        }
    }

    /// Up to `length` bytes at `offset`; fewer at the end.
    pub(super) fn bytes(&mut self, offset: u64, length: usize) -> io::Result<&[u8]> {
        let length = length.min(usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX));
        self.window.slice(offset, length)
    }

    /// The payload of the frame at `offset`.
    pub(super) fn payload(&mut self, frame: &Frame, offset: u64) -> io::Result<&[u8]> {
        self.bytes(offset + HEADER_BYTES as u64, frame.length)
    }

    /// The frame at `offset`, if it passes verification.
    fn verified(&mut self, offset: u64) -> io::Result<Option<Frame>> {
        let Some(frame) = Frame::parse(self.bytes(offset, HEADER_BYTES)?) else { return Ok(None) };
        let salt = self.salt;
        let payload = self.payload(&frame, offset)?;
        Ok(frame.verifies(salt, payload).then_some(frame))
    }

    /// The offset and number of the first valid frame after the current offset.
    fn search(&mut self) -> io::Result<Option<(u64, u64)>> {
        let fit = self.end.saturating_sub(self.offset) / HEADER_BYTES as u64;
        let numbers = self.next.saturating_add(1)..=self.last.unwrap_or(self.next.saturating_add(fit));
        let mut from = self.offset + 1;
        while from + HEADER_BYTES as u64 <= self.end {
            let bytes = self.bytes(from, CHUNK_BYTES)?;
            let passed = bytes.len().saturating_sub(HEADER_BYTES - 1) as u64;
            if passed == 0 {
                break;
            }
            for place in candidates(bytes, &numbers) {
                if let Some(frame) = self.verified(from + place)? {
                    return Ok(Some((from + place, frame.number)));
                }
            }
            from += passed;
        }
        Ok(None)
    }
}

/// The offsets whose bytes could be the header of a frame with one of the numbers.
fn candidates(bytes: &[u8], numbers: &RangeInclusive<u64>) -> Vec<u64> {
    let header_at = |(place, header): (usize, &[u8])| {
        let frame = Frame::parse(header)?;
        (numbers.contains(&frame.number) && frame.length <= PAYLOAD_BYTES).then_some(place as u64)
    };
    bytes.windows(HEADER_BYTES).enumerate().filter_map(header_at).collect()
}

/// A section of the file in memory.
#[derive(Debug)]
struct Window<'a> {
    file: &'a dyn File,
    start: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    /// The bytes at `offset`; fewer than `length` at the end of the file.
    fn slice(&mut self, offset: u64, length: usize) -> io::Result<&[u8]> {
        let held = self.start..self.start + self.bytes.len() as u64;
        if !held.contains(&offset) || offset + length as u64 > held.end {
            self.bytes.resize(length.max(CHUNK_BYTES), 0);
            // On an error the window is emptied, so that it never holds bytes of another offset.
            let read = self.file.read_full_at(&mut self.bytes, offset).inspect_err(|_| self.bytes.clear())?;
            self.bytes.truncate(read);
            self.start = offset;
        }
        let from = (offset - self.start) as usize;
        let to = (from + length).min(self.bytes.len());
        Ok(self.bytes.get(from..to).unwrap_or_default())
    }
}
