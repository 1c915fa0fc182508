//! The file system port of the engine: the calls whose failure decides what is durable.
//!
//! It is a trait so that a test can fail a sync, tear a write or fill the disk (see `faulty`); the program uses
//! [`Disk`]. Two rules for callers: bytes are durable only after [`File::sync`] of the file, and a name only after
//! [`FileSystem::sync_folder`] of its folder.

mod disk;
#[cfg(test)]
pub(crate) mod faulty;

use std::{any::Any, fmt, io, path::Path, sync::Arc};

pub use disk::Disk;

/// A held lock; dropping it releases the lock.
pub type Lock = Box<dyn Any + Send>;

/// Folders and names.
pub trait FileSystem: fmt::Debug + Send + Sync + 'static {
    /// Creates the folder and missing parents.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;

    /// The names of the files in the folder, unordered.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Creates an empty file; truncates an existing one.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// `NotFound` if it does not exist.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Renames the file, replacing the target.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in the folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Takes the exclusive lock on the file; creates the file if it is missing.
    ///
    /// # Errors
    /// `WouldBlock` if another holder, in this process or another, has the lock.
    fn lock(&self, path: &Path) -> io::Result<Lock>;
}

/// An open file. Reads and writes take an offset, so reads may be concurrent with a write.
pub trait File: fmt::Debug + Send + Sync + 'static {
    /// Reads some bytes from `offset` on; 0 at the end of the file.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes some of the bytes at `offset`, and returns their number.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Makes the written bytes, and the metadata needed to read them, durable. After a failure the writes since the
    /// last success are in an unknown state, and a retry proves nothing: the kernel forgets a failed write.
    fn sync(&self) -> io::Result<()>;

    /// Reserves disk space for the first `length` bytes and extends the file to at least that length, so that a later
    /// write inside cannot find the disk full.
    fn allocate(&self, length: u64) -> io::Result<()>;

    /// Truncates the file to `length` bytes.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// The size of the file in bytes.
    fn length(&self) -> io::Result<u64>;

    /// Writes all of the bytes at `offset`.
    fn write_all_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_at(bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = bytes.get(written..).unwrap_or_default();
                    offset += written as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads from `offset` until the buffer is full or the file ends, and returns the number of bytes.
    fn read_full_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.read_at(rest, offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}
