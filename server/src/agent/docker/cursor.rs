//! How far the log of one container was read.
//!
//! The API has no offsets, only times. Several lines may have the same time, and the times of a stream fall when the
//! clock of the machine is set back. So a cursor has the newest time of a stream, the number of lines with it, and the
//! number of lines after these. It has one such mark for each stream, because lines of two streams may be a little out
//! of order.
//!
//! A log is read again from a little before the newest time. Docker's own drivers then skip only the lines before the
//! first one that is new enough (<https://github.com/moby/moby>, `daemon/logger/loggerutils`, `forwarder.Do`); older
//! versions and others compare each line. While the clock is behind the newest time, only the whole log has all lines.

use doors::cri::{self, Stream};
use serde::{Deserialize, Serialize};

/// How far before the newest line a log is read again: much more than two streams can be out of order, in nanoseconds.
const OVERLAP: i64 = 10_000_000_000;

/// One value for each stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Streams<T> {
    stdout: T,
    stderr: T,
}

impl<T> Streams<T> {
    fn of(&mut self, stream: Stream) -> &mut T {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }
}

/// A position in the log of a container. The default is its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor(Streams<Option<Mark>>);

/// The lines of a stream that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    /// The newest time, in nanoseconds since the Unix epoch.
    time: i64,
    /// The lines with this time.
    lines: u64,
    /// The lines after these. All have smaller times: the clock was set back. Checkpoints of older programs have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    later: Option<Later>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Later {
    lines: u64,
    /// The time of the last line.
    time: i64,
}

impl Cursor {
    /// Moves over a line.
    pub(super) fn advance(&mut self, stream: Stream, nanos: i64) {
        let mark = self.0.of(stream);
        match mark {
            Some(mark) if nanos < mark.time => {
                let lines = mark.later.map_or(0, |later| later.lines);
                mark.later = Some(Later { lines: lines + 1, time: nanos });
            }
            Some(mark) if nanos == mark.time => {
                mark.lines += 1;
                mark.later = None;
            }
            _ => *mark = Some(Mark { time: nanos, lines: 1, later: None }),
        }
    }

    /// Moves over lines of the CRI's format.
    pub(super) fn advance_over(&mut self, text: &[u8]) {
        cri::lines(text).for_each(|line| self.advance(line.stream, line.nanos));
    }

    /// The time from which on the log is read again, in nanoseconds since the Unix epoch. 0 is the whole log, which
    /// needs a [`Scan`] first. `now` is the time of the clock: if it was set back, a driver that compares each line
    /// would leave out new ones.
    pub(super) fn since(&self, now: i64) -> i64 {
        let marks = [self.0.stdout, self.0.stderr].into_iter().flatten();
        let newest = marks.clone().map(|mark| mark.time).max().unwrap_or_default();
        let since = newest.saturating_sub(OVERLAP).max(0);
        let was_set_back = since > now || marks.clone().any(|mark| mark.later.is_some());
        if was_set_back { 0 } else { since }
    }

    /// Whether nothing was read.
    pub(super) fn is_start(&self) -> bool {
        *self == Self::default()
    }
}

/// Tells the lines after a cursor from those before it, in a log that is read again.
#[derive(Debug)]
pub(super) struct Resume(Streams<Option<Old>>);

/// The lines of a stream that come again.
#[derive(Debug, Clone, Copy)]
struct Old {
    /// Lines with a newer time were not read. They come first if the marked ones were deleted.
    newest: i64,
    /// The marked time, and how many lines with it are to come.
    time: i64,
    lines: u64,
    /// How many lines follow these.
    later: u64,
}

impl Old {
    fn new(mark: Mark) -> Self {
        let Mark { time, lines, later } = mark;
        Self { newest: time, time, lines, later: later.map_or(0, |later| later.lines) }
    }
}

impl Resume {
    /// For a log without its oldest lines, up to [`Cursor::since`].
    pub(super) fn new(cursor: Cursor) -> Self {
        let Streams { stdout, stderr } = cursor.0;
        Self(Streams { stdout: stdout.map(Old::new), stderr: stderr.map(Old::new) })
    }

    /// Whether the line is after the cursor. All later lines of its stream are, too, whatever their times.
    pub(super) fn is_new(&mut self, stream: Stream, nanos: i64) -> bool {
        let old = self.0.of(stream);
        match old {
            Some(old) if nanos <= old.newest && old.lines > 0 => {
                old.lines -= u64::from(nanos == old.time);
                false
            }
            Some(old) if nanos <= old.newest && old.later > 0 => {
                old.later -= 1;
                false
            }
            _ => {
                *old = None;
                true
            }
        }
    }
}

/// Looks for the marked lines in the whole log, before it is read. Without this, all lines up to the newest time would
/// be taken for old if the marked ones were deleted, and with a clock that was set back these are new lines.
#[derive(Debug)]
pub(super) struct Scan {
    cursor: Cursor,
    found: Streams<Found>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Found {
    /// Lines with the newest time.
    marked: u64,
    /// Lines with the time of the last line.
    last: u64,
}

impl Scan {
    pub(super) fn new(cursor: Cursor) -> Self {
        Self { cursor, found: Streams::default() }
    }

    /// Counts a line.
    pub(super) fn add(&mut self, stream: Stream, nanos: i64) {
        let Some(mark) = *self.cursor.0.of(stream) else { return };
        let found = self.found.of(stream);
        found.marked += u64::from(nanos == mark.time);
        found.last += u64::from(mark.later.is_some_and(|later| later.time == nanos));
    }

