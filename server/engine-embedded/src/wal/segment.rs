//! A segment: one file of frames, its header and its name.
//!
//! ```text
//! 0     magic "LOGBMWAL", u32 version, u32 CRC32C of bytes 0..12 and 16..40,
//!       u64 salt, u64 first, u64 follows
//! 2048  a copy, so that one bad sector does not cost a segment
//! 4096  frames
//! ```

use std::{
    hash::{BuildHasher, RandomState},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::filesystem::File;

/// The offset of the first frame.
pub(super) const FRAMES_AT: u64 = 4096;
/// The newest format this program writes and reads.
pub(super) const VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"LOGBMWAL";
const COPY_AT: usize = 2048;
/// The minimum distance between the marks of a segment, in bytes.
const MARK_BYTES: u64 = 256 << 10;

/// The header of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Random; part of every frame's checksum, so that neither old content of a reused file nor data from a client is
    /// accepted as a frame.
    pub(super) salt: u64,
    /// The number of the first frame; unique among the segments of a log.
    pub(super) first: u64,
    /// The newest frame that was durable when the segment was created. Frames between it and `first` in older segments
    /// are void: they were never acknowledged.
    pub(super) follows: u64,
}

/// Why a header cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadHeader {
    /// Written by a newer program.
    Newer(u32),
    /// Both copies are damaged, or the file is not a segment.
    Damaged,
}

impl Header {
    pub(super) fn new(first: u64, follows: u64) -> Self {
        Self { salt: RandomState::new().hash_one((first, follows)), first, follows }
    }

    /// The first [`FRAMES_AT`] bytes of the segment.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut copy = Vec::with_capacity(40);
        copy.extend_from_slice(&MAGIC);
        copy.extend_from_slice(&VERSION.to_le_bytes());
        copy.extend_from_slice(&self.checksum(VERSION).to_le_bytes());
        for word in [self.salt, self.first, self.follows] {
            copy.extend_from_slice(&word.to_le_bytes());
        }
        let mut bytes = copy.clone();
        bytes.resize(COPY_AT, 0);
        bytes.extend_from_slice(&copy);
        bytes.resize(FRAMES_AT as usize, 0);
        bytes
    }

    /// Reads the first [`FRAMES_AT`] bytes of a segment.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, BadHeader> {
        let second = bytes.get(COPY_AT..).unwrap_or_default();
        match (Self::decode_copy(bytes), Self::decode_copy(second)) {
            (Ok(header), _) | (_, Ok(header)) => Ok(header),
            // Only magic and version are reliable in a newer format, so both copies must agree.
            (Err(first), Err(second)) if first == second => Err(first),
            _ => Err(BadHeader::Damaged),
        }
    }

    fn decode_copy(bytes: &[u8]) -> Result<Self, BadHeader> {
        let mut words = bytes.get(..40).ok_or(BadHeader::Damaged)?.chunks_exact(8).map(|word| {
            let mut array = [0; 8];
            array.copy_from_slice(word);
            array
        });
        let mut word = || words.next().ok_or(BadHeader::Damaged);
        if word()? != MAGIC {
            return Err(BadHeader::Damaged);
        }
        let second = u64::from_le_bytes(word()?);
        let (version, checksum) = (second as u32, (second >> 32) as u32);
        if version > VERSION {
            return Err(BadHeader::Newer(version));
        }
        let header = Self {
            salt: u64::from_le_bytes(word()?),
            first: u64::from_le_bytes(word()?),
            follows: u64::from_le_bytes(word()?),
        };
        if header.checksum(version) == checksum { Ok(header) } else { Err(BadHeader::Damaged) }
    }

    fn checksum(&self, version: u32) -> u32 {
        let mut crc = crc32c::crc32c_append(crc32c::crc32c(&MAGIC), &version.to_le_bytes());
        for word in [self.salt, self.first, self.follows] {
            crc = crc32c::crc32c_append(crc, &word.to_le_bytes());
        }
        crc
    }
}

/// The state of a segment in memory.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn File>,
    pub(super) header: Header,
    /// The newest durable frame; without one, the frame that `header` follows.
    pub(super) last: u64,
    /// The offset after the last durable frame, or a later offset.
    pub(super) end: u64,
    /// The size of the file.
    pub(super) bytes: u64,
    /// False after a failed write or sync, and once its bytes are to go: the file is not reused.
    pub(super) sound: bool,
    /// A sparse index of frame offsets, so that a reader need not start at the first frame.
    pub(super) marks: Vec<Mark>,
}

/// The offset of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) number: u64,
    pub(super) offset: u64,
}

impl Segment {
    pub(super) fn is_empty(&self) -> bool {
        self.last < self.header.first
    }

    /// Adds a frame to the index if the last mark is far enough back.
    pub(super) fn mark(&mut self, number: u64, offset: u64) {
        if offset >= self.marks.last().map_or(FRAMES_AT, |mark| mark.offset) + MARK_BYTES {
            self.marks.push(Mark { number, offset });
        }
    }

    /// The nearest indexed frame at or before `number`.
    pub(super) fn before(&self, number: u64) -> Mark {
        let later = self.marks.partition_point(|mark| mark.number <= number);
        let start = Mark { number: self.header.first, offset: FRAMES_AT };
        later.checked_sub(1).and_then(|place| self.marks.get(place)).copied().unwrap_or(start)
    }
}

/// The kind of a file in the log's folder, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    /// A segment whose first frame has this number.
    Segment(u64),
    /// A file kept for reuse.
    Spare,
    /// A segment whose creation was interrupted.
    Unfinished,
}

impl FileKind {
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (stem, kind) = name.split_once('.')?;
        let number = (stem.len() == 20 && stem.bytes().all(|byte| byte.is_ascii_digit())).then(|| stem.parse().ok())?;
        match kind {
            "wal" => number.map(Self::Segment),
            "spare" => number.map(|_| Self::Spare),
            "tmp" => number.map(|_| Self::Unfinished),
            _ => None,
        }
    }
}

pub(super) fn segment_path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}.wal"))
}

pub(super) fn spare_path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}.spare"))
}

pub(super) fn unfinished_path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}.tmp"))
}
