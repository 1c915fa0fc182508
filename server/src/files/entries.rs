//! From bytes of a source to the texts of records.
//!
//! The unit is a range of complete lines. [`Format::complete`] chooses its end so that no record spans it;
//! [`Format::entries`] splits it. Both group lines in the same way, so a range that is read again has the same records.

use doors::cri::{self, CriLine, Stream};

use super::multiline::{Multiline, RECORD_BYTES, RECORD_LINES, State};

/// The most bytes of a line; a longer one is split. A window of this size without a complete record is split as well.
pub(crate) const LINE_BYTES: usize = 1 << 20;
/// A stream of a container that was silent for so long, in nanoseconds, has ended its record.
const SILENCE: i64 = 1_000_000_000;

/// How lines become records.
#[derive(Debug, Clone, Default)]
pub(crate) struct Format {
    /// Lines are those of container runtimes; any other line is a text of its own.
    pub(crate) is_cri: bool,
    pub(crate) multiline: Option<Multiline>,
}

/// The text of one record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) text: Vec<u8>,
    /// The time of its first line, where the runtime wrote one.
    pub(crate) time: Option<String>,
    pub(crate) stream: Option<Stream>,
}

/// Lines of one record, and where they are.
struct Group {
    entry: Entry,
    start: usize,
    end: usize,
    lines: usize,
    /// The last line continues in the next one of its stream.
    is_partial: bool,
    state: State,
    nanos: Option<i64>,
    /// No later line can belong to it.
    is_closed: bool,
}

impl Format {
    /// Whether each line is a record by itself.
    pub(crate) fn is_lines(&self) -> bool {
        !self.is_cri && self.multiline.is_none()
    }

    /// The length of the first complete records: `most` of them, or a few more where records are interleaved.
    /// `is_quiet`: nothing was appended for a while, so the last record is complete.
    pub(crate) fn complete(&self, bytes: &[u8], most: usize, is_quiet: bool) -> usize {
        // A line that is too long is split, and ends the record before it.
        let (bytes, is_quiet) = match before_long_line(bytes) {
            Some(0) => return LINE_BYTES,
            Some(length) => (&bytes[..length], true),
            None => (bytes, is_quiet),
        };
        let ends = memchr::memchr_iter(b'\n', bytes);
        let last = if self.is_lines() { ends.take(most).last() } else { memchr::memrchr(b'\n', bytes) };
        let Some(lines) = last.map(|last| last + 1) else { return 0 };
        if self.is_lines() {
            return lines;
        }
        let groups = self.group(&bytes[..lines]);
        let is_open = |group: &&Group| !is_quiet && !self.is_complete(group, &groups);
        let open = groups.iter().filter(is_open).map(|group| group.start).min().unwrap_or(lines);
        let (mut complete, mut end) = (0, 0);
        for (index, group) in groups.iter().enumerate() {
            end = end.max(group.end);
            let next = groups.get(index + 1).map_or(lines, |group| group.start);
            if end > next || next > open {
                continue;
            }
            // No record spans this place.
            complete = next;
            if index + 1 >= most {
                break;
            }
        }
        if complete == 0 && bytes.len() >= LINE_BYTES { lines } else { complete }
    }

    /// The records of complete lines, in the order of their first lines.
    pub(crate) fn entries(&self, text: &[u8]) -> Vec<Entry> {
        self.group(text).into_iter().map(|group| group.entry).collect()
    }

    fn is_complete(&self, group: &Group, all: &[Group]) -> bool {
        let is_whole = self.multiline.is_none() && !group.is_partial;
        // Only by lines after it: those before it have newer times if the clock was set back. At most three records, one
        // for each stream, come to this.
        let is_silent = || {
            let later = all.iter().filter(|other| other.end > group.end).filter_map(|other| other.nanos).max();
            matches!((group.nanos, later), (Some(last), Some(later)) if later - last > SILENCE)
        };
        group.is_closed || is_whole || group.is_full(0) || is_silent()
    }

