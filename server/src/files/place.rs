//! Which file it is, and how far it was read.
//!
//! A path is not enough: rotation puts another file there. Neither are device and inode: a system uses an inode again,
//! and a truncated file keeps it. So the first bytes count, too.

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
    /// The offset of the next line.
    pub offset: u64,
}

impl Place {
    /// The start of the file.
    pub(super) fn start_of(metadata: &Metadata) -> Self {
        let digest = hex::encode(&Sha256::digest([]));
        Self { device: metadata.dev(), inode: metadata.ino(), length: 0, digest, offset: 0 }
    }

    /// The same file at another offset.
    pub(crate) fn at(&self, offset: u64) -> Self {
        Self { offset, ..self.clone() }
    }

    /// Whether it is the same file, by device and inode.
    pub(crate) fn is_of(&self, metadata: &Metadata) -> bool {
        (self.device, self.inode) == (metadata.dev(), metadata.ino())
    }

    /// Whether the file still has the bytes before the place, as far as the fingerprint tells.
    pub(super) fn is_in(&self, source: &Source) -> io::Result<bool> {
        let metadata = source.metadata()?;
        // A compressed file is not truncated.
        let is_long_enough = matches!(source, Source::Gzip(_)) || metadata.len() >= self.offset.max(self.length);
        Ok(self.is_of(&metadata) && is_long_enough && self.begins(source)?)
    }

    /// The same place in a compressed copy of the file; `None` if the file at the path is none.
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
        Ok(digest(source, self.length)?.as_ref() == Some(&self.digest))
    }

    /// Moves to `offset`. The fingerprint grows up to its limit.
    pub(super) fn advance(&mut self, source: &Source, offset: u64) -> io::Result<()> {
        self.offset = offset;
        let length = offset.min(FINGERPRINT);
        if length > self.length
            && let Some(digest) = digest(source, length)?
        {
            (self.length, self.digest) = (length, digest);
        }
        Ok(())
    }
}

/// The digest of the first bytes; `None` if the file is shorter.
fn digest(source: &Source, length: u64) -> io::Result<Option<String>> {
    Ok(source.start(length)?.map(|bytes| hex::encode(&Sha256::digest(&bytes))))
}
