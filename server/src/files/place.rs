//! Which file it is, and how far it was read.
//!
//! A path is not enough: rotation puts another file there. Neither are device and inode: a system uses an inode again,
//! and a truncated file keeps it. So the first bytes count, too.

use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
};

use model::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The most bytes of a fingerprint.
const FINGERPRINT: u64 = 1024;

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
    pub(super) fn is_in(&self, file: &File) -> io::Result<bool> {
        let metadata = file.metadata()?;
        let is_long_enough = self.is_of(&metadata) && metadata.len() >= self.offset.max(self.length);
        Ok(is_long_enough && digest(file, self.length)?.as_ref() == Some(&self.digest))
    }

    /// Moves to `offset`. The fingerprint grows up to its limit.
    pub(super) fn advance(&mut self, file: &File, offset: u64) -> io::Result<()> {
        self.offset = offset;
        let length = offset.min(FINGERPRINT);
        if length > self.length
            && let Some(digest) = digest(file, length)?
        {
            (self.length, self.digest) = (length, digest);
        }
        Ok(())
    }
}

/// The digest of the first bytes; `None` if the file is shorter.
fn digest(file: &File, length: u64) -> io::Result<Option<String>> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => Ok(Some(hex::encode(&Sha256::digest(&bytes)))),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}
