use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::*;

struct Log {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Log {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, text).unwrap();
        Self { _folder: folder, path }
    }

    fn append(&self, text: &str) {
        append(&self.path, text);
    }

    fn rename(&self) -> PathBuf {
        let old = self.path.with_extension("1");
        fs::rename(&self.path, &old).unwrap();
        old
    }
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn next(reader: &mut Reader) -> Option<String> {
    reader
        .lines(10, Instant::now() + Duration::from_secs(1))
        .unwrap()
        .map(|lines| String::from_utf8(lines.text).unwrap())
}

fn is(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn appended_lines_come_whole_and_a_partial_one_waits() {
    let log = Log::new("old\n");
    let mut reader = Reader::from_end(&log.path).unwrap();
    assert_eq!(next(&mut reader), None);
    log.append("one\ntwo\nth");
    assert_eq!(next(&mut reader), is("one\ntwo\n"));
    assert_eq!(next(&mut reader), None);
    log.append("ree\n");
    assert_eq!(reader.lines(1, Instant::now()).unwrap().unwrap().text, b"three\n");
    assert_eq!(next(&mut Reader::from_start(&log.path)), is("old\none\ntwo\nthree\n"));
}

#[test]
fn a_renamed_file_is_read_to_its_end_before_the_new_one() {
    let log = Log::new("");
    let mut reader = Reader::from_start(&log.path).with_quiet(Duration::ZERO);
    log.append("one\n");
    assert_eq!(next(&mut reader), is("one\n"));
    let old = log.rename();
    assert_eq!(next(&mut reader), None);
    // The writer does not know of the rotation yet.
    append(&old, "two\nrest");
    log.append("three\n");
    assert_eq!(next(&mut reader), is("two\n"));
    assert_eq!(next(&mut reader), is("rest"));
    assert_eq!(next(&mut reader), is("three\n"));
    assert_eq!(next(&mut reader), None);
}

#[test]
fn a_replaced_file_gets_some_time_for_its_last_lines() {
    let log = Log::new("one\n");
    let mut reader = Reader::from_start(&log.path).with_quiet(Duration::from_secs(3600));
    assert_eq!(next(&mut reader), is("one\n"));
    let old = log.rename();
    log.append("three\n");
    assert_eq!(next(&mut reader), None);
    append(&old, "two\n");
    assert_eq!(next(&mut reader), is("two\n"));
    let mut reader = reader.with_quiet(Duration::ZERO);
    assert_eq!(next(&mut reader), is("three\n"));
}

#[test]
fn a_truncated_file_is_read_from_its_start_also_if_it_has_grown_past_the_old_offset() {
    for text in ["4\n", "a line that is longer than all of the file was before\n"] {
        let log = Log::new("one\ntwo\n");
        let mut reader = Reader::from_start(&log.path);
        assert_eq!(next(&mut reader), is("one\ntwo\n"));
        // As copytruncate does: the same inode.
        OpenOptions::new().write(true).truncate(true).open(&log.path).unwrap();
        log.append(text);
        assert_eq!(next(&mut reader), is(text));
        assert_eq!(next(&mut reader), None);
    }
}

/// Lines with which many files begin, longer than the fingerprint of the first bytes.
fn banner() -> String {
    (0..30).map(|line| format!("{line}: a line of the banner that many files have\n")).collect()
}

/// A file before it was truncated.
fn begun() -> String {
    banner() + &"a first line\n".repeat(20)
}

/// The file after it was truncated and has grown past its old length.
fn truncated() -> String {
    banner() + &"a second line\n".repeat(200)
}

fn all(reader: &mut Reader) -> String {
    std::iter::from_fn(|| next(reader)).collect()
}

#[test]
fn a_truncated_file_that_begins_as_before_is_read_from_its_start() {
    // While it is followed, and while nobody looks.
    for is_followed in [true, false] {
        let log = Log::new(&begun());
        let mut reader = Reader::from_start(&log.path);
        assert_eq!(all(&mut reader), begun());
        let json = serde_json::to_string(reader.place().unwrap()).unwrap();
        OpenOptions::new().write(true).truncate(true).open(&log.path).unwrap();
        log.append(&truncated());
        if !is_followed {
            reader = Reader::resume(&log.path, serde_json::from_str(&json).unwrap()).unwrap();
        }
        assert_eq!(all(&mut reader), truncated(), "followed: {is_followed}");
        // What is the same goes on.
        log.append("one\n");
        reader = Reader::resume(&log.path, reader.place().unwrap().clone()).unwrap();
        assert_eq!(all(&mut reader), "one\n");
        log.append("two\n");
        assert_eq!(all(&mut reader), "two\n");
    }
}

#[test]
fn a_file_that_is_followed_from_its_end_and_truncated_is_read_from_its_start() {
    let log = Log::new(&begun());
    // As `send --follow` does.
    let mut reader = Reader::from_end(&log.path).unwrap();
    fs::write(&log.path, truncated()).unwrap();
    assert_eq!(all(&mut reader), truncated());
}

#[test]
fn a_place_of_an_older_program_without_the_last_bytes_is_valid() {
    let log = Log::new(&begun());
    let mut reader = Reader::from_start(&log.path);
    all(&mut reader);
    let mut json = serde_json::to_value(reader.place().unwrap()).unwrap();
    assert!(json.as_object_mut().unwrap().remove("tail").is_some());
    log.append("one\n");
    let mut reader = Reader::resume(&log.path, serde_json::from_value(json).unwrap()).unwrap();
    assert_eq!(all(&mut reader), "one\n");
    // From then on, it has them.
    fs::write(&log.path, truncated()).unwrap();
    assert_eq!(all(&mut reader), truncated());
}

#[test]
fn a_place_is_found_again_also_in_a_renamed_file() {
    let log = Log::new("one\ntwo\n");
    let mut reader = Reader::from_start(&log.path);
    assert_eq!(reader.lines(1, Instant::now()).unwrap().unwrap().text, b"one\n");
    let json = serde_json::to_string(reader.place().unwrap()).unwrap();
    let place = || serde_json::from_str::<Place>(&json).unwrap();
    let resume = || Reader::resume(&log.path, place()).unwrap().with_quiet(Duration::ZERO);
    assert_eq!(next(&mut resume()), is("two\n"));
    assert_eq!(resume().again(8, |text| text == b"two\n").unwrap().unwrap().text, b"two\n");
    assert!(resume().again(8, |_| false).unwrap().is_none());
    assert!(resume().again(9, |_| true).unwrap().is_none());

    log.rename();
    log.append("three\n");
    let mut reader = resume();
    assert_eq!(next(&mut reader), is("two\n"));
    assert_eq!(next(&mut reader), is("three\n"));

    // Neither at the path nor in the folder.
    fs::remove_file(log.path.with_extension("1")).unwrap();
    assert_eq!(next(&mut resume()), is("three\n"));
    // Truncated while nobody looked.
    fs::write(&log.path, "four, five and six\n").unwrap();
    assert_eq!(next(&mut resume()), is("four, five and six\n"));
}

#[test]
fn a_line_that_is_too_long_is_split() {
    let log = Log::new(&"x".repeat(3 << 19));
    let mut reader = Reader::from_start(&log.path);
    assert_eq!(next(&mut reader).map(|text| text.len()), Some(1 << 20));
    assert_eq!(next(&mut reader), None);
    log.append("\n");
    assert_eq!(next(&mut reader).map(|text| text.len()), Some((1 << 19) + 1));
    // One that is complete, between others.
    log.append(&format!("two\n{}\nthree\n", "y".repeat(3 << 19)));
    assert_eq!(next(&mut reader), is("two\n"));
    assert_eq!(next(&mut reader).map(|text| text.len()), Some(1 << 20));
    assert_eq!(next(&mut reader).map(|text| text.len()), Some((1 << 19) + 1 + 6));
    assert_eq!(next(&mut reader), None);
}

#[test]
fn a_record_of_several_lines_is_returned_whole_and_again_after_a_restart() {
    let log = Log::new("one\n");
    let java = || Format { multiline: Some("java".parse().unwrap()), ..Format::default() };
    let mut reader = Reader::from_start(&log.path).with_format(java()).with_settled(Duration::from_secs(3600));
    assert_eq!(next(&mut reader), None);
    log.append("two\n\tat a\n");
    assert_eq!(next(&mut reader), is("one\n"));
    assert_eq!(reader.lag(), 14 - 4);
    // Nothing of the record is read before it is complete.
    let place = reader.place().unwrap().clone();
    assert_eq!(place.offset, 4);
    log.append("\tat b\n");
    assert_eq!(next(&mut reader), None);
    let mut reader = Reader::resume(&log.path, place).unwrap().with_format(java()).with_settled(Duration::ZERO);
    assert_eq!(next(&mut reader), is("two\n\tat a\n\tat b\n"));
    assert_eq!(next(&mut reader), None);
}

#[test]
fn a_renamed_file_is_found_through_a_symbolic_link() {
    let log = Log::new("one\ntwo\n");
    let links = tempfile::tempdir().unwrap();
    let link = links.path().join("link.log");
    std::os::unix::fs::symlink(&log.path, &link).unwrap();
    let mut reader = Reader::from_start(&link);
    assert_eq!(reader.lines(1, Instant::now()).unwrap().unwrap().text, b"one\n");
    let place = reader.place().unwrap().clone();
    log.rename();
    log.append("three\n");
    let mut reader = Reader::resume(&link, place).unwrap().with_quiet(Duration::ZERO);
    assert_eq!(next(&mut reader), is("two\n"));
    assert_eq!(next(&mut reader), is("three\n"));
}

fn gzip(path: &Path) -> PathBuf {
    assert!(std::process::Command::new("gzip").arg(path).status().unwrap().success());
    PathBuf::from(format!("{}.gz", path.display()))
}

#[test]
fn a_compressed_file_is_inflated_and_its_last_line_needs_no_end() {
    let lines: String =
        (0..200_000).map(|line| format!("line {line} of a file that has more than one reading\n")).collect();
    let log = Log::new(&format!("{lines}last"));
    let mut reader = Reader::from_start(&gzip(&log.path));
    let mut text = String::new();
    while let Some(lines) = reader.lines(10_000, Instant::now()).unwrap() {
        text.push_str(std::str::from_utf8(&lines.text).unwrap());
    }
    assert!(text == format!("{lines}last"), "{} bytes", text.len());
    assert_eq!((next(&mut reader), reader.lag()), (None, 0));
}

#[test]
fn a_file_that_was_rotated_and_compressed_is_read_from_its_place_on() {
    let log = Log::new("one\ntwo\nthree\n");
    let mut reader = Reader::from_start(&log.path);
    assert_eq!(reader.lines(1, Instant::now()).unwrap().unwrap().text, b"one\n");
    let place = reader.place().unwrap().clone();
    let compressed = gzip(&log.rename());
    // Another compressed file is not taken for it.
    let other = log.path.with_extension("0");
    fs::write(&other, "other\n").unwrap();
    gzip(&other);
    log.append("four\n");
    let mut reader = Reader::resume(&log.path, place.clone()).unwrap().with_quiet(Duration::ZERO);
    assert_eq!(reader.again(8, |text| text == b"two\n").unwrap().unwrap().text, b"two\n");
    assert_eq!(next(&mut reader), is("three\n"));
    assert_eq!(next(&mut reader), is("four\n"));

    // Neither is one that begins alike.
    let text = |kind: &str| banner() + &kind.repeat(1000);
    let log = Log::new(&text("this\n"));
    let mut reader = Reader::from_start(&log.path);
    assert_eq!(all(&mut reader), text("this\n"));
    let alike = reader.place().unwrap().clone();
    append(&log.path, "rest\n");
    gzip(&log.rename());
    for other in 2..9 {
        let path = log.path.with_extension(other.to_string());
        fs::write(&path, text("that\n")).unwrap();
        let other = gzip(&path);
        assert!(alike.compressed(&other).unwrap().is_some() && !alike.has_tail_at(&other).unwrap());
    }
    log.append("four\n");
    let mut reader = Reader::resume(&log.path, alike).unwrap().with_quiet(Duration::ZERO);
    assert_eq!(all(&mut reader), "rest\nfour\n");

    // What is cut off is an error until the file has another length.
    let bytes = fs::read(&compressed).unwrap();
    fs::write(&compressed, &bytes[..bytes.len() - 10]).unwrap();
    assert_eq!(place.compressed(&compressed).unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
}
