//! What an agent reads: lines of container runtimes, the log stream of Docker and the export of the systemd journal.

use doors::{cri, docker, journal};

/// A part of Docker's log stream: its stream, its time and its line.
type Part = (cri::Stream, i64, Vec<u8>);

/// Whether a line of the format is in the text. Its fields make the same line again.
pub(super) fn lines(text: &[u8]) -> bool {
    let mut is_read = false;
    for line in cri::lines(text) {
        let tag = if line.is_partial { "P" } else { "F" };
        let again = [format!("{} {} {tag} ", line.time, line.stream.name()).as_bytes(), line.text].concat();
        assert_eq!(cri::parse(&again), Some(line));
        is_read = true;
    }
    is_read
}

/// Whether a part is in the log stream. Each part becomes one line of a container runtime, and its pieces do not matter.
pub(super) fn log_stream(bytes: &[u8], has_terminal: bool) -> bool {
    let whole = parts(bytes, has_terminal, bytes.len());
    assert_eq!(parts(bytes, has_terminal, piece(bytes)), whole);
    for (stream, nanos, line) in &whole {
        let text = line.strip_suffix(b"\n").expect("a line has an end");
        assert!(!text.contains(&b'\n'));
        let parsed = cri::parse(text).expect("a line of a container runtime");
        assert_eq!((parsed.stream, parsed.nanos), (*stream, *nanos));
    }
    !whole.is_empty()
}

/// The parts up to the first error.
fn parts(bytes: &[u8], has_terminal: bool, size: usize) -> Vec<Part> {
    let (mut decoder, mut parts) = (docker::Decoder::new(has_terminal), Vec::new());
    for piece in bytes.chunks(size.max(1)) {
        decoder.add(piece);
        loop {
            match decoder.next_part() {
                Ok(Some(part)) => parts.push((part.stream, part.nanos, part.line)),
                Ok(None) => break,
                Err(_) => return parts,
            }
        }
    }
    parts
}

/// Whether an entry is in the journal. Each entry is whole and has fields, and the pieces do not matter.
pub(super) fn entries(bytes: &[u8]) -> bool {
    let whole = entries_in_pieces(bytes, bytes.len());
    assert_eq!(entries_in_pieces(bytes, piece(bytes)), whole);
    for entry in &whole {
        assert_eq!(journal::lengths(entry), [entry.len()]);
        assert!(!journal::fields(entry).is_empty());
    }
    !whole.is_empty()
}

fn entries_in_pieces(bytes: &[u8], size: usize) -> Vec<Vec<u8>> {
    let (mut decoder, mut entries) = (journal::Decoder::default(), Vec::new());
    for piece in bytes.chunks(size.max(1)) {
        decoder.add(piece);
        entries.extend(std::iter::from_fn(|| decoder.next_entry()));
    }
    entries
}

/// The length of pieces, by the last byte: the first one is a part of the format.
fn piece(bytes: &[u8]) -> usize {
    bytes.last().copied().unwrap_or(1).into()
}

/// Inputs of [`lines`], [`log_stream`] and [`entries`], by the numbers of their doors.
pub(super) fn seeds(of_lines: u8, of_frames: u8, of_terminal: u8, of_entries: u8) -> Vec<Vec<u8>> {
    let lines = "2026-11-29T01:02:03.123456789Z stdout P par\n2026-11-29T01:02:03.2+09:00 stdout F:x tial\nother\n";
    let frames = [
        frame(1, "2026-11-29T10:00:00.1Z one\n"),
        frame(2, "2026-11-29T10:00:00.2Z par"),
        frame(2, "2026-11-29T10:00:00.2Z tial\n"),
    ]
    .concat();
    let terminal = "2026-11-29T10:00:00Z one\r\n2026-11-29T10:00:01Z two\r\n";
    // A text field, a binary field, and a binary field that is longer than the limit.
    let entry =
        b"__CURSOR=s=1\nPRIORITY=6\nMESSAGE\n\x07\0\0\0\0\0\0\0two\none\n\nMESSAGE=next\nBLOB\n\0\0\0\0\x01\0\0\0";
    // Made by `journalctl --output=export --all`.
    let journal: &[u8] = include_bytes!("../../../doors/src/journal.export");
    let two_entries: &[u8] = b"MESSAGE=a\n_PID=1\n\nMESSAGE\n\x01\0\0\0\0\0\0\0=\n\n";
    let all: [(u8, &[u8]); 6] = [
        (of_lines, lines.as_bytes()),
        (of_frames, &frames),
        (of_terminal, terminal.as_bytes()),
        (of_entries, entry),
        (of_entries, journal),
        (of_entries, two_entries),
    ];
    all.map(|(door, bytes)| [&[door], bytes].concat()).into()
}

/// A frame of Docker's log stream, of a text of at most 255 bytes.
fn frame(kind: u8, text: &str) -> Vec<u8> {
    [&[kind, 0, 0, 0, 0, 0, 0, text.len() as u8], text.as_bytes()].concat()
}