    /// Whether all marked lines were found, so the rest of the log need not be looked at.
    pub(super) fn is_done(&mut self) -> bool {
        Stream::ALL.into_iter().all(|stream| {
            let found = self.found.of(stream).marked;
            self.cursor.0.of(stream).is_none_or(|mark| found >= mark.lines)
        })
    }

    /// For the same log.
    pub(super) fn resume(self) -> Resume {
        let Streams { stdout, stderr } = self.cursor.0;
        let old = |mark: Option<Mark>, found: Found| match mark? {
            mark if found.marked > 0 => Some(Old::new(Mark { lines: mark.lines.min(found.marked), ..mark })),
            // They were deleted. The last line that was read may still be there; without it, all lines are new.
            Mark { time: newest, later: Some(Later { time, .. }), .. } if found.last > 0 => {
                Some(Old { newest, time, lines: found.last, later: 0 })
            }
            _ => None,
        };
        Resume(Streams { stdout: old(stdout, self.found.stdout), stderr: old(stderr, self.found.stderr) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Stream::{Stderr, Stdout};

    type Log<'a> = &'a [(Stream, i64)];

    fn cursor(read: Log<'_>) -> Cursor {
        let mut cursor = Cursor::default();
        read.iter().for_each(|(stream, nanos)| cursor.advance(*stream, *nanos));
        // As in a checkpoint.
        serde_json::from_str(&serde_json::to_string(&cursor).unwrap()).unwrap()
    }

    fn scanned(cursor: Cursor, log: Log<'_>) -> Resume {
        let mut scan = Scan::new(cursor);
        for (stream, nanos) in log {
            if scan.is_done() {
                break;
            }
            scan.add(*stream, *nanos);
        }
        scan.resume()
    }

    fn rest(mut resume: Resume, log: Log<'_>) -> Vec<(Stream, i64)> {
        log.iter().copied().filter(|(stream, nanos)| resume.is_new(*stream, *nanos)).collect()
    }

    fn stdout(times: impl IntoIterator<Item = i64>) -> Vec<(Stream, i64)> {
        times.into_iter().map(|time| (Stdout, time)).collect()
    }

    #[test]
    fn a_log_that_is_read_again_goes_on_after_any_line() {
        for (case, log) in [
            (
                "times repeat, and the streams are out of order",
                vec![
                    (Stdout, 1),
                    (Stdout, 5),
                    (Stderr, 4),
                    (Stdout, 5),
                    (Stderr, 4),
                    (Stdout, 5),
                    (Stdout, 6),
                    (Stderr, 5),
                ],
            ),
            ("the clock was set back", stdout((100..110).chain(50..65))),
            ("it was set back, and has caught up", stdout((100..105).chain(95..110))),
            ("it was set back twice", stdout((100..105).chain(50..55).chain(20..120))),
            ("it was set forward, and back", stdout([1, 2, 1000, 1001, 3, 4, 5])),
            ("times repeat before and after", stdout([5, 5, 3, 3, 5, 5, 4, 4, 5, 3])),
            (
                "it was set back between lines of both streams",
                vec![(Stdout, 100), (Stderr, 101), (Stderr, 50), (Stdout, 51), (Stdout, 52), (Stderr, 53)],
            ),
        ] {
            for read in 0..=log.len() {
                let cursor = cursor(&log[..read]);
                assert_eq!(rest(Resume::new(cursor), &log), log[read..], "{case}, after {read} lines");
                assert_eq!(rest(scanned(cursor, &log), &log), log[read..], "{case}, scanned, after {read} lines");
            }
        }
    }

    #[test]
    fn a_log_whose_oldest_lines_were_deleted_goes_on_also_if_the_clock_was_set_back() {
        let log = stdout((100..105).chain(50..55));
        for read in 0..=log.len() {
            for deleted in 0..=read {
                let left = &log[deleted..];
                let found = rest(scanned(cursor(&log[..read]), left), left);
                assert_eq!(found, log[read..], "after {read} lines, of which {deleted} were deleted");
            }
        }
        // With a clock that grows, no scan is needed.
        assert_eq!(rest(Resume::new(cursor(&log[..3])), &log[3..5]), log[3..5]);
    }

    #[test]
    fn the_log_is_read_from_a_little_before_the_newest_line_or_whole_while_the_clock_is_behind() {
        const SECOND: i64 = 1_000_000_000;
        let mut cursor = Cursor::default();
        assert!(cursor.is_start());
        assert_eq!(cursor.since(20 * SECOND), 0);
        cursor.advance_over(b"1970-01-01T00:00:20.5Z stderr F x\n1970-01-01T00:00:10Z stdout F x\n");
        assert!(!cursor.is_start());
        for (now, since) in [(21 * SECOND, 10 * SECOND + SECOND / 2), (11 * SECOND, 10 * SECOND + SECOND / 2)] {
            assert_eq!(cursor.since(now), since, "at {now}");
        }
        assert_eq!(cursor.since(9 * SECOND), 0, "the clock was set back while nobody read");
        cursor.advance_over(b"1970-01-01T00:00:09Z stdout F x\n");
        assert_eq!(cursor.since(30 * SECOND), 0, "the clock was set back while the log was read");
        cursor.advance_over(b"1970-01-01T00:00:25Z stdout F x\n");
        assert_eq!(cursor.since(30 * SECOND), 15 * SECOND, "the clock has caught up");
    }

    #[test]
    fn a_checkpoint_of_an_older_program_is_read() {
        let old: Cursor = serde_json::from_str(r#"{"stdout":{"time":5,"lines":2},"stderr":null}"#).unwrap();
        assert_eq!(old, cursor(&stdout([5, 5])));
        assert_eq!(serde_json::to_string(&old).unwrap(), r#"{"stdout":{"time":5,"lines":2},"stderr":null}"#);
    }
}