    /// All records, those at the end as if they were complete.
    fn group(&self, text: &[u8]) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        // The newest record of each stream, and of lines without one.
        let mut newest: [Option<usize>; 3] = [None; 3];
        let mut offset = 0;
        for raw in text.split_inclusive(|byte| *byte == b'\n') {
            let (start, end) = (offset, offset + raw.len());
            offset = end;
            let line = trim_end(raw);
            let cri = if self.is_cri { cri::parse(line) } else { None };
            let current = &mut newest[cri.as_ref().map_or(2, |line| line.stream as usize)];
            let is_continued = match current.and_then(|index| groups.get_mut(index)) {
                Some(group) => self.add(group, line, cri.as_ref(), end),
                None => false,
            };
            if !is_continued {
                if let Some(group) = current.and_then(|index| groups.get_mut(index)) {
                    group.is_closed = true;
                }
                *current = Some(groups.len());
                groups.push(self.begin(line, cri, start, end));
            }
        }
        groups
    }

    fn begin(&self, line: &[u8], cri: Option<CriLine<'_>>, start: usize, end: usize) -> Group {
        let mut state = State::default();
        if let Some(multiline) = &self.multiline {
            multiline.continues(&mut state, cri.as_ref().map_or(line, |cri| cri.text));
        }
        let entry = Entry {
            text: cri.as_ref().map_or(line, |cri| cri.text).to_vec(),
            time: cri.as_ref().map(|cri| cri.time.to_owned()),
            stream: cri.as_ref().map(|cri| cri.stream),
        };
        let is_partial = cri.as_ref().is_some_and(|cri| cri.is_partial);
        // Lines of another format are no part of a record of several lines.
        let is_closed = self.is_cri && cri.is_none();
        Group { entry, start, end, lines: 1, is_partial, state, nanos: cri.map(|cri| cri.nanos), is_closed }
    }

    /// Adds the line to the record; returns false if it begins another one.
    fn add(&self, group: &mut Group, line: &[u8], cri: Option<&CriLine<'_>>, end: usize) -> bool {
        let text = cri.map_or(line, |cri| cri.text);
        let is_late = matches!((group.nanos, cri), (Some(last), Some(cri)) if cri.nanos - last > SILENCE);
        if group.is_closed || is_late || group.is_full(text.len()) {
            return false;
        }
        if !group.is_partial {
            let mut state = group.state;
            let Some(multiline) = &self.multiline else { return false };
            if !multiline.continues(&mut state, text) {
                return false;
            }
            group.state = state;
            group.entry.text.push(b'\n');
            group.lines += 1;
        }
        group.entry.text.extend_from_slice(text);
        group.end = end;
        group.is_partial = cri.is_some_and(|cri| cri.is_partial);
        group.nanos = cri.map(|cri| cri.nanos).or(group.nanos);
        true
    }
}

impl Group {
    /// Whether so many more bytes are too many.
    fn is_full(&self, more: usize) -> bool {
        self.lines >= RECORD_LINES || self.entry.text.len() + more >= RECORD_BYTES
    }
}

