//! A batch as lines, grouped by file.

use std::{collections::HashMap, io::Write as _};

use model::{Nanos, StoredRecord, Value, time};

use super::options::{Format, Options};
use crate::document;

/// Buffers larger than this many bytes are not kept for the next batch.
const KEPT_BYTES: usize = 1 << 20;
/// The number of buffers that are kept for the next batch.
const KEPT_BUFFERS: usize = 256;

/// The attributes in which the TCP door keeps the origin of a record.
const ADDRESS: &str = "client.address";
const PORT: &str = "client.port";
const PACKET: &str = "client.packet";

/// The lines of a batch for one file.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
    /// The time of the newest record.
    pub(super) newest: Nanos,
}

/// The lines of a batch. A file's lines are in the order of the records.
#[derive(Debug, Default)]
pub(super) struct Lines {
    groups: Vec<Group>,
    /// The number of groups of the current batch. The others are buffers to reuse.
    used: usize,
    by_path: HashMap<String, usize>,
    /// The path of the current record.
    path: String,
}

impl Lines {
    pub(super) fn clear(&mut self) {
        self.used = 0;
        self.by_path.clear();
        self.groups.truncate(KEPT_BUFFERS);
        for group in &mut self.groups {
            group.bytes.clear();
            group.bytes.shrink_to(KEPT_BYTES);
        }
    }

    pub(super) fn push(&mut self, records: &[StoredRecord], options: &Options) {
        // Consecutive records are often for the same file.
        let mut current: Option<usize> = None;
        for StoredRecord { record, .. } in records {
            self.path.clear();
            options.path_of(record, &mut self.path);
            let place = match current {
                Some(place) if self.groups[place].path == self.path => place,
                _ => self.place(record.time),
            };
            current = Some(place);
            let group = &mut self.groups[place];
            group.newest = group.newest.max(record.time);
            match options.format {
                Format::Ndjson => put_document(record, &mut group.bytes),
                Format::S2 => put_s2(record, &mut group.bytes),
            }
        }
    }

    /// The index of the group of the current path.
    fn place(&mut self, time: Nanos) -> usize {
        if let Some(place) = self.by_path.get(&self.path) {
            return *place;
        }
        let place = self.used;
        self.used += 1;
        if place == self.groups.len() {
            self.groups.push(Group::default());
        }
        let group = &mut self.groups[place];
        group.path.clone_from(&self.path);
        group.newest = time;
        self.by_path.insert(self.path.clone(), place);
        place
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.groups[..self.used]
    }
}

fn put_document(record: &model::Record, bytes: &mut Vec<u8>) {
    document::write(record, &document::PLAIN, bytes);
    bytes.push(b'\n');
}

/// Appends a line in S2's form: the time of receipt in RFC 3339 with milliseconds, the client's address and port, and
/// its packet. Records from other doors have `-` for both, and their document.
fn put_s2(record: &model::Record, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(time::format_rfc3339_millis(record.observed_time).as_bytes());
    for name in [ADDRESS, PORT] {
        bytes.push(b'\t');
        let start = bytes.len();
        // Writing to memory cannot fail.
        let _ = match record.attribute(name) {
            Some(value) => write!(bytes, "{value}"),
            None => write!(bytes, "-"),
        };
        blank_controls(&mut bytes[start..]);
    }
    bytes.push(b'\t');
    match record.attribute(PACKET) {
        Some(Value::Text(packet)) => {
            let start = bytes.len();
            bytes.extend_from_slice(packet.as_bytes());
            blank_controls(&mut bytes[start..]);
            bytes.push(b'\n');
        }
        _ => put_document(record, bytes),
    }
}

/// Replaces control characters by spaces. In JSON, they only occur between tokens.
fn blank_controls(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| byte.is_ascii_control()) {
        *byte = b' ';
    }
}
