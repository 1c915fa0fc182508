//! The format of exports, imports and configuration files.
//!
//! ```json
//! {"format": 1, "documents": [
//! {"kind": "view", "name": "errors", "document": {"address": "/?q=level:error"}}
//! ]}
//! ```
//!
//! A program refuses a format that is newer than its own.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Json, Kind};
use crate::{Error, Result};

/// The format that this program writes; the only one so far.
pub const FORMAT: u32 = 1;

/// The maximum size of a file or an import in bytes.
pub const FILE_BYTES: usize = 8 << 20;

/// A document of an export or an import.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub kind: &'static Kind,
    pub name: String,
    pub body: Json,
}

/// The format alone: a newer file may have fields that this program does not know.
#[derive(Deserialize)]
struct Numbered {
    format: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    #[serde(rename = "format")]
    _format: u32,
    #[serde(borrow)]
    documents: Vec<Written<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'a> {
    kind: String,
    name: String,
    #[serde(borrow)]
    document: &'a RawValue,
}

/// Reads and checks a file: its format, and each document by the limits and the check of its
/// kind, which must be one of `kinds`.
///
/// # Errors
/// `Invalid`, naming the place: a line and a column, or the document's number from 1.
pub fn read(text: &[u8], kinds: &[&'static Kind]) -> Result<Vec<Entry>> {
    if text.len() > FILE_BYTES {
        return Err(Error::invalid(format!(
            "it has {} bytes, and the limit is {FILE_BYTES}; split it into several files",
            text.len()
        )));
    }
    let invalid = |error: serde_json::Error| Error::invalid(error.to_string());
    let Numbered { format } = serde_json::from_slice(text).map_err(invalid)?;
    if format != FORMAT {
        return Err(Error::invalid(format!(
            "format is {format}, and this program reads format {FORMAT}; use a program of the version that wrote it"
        )));
    }
    let file: File<'_> = serde_json::from_slice(text).map_err(invalid)?;
    let mut seen = HashSet::new();
    let mut entries = Vec::with_capacity(file.documents.len());
    for (number, written) in (1..).zip(file.documents) {
        let place = format!("document {number} ({} {:?})", written.kind, written.name);
        let entry = check(written, kinds).map_err(|error| Error::invalid(format!("{place}: {error}")))?;
        if !seen.insert((entry.kind.name, entry.name.clone())) {
            return Err(Error::invalid(format!("{place}: it is in the file twice; remove one of the two")));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn check(written: Written<'_>, kinds: &[&'static Kind]) -> Result<Entry> {
    let Some(kind) = kinds.iter().find(|kind| kind.name == written.kind) else {
        let known: Vec<_> = kinds.iter().map(|kind| kind.name).collect();
        return Err(Error::invalid(format!("there is no such kind; the kinds are {}", known.join(", "))));
    };
    let body = Json::parse(written.document.get())?;
    kind.check_limits(&written.name, &body)?;
    (kind.check)(&written.name, &body)?;
    Ok(Entry { kind, name: written.name, body })
}

/// Writes a file, each document on a line of its own, so that two files compare well.
///
/// # Errors
/// `Corrupt` if a document is not JSON.
pub fn write(entries: &[Entry]) -> Result<String> {
    let mut text = format!("{{\"format\": {FORMAT}, \"documents\": [");
    for (place, entry) in entries.iter().enumerate() {
        let line = line(entry).map_err(|error| {
            Error::corrupt(format!("the document {:?} of kind {} is no JSON: {error}", entry.name, entry.kind.name))
        })?;
        text.push_str(if place == 0 { "\n" } else { ",\n" });
        text.push_str(&line);
    }
    text.push_str("\n]}\n");
    Ok(text)
}

fn line(entry: &Entry) -> serde_json::Result<String> {
    let document: &RawValue = serde_json::from_str(entry.body.as_str())?;
    serde_json::to_string(&Written { kind: entry.kind.name.to_owned(), name: entry.name.clone(), document })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::unchecked;

    const NOTE: Kind =
        Kind { name: "note", format: 1, plural: "notes", most_bytes: 40, most_documents: 2, check: text_only };
    const LIST: Kind =
        Kind { name: "list", format: 1, plural: "lists", most_bytes: 40, most_documents: 2, check: unchecked };

    fn text_only(_: &str, body: &Json) -> Result<()> {
        body.read::<String>().map(drop)
    }

    #[test]
    fn what_is_written_is_read_back_as_it_was() {
        let entry =
            |kind, name: &str, text: &str| Entry { kind, name: name.to_owned(), body: Json::parse(text).unwrap() };
        let entries =
            [entry(&NOTE, "a/b \"c\" '가'", "\"x\""), entry(&LIST, "a", "[1.10,  {\"b\": 1, \"a\": \"\\u0000\"}]")];
        let text = write(&entries).unwrap();
        assert_eq!(text.lines().count(), 4);
        assert_eq!(
            read(text.as_bytes(), &[&NOTE, &LIST]).unwrap().iter().map(|e| &e.body).collect::<Vec<_>>(),
            [&entries[0].body, &entries[1].body]
        );
        assert_eq!(read(write(&[]).unwrap().as_bytes(), &[]).unwrap(), []);
    }

    #[test]
    fn an_error_names_the_place_and_the_way_out() {
        let note = |document: &str| format!("{{\"kind\": \"note\", \"name\": \"a\", \"document\": {document}}}");
        let file = |documents: &[String]| format!("{{\"format\": 1, \"documents\": [{}]}}", documents.join(","));
        for (text, parts) in [
            ("{".to_owned(), &["line 1 column 1"][..]),
            ("{}".to_owned(), &["missing field `format`"]),
            ("{\"format\": 2, \"boards\": []}".to_owned(), &["format is 2", "reads format 1"]),
            ("{\"format\": 1}".to_owned(), &["missing field `documents`", "line 1"]),
            ("{\"format\": 1, \"documents\": [], \"more\": 1}".to_owned(), &["unknown field `more`"]),
            (file(&[note("\"x\""), note("\"y\"")]), &["document 2 (note \"a\")", "twice"]),
            (file(&[note("1")]), &["document 1 (note \"a\")", "expected a string"]),
            (file(&[note(&format!("\"{}\"", "x".repeat(40)))]), &["document 1", "limit is 40"]),
            (file(&[note("\"x\"").replace("note", "nope")]), &["document 1 (nope \"a\")", "the kinds are note, list"]),
            (file(&[note("\"x\"").replace("\"a\"", "\"\"")]), &["document 1", "1 to 256"]),
            (file(&[note("\"x\"").replace("kind", "sort")]), &["unknown field `sort`", "column"]),
            (" ".repeat(FILE_BYTES + 1), &["8388609 bytes", "split it"]),
        ] {
            let error = read(text.as_bytes(), &[&NOTE, &LIST]).unwrap_err();
            assert!(parts.iter().all(|part| error.message.contains(part)), "{text:.60}: {error}");
        }
    }
}