fn trim_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The place of the first line of more than [`LINE_BYTES`], if there is one.
fn before_long_line(bytes: &[u8]) -> Option<usize> {
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', bytes) {
        if end - start > LINE_BYTES {
            return Some(start);
        }
        start = end + 1;
    }
    (bytes.len() - start >= LINE_BYTES).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(is_cri: bool, multiline: Option<&str>) -> Format {
        Format { is_cri, multiline: multiline.map(|rule| rule.parse().unwrap()) }
    }

    /// What is complete, and its records.
    fn complete<'a>(format: &Format, text: &'a str, is_quiet: bool) -> (&'a str, Vec<String>) {
        let complete = &text[..format.complete(text.as_bytes(), 1000, is_quiet)];
        let texts = format.entries(complete.as_bytes()).into_iter().map(|entry| String::from_utf8(entry.text).unwrap());
        (complete, texts.collect())
    }

    #[test]
    fn the_last_record_waits_until_it_is_quiet_or_the_next_one_begins() {
        let java = format(false, Some("java"));
        let text = "one\ntwo\n\tat a\r\n\tat b\npart";
        assert_eq!(complete(&java, text, false), ("one\n", vec!["one".to_owned()]));
        let all = vec!["one".to_owned(), "two\n\tat a\n\tat b".to_owned()];
        assert_eq!(complete(&java, text, true), ("one\ntwo\n\tat a\r\n\tat b\n", all));
        assert_eq!(complete(&java, "one\n\tat a\ntwo\nthree\n", false).1, ["one\n\tat a", "two"]);
        assert_eq!(java.complete(b"one\n\tat a\ntwo\nthree\n", 1, false), 10);
        assert_eq!(complete(&format(false, None), text, false).0, "one\ntwo\n\tat a\r\n\tat b\n");
    }

    #[test]
    fn a_record_has_bounds() {
        let java = format(false, Some("java"));
        let lines = "\tat a\n".repeat(RECORD_LINES * 2 + 1);
        let (done, records) = complete(&java, &lines, false);
        assert_eq!((done.len(), records.len()), (lines.len() - 6, 2));
        let wide = format!("\tat {}\n", "x".repeat(RECORD_BYTES / 4)).repeat(8);
        let (_, records) = complete(&java, &wide, true);
        assert!(records.len() > 1 && records.iter().all(|record| record.len() < RECORD_BYTES));
        let endless = "x".repeat(LINE_BYTES + 1);
        assert_eq!(java.complete(endless.as_bytes(), 1000, false), LINE_BYTES);
    }

    /// Lines at `10:00:SECOND`.
    fn cri(lines: &[(u32, &str)]) -> String {
        lines.iter().map(|(second, rest)| format!("2026-11-29T10:00:{second:02}.5Z {rest}\n")).collect()
    }

    #[test]
    fn partial_lines_of_interleaved_streams_are_joined() {
        let runtime = format(true, None);
        let text =
            cri(&[(1, "stdout P a"), (1, "stderr F error"), (1, "stdout P b"), (1, "stdout F c"), (1, "stderr P x")]);
        let (done, records) = complete(&runtime, &text, false);
        assert_eq!(records, ["abc", "error"]);
        assert_eq!(complete(&runtime, &text, true).1, ["abc", "error", "x"]);
        // A range that is read again has the same records.
        assert_eq!(complete(&runtime, done, true).1, ["abc", "error"]);
        let entry = runtime.entries(text.as_bytes()).remove(1);
        assert_eq!((entry.time.as_deref(), entry.stream), (Some("2026-11-29T10:00:01.5Z"), Some(Stream::Stderr)));
        assert_eq!(complete(&runtime, "no runtime\n{}\n", false).1, ["no runtime", "{}"]);
    }

    #[test]
    fn a_record_is_not_ended_by_earlier_lines_with_newer_times() {
        let runtime = format(true, None);
        let begun = cri(&[(50, "stderr F before the clock was set back"), (1, "stdout P first ")]);
        assert_eq!(complete(&runtime, &begun, false).1, ["before the clock was set back"]);
        let ended = begun + &cri(&[(1, "stdout F second")]);
        assert_eq!(complete(&runtime, &ended, false).1, ["before the clock was set back", "first second"]);
    }

    #[test]
    fn interleaved_stack_traces_are_joined_within_their_streams() {
        let java = format(true, Some("java"));
        let text = cri(&[
            (1, "stderr F failed"),
            (1, "stdout F request 1"),
            (1, "stderr F \tat a"),
            (1, "stdout F request 2"),
            (1, "stderr F next"),
            (1, "stdout F request 3"),
        ]);
        assert_eq!(complete(&java, &text, false).1, ["failed\n\tat a", "request 1", "request 2"]);
        // A stream that is silent has ended its record, by the times of the lines.
        let later = text + &cri(&[(4, "stdout F request 4"), (4, "stderr F \tat late")]);
        let (done, records) = complete(&java, &later, false);
        assert_eq!(records[3..], ["next", "request 3"]);
        assert!(later[done.len()..].starts_with("2026-11-29T10:00:04.5Z stdout F request 4"));
    }
}
