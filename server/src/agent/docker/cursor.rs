//! How far the log of one container was read.
//!
//! The API has no offsets, only times, and several lines may have the same time. So a cursor has a time and the number
//! of lines with it. It has one for each stream: the times of one stream grow, but lines of two streams may be a little
//! out of order.

use serde::{Deserialize, Serialize};

use crate::files::{Stream, cri_lines};

/// How far before the newest line a log is read again: much more than two streams can be out of order, in nanoseconds.
const OVERLAP: i64 = 10_000_000_000;

/// A position in the log of a container. The default is its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    stdout: Option<Mark>,
    stderr: Option<Mark>,
}

/// The last line of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    /// Nanoseconds since the Unix epoch.
    time: i64,
    /// The lines with this time, up to this one.
    lines: u64,
}

impl Cursor {
    /// Moves over a line.
    pub(super) fn advance(&mut self, stream: Stream, nanos: i64) {
        let mark = self.mark(stream);
        match mark {
            Some(mark) if mark.time == nanos => mark.lines += 1,
            _ => *mark = Some(Mark { time: nanos, lines: 1 }),
        }
    }

    /// Moves over lines of the CRI's format.
    pub(super) fn advance_over(&mut self, text: &[u8]) {
        cri_lines(text).for_each(|line| self.advance(line.stream, line.nanos));
    }

    /// The parameter `since`, in seconds with a fraction; the log is read from this time on.
    pub(super) fn since(&self) -> String {
        let newest = [self.stdout, self.stderr].into_iter().flatten().map(|mark| mark.time).max();
        let since = newest.map_or(0, |newest| newest.saturating_sub(OVERLAP).max(0));
        format!("{}.{:09}", since / 1_000_000_000, since % 1_000_000_000)
    }

    fn mark(&mut self, stream: Stream) -> &mut Option<Mark> {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }
}

/// Tells the lines after a cursor from those before it, in a log that is read again.
#[derive(Debug)]
pub(super) struct Resume(Cursor);

impl Resume {
    pub(super) fn new(cursor: Cursor) -> Self {
        Self(cursor)
    }

    /// Whether the line is after the cursor. All later lines of its stream are, too.
    pub(super) fn is_new(&mut self, stream: Stream, nanos: i64) -> bool {
        let mark = self.0.mark(stream);
        match mark {
            Some(known) if nanos < known.time => false,
            Some(known) if nanos == known.time && known.lines > 0 => {
                known.lines -= 1;
                false
            }
            _ => {
                *mark = None;
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Stream::{Stderr, Stdout};

    #[test]
    fn a_log_that_is_read_again_goes_on_after_any_line() {
        // Times repeat, and the streams are out of order.
        let log =
            [(Stdout, 1), (Stdout, 5), (Stderr, 4), (Stdout, 5), (Stderr, 4), (Stdout, 5), (Stdout, 6), (Stderr, 5)];
        for read in 0..=log.len() {
            let mut cursor = Cursor::default();
            log[..read].iter().for_each(|(stream, nanos)| cursor.advance(*stream, *nanos));
            let json = serde_json::to_string(&cursor).unwrap();
            let mut resume = Resume::new(serde_json::from_str(&json).unwrap());
            let rest: Vec<_> = log.into_iter().filter(|(stream, nanos)| resume.is_new(*stream, *nanos)).collect();
            assert_eq!(rest, log[read..], "after {read} lines");
        }
    }

    #[test]
    fn the_log_is_read_from_a_little_before_the_newest_line() {
        assert_eq!(Cursor::default().since(), "0.000000000");
        let mut cursor = Cursor::default();
        cursor.advance_over(b"2026-11-29T10:00:20.5Z stderr F x\n2026-11-29T10:00:10Z stdout F x\n");
        // 2026-11-29T10:00:10.5Z
        assert_eq!(cursor.since(), "1795946410.500000000");
    }
}
