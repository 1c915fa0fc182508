//! A segment: one file of frames, its header and its name.
//!
//! ```text
//! 0     magic "LOGBMWAL", u32 version, u32 CRC32C of bytes 0..12 and 16..40,
//!       u64 salt, u64 first, u64 follows
//! 2048  the same again, so that one bad sector does not cost a segment
//! 4096  frames
//! ```

use std::{
    hash::{BuildHasher, RandomState},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::filesystem::File;

/// Where the frames begin.
pub(super) const FRAMES_AT: u64 = 4096;
/// The newest format this program writes and reads.
pub(super) const VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"LOGBMWAL";
const COPY_AT: usize = 2048;
/// How far apart the marks of a segment are, in bytes.
const MARK_BYTES: u64 = 256 << 10;

/// What the head of a segment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Random; part of every frame's checksum, so that neither what an earlier use of
    /// the file left behind nor anything a client sends can pass for a frame.
    pub(super) salt: u64,
    /// The number of the first frame here; no two segments of a log have the same.
    pub(super) first: u64,
    /// The newest frame that was durable when the segment was made. Frames between it
    /// and `first` in older segments are void: nobody was told that they are stored.
    pub(super) follows: u64,
}

/// Why a header does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadHeader {
    /// Written by a newer program.
    Newer(u32),
    /// Both copies are damaged, or it is no segment.
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
            // Of a newer format only magic and version can be relied on, so both
            // copies have to say the same before it counts.
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

/// What the process knows of a segment.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn File>,
    pub(super) header: Header,
    /// The newest durable frame here; where there is none the one that `header` follows.
    pub(super) last: u64,
    /// The offset after the last durable frame, or some offset after that.
    pub(super) end: u64,
    /// The bytes of the file.
    pub(super) bytes: u64,
    /// False after a failed write or sync: the file is not used again.
    pub(super) sound: bool,
    /// Where some frames are, in order, so that a reader need not start at the head.
    pub(super) marks: Vec<Mark>,
}

/// The place of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) number: u64,
    pub(super) offset: u64,
}

impl Segment {
    pub(super) fn is_empty(&self) -> bool {
        self.last < self.header.first
    }

    /// Remembers the place of a frame, if the last such place is far enough back.
    pub(super) fn mark(&mut self, number: u64, offset: u64) {
        if offset >= self.marks.last().map_or(FRAMES_AT, |mark| mark.offset) + MARK_BYTES {
            self.marks.push(Mark { number, offset });
        }
    }

    /// A known place at or before the frame.
    pub(super) fn before(&self, number: u64) -> Mark {
        let later = self.marks.partition_point(|mark| mark.number <= number);
        let start = Mark { number: self.header.first, offset: FRAMES_AT };
        later.checked_sub(1).and_then(|place| self.marks.get(place)).copied().unwrap_or(start)
    }
}

/// What a file of the log's folder is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// A segment whose first frame has this number.
    Segment(u64),
    /// A file kept for reuse.
    Spare,
    /// A segment that was being made when the process ended.
    Unfinished,
}

impl Named {
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
