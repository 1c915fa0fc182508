//! The file system as the engine sees it: the few calls whose failure decides what
//! is durable.
//!
//! It is a trait so that a test can fail a sync, tear a write or fill the disk (see
//! `faulty`); the program uses [`Disk`]. Two rules that every caller keeps: bytes are
//! durable only after [`File::sync`] of the file has returned, and a name only after
//! [`FileSystem::sync_folder`] of its folder has.

mod disk;
#[cfg(test)]
pub(crate) mod faulty;

use std::{any::Any, fmt, io, path::Path, sync::Arc};

pub use disk::Disk;

/// Held as long as a lock is wanted; dropping it gives the lock up.
pub type Lock = Box<dyn Any + Send>;

/// Folders and names.
pub trait FileSystem: fmt::Debug + Send + Sync + 'static {
    /// Makes the folder and those above it, where they are missing.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;

    /// The names of the files in the folder, in no order.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Makes an empty file, or empties the one that is there.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// `NotFound` where there is none.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Gives the file another name, replacing what had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in the folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Takes the exclusive lock on the file, which is made where it is missing.
    ///
    /// # Errors
    /// `WouldBlock` where another holder has it, in this process or another one.
    fn lock(&self, path: &Path) -> io::Result<Lock>;
}

/// An open file. Reading and writing name their offset, so that many may read while
/// one writes.
pub trait File: fmt::Debug + Send + Sync + 'static {
    /// Reads some bytes from `offset` on; 0 at the end of the file.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes some of the bytes at `offset`, and returns how many.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Makes what was written durable, and of the file's metadata what reading it
    /// back needs. After a failure nothing is known about the writes since the last
    /// success, and trying again proves nothing: the kernel forgets a failed write.
    fn sync(&self) -> io::Result<()>;

    /// Reserves disk space for the first `length` bytes and makes the file at least
    /// that long, so that a later write inside cannot find the disk full.
    fn allocate(&self, length: u64) -> io::Result<()>;

    /// Cuts the file to `length` bytes.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// The bytes of the file.
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

    /// Reads from `offset` on until the buffer is full or the file ends, and returns
    /// how many bytes that was.
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
