//! Which file it is, and how far it was read.
//!
//! A path is not enough: rotation puts another file there. Neither are device and inode: a system uses an inode again,
//! and a truncated file keeps it. So the first bytes count, too. Many files begin alike, as with a banner, so the last
//! bytes that were read count as well.

use std::{fs::Metadata, io, os::unix::fs::MetadataExt as _, path::Path};

use model::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::source::{START_BYTES as FINGERPRINT, Source, is_gzip};

/// A place in a file. It stays valid when the file is renamed, and not when it is truncated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    device: u64,
    inode: u64,
    /// The length of the fingerprint: bytes at the start of the file that were read.
    length: u64,
    /// SHA-256 of these bytes.
    digest: String,
    /// Bytes at the end of what was read; `None` if the first ones are all. Checkpoints of older programs have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tail: Option<Tail>,
    /// The offset of the next line.
    pub offset: u64,
}

/// The last 1 KiB before an offset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Tail {
    /// May be after the offset of the place: what is on its way was read, too.
    end: u64,
    /// SHA-256 of the bytes.
    digest: String,
}

impl Place {
    /// The start of the file.
    pub(super) fn start_of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino(), length: 0, digest: digest(&[]), tail: None, offset: 0 }
    }

    /// The same file at another offset.
    pub(crate) fn at(&self, offset: u64) -> Self {
        Self { offset, ..self.clone() }
    }

    /// Whether it is the same file, by device and inode.
    pub(crate) fn is_of(&self, metadata: &Metadata) -> bool {
        (self.device, self.inode) == (metadata.dev(), metadata.ino())
    }

    /// Whether the file still has the bytes before the place, as far as the fingerprints tell.
    pub(super) fn is_in(&self, source: &mut Source) -> io::Result<bool> {
        let metadata = source.metadata()?;
        if !self.is_of(&metadata) || !self.begins(source)? {
            return Ok(false);
        }
        // A compressed file is not truncated.
        let is_compressed = matches!(source, Source::Gzip(_));
        Ok(is_compressed || (metadata.len() >= self.offset.max(self.length) && self.has_tail(source)?))
    }

    /// Whether the file has the last bytes that were read. Inflates a compressed file up to them.
    pub(super) fn has_tail(&self, source: &mut Source) -> io::Result<bool> {
        let Some(tail) = &self.tail else { return Ok(true) };
        Ok(source.before(tail.end)?.is_some_and(|bytes| digest(&bytes) == tail.digest))
    }

    /// Whether the file at the path has the last bytes that were read. Inflates a compressed file up to them.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn has_tail_at(&self, path: &Path) -> io::Result<bool> {
        self.has_tail(&mut Source::open(path)?)
    }

    /// The same place in a compressed copy of the file; `None` if the file at the path is none. Compares only the first
    /// bytes, so files that begin alike are taken for copies: see [`Self::has_tail_at`].
    ///
    /// # Errors
    /// The file cannot be read; `UnexpectedEof` if it is still being written.
    pub(crate) fn compressed(&self, path: &Path) -> io::Result<Option<Self>> {
        // Without a fingerprint, every file would be a copy.
        if !is_gzip(path) || self.length == 0 {
            return Ok(None);
        }
        let source = Source::open(path)?;
        let metadata = source.metadata()?;
        let is_copy = self.begins(&source)?;
        Ok(is_copy.then(|| Self { device: metadata.dev(), inode: metadata.ino(), ..self.clone() }))
    }

    fn begins(&self, source: &Source) -> io::Result<bool> {
        Ok(source.start(self.length)?.is_some_and(|bytes| digest(&bytes) == self.digest))
    }

    /// Moves to `offset`, behind the bytes `read`. The fingerprints grow up to their limits.
    pub(super) fn advance(&mut self, source: &mut Source, offset: u64, read: &[u8]) -> io::Result<()> {
        self.offset = offset;
        let length = offset.min(FINGERPRINT);
        if length > self.length
            && let Some(bytes) = source.start(length)?
        {
            (self.length, self.digest) = (length, digest(&bytes));
        }
        // Up to the limit, the first bytes are all.
        if offset > FINGERPRINT
            && let Some(bytes) = last_bytes(source, offset, read)?
        {
            self.tail = Some(Tail { end: offset, digest: digest(&bytes) });
        }
        Ok(())
    }
}

/// The last bytes before `offset`, of which the last ones are those that were read. `None` if a compressed file would
/// have to be inflated from its start again; the last bytes before an earlier offset remain valid.
fn last_bytes(source: &mut Source, offset: u64, read: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let is_enough = read.len() as u64 >= FINGERPRINT;
    let known = match source {
        _ if is_enough => None,
        Source::Plain(_) => source.before(offset)?,
        Source::Gzip(_) => return Ok(None),
    };
    // The file may have been truncated after the reading. Then this is not what it has now, and the next look tells.
    let mut bytes = known.unwrap_or_else(|| vec![0; usize::try_from(FINGERPRINT).unwrap_or_default()]);
    bytes.iter_mut().rev().zip(read.iter().rev()).for_each(|(byte, read)| *byte = *read);
    Ok(Some(bytes))
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes))
}
