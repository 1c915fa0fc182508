//! A bounded number of open files, and whether they are still the files of their paths.

use std::{
    collections::{BTreeSet, HashMap},
    fs::{self, File, Metadata, OpenOptions},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// The maximum number of open files.
pub(super) const OPEN_FILES: usize = 256;

/// The identity of a file, which survives renaming.
pub(super) type Identity = (u64, u64);

pub(super) fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

/// Whether the path still leads to this file.
pub(super) fn is_at(path: &Path, identity_of_file: Identity) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(identity(&metadata) == identity_of_file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Flushes a folder's entries to the disk.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

struct Handle {
    file: File,
    identity: Identity,
    /// When it was last used, as a count of uses.
    used: u64,
}

/// Files open for appending, the least recently used of which are closed.
#[derive(Default)]
pub(super) struct Handles {
    open: HashMap<PathBuf, Handle>,
    uses: u64,
    /// Folders with new entries that are not flushed yet.
    changed: BTreeSet<PathBuf>,
}

impl Handles {
    /// Opens the file, or creates it with its folders. Returns its identity and length.
    pub(super) fn ensure(&mut self, path: &Path) -> io::Result<(Identity, u64)> {
        self.uses += 1;
        if let Some(handle) = self.open.get_mut(path) {
            if is_at(path, handle.identity)? {
                handle.used = self.uses;
                return Ok((handle.identity, handle.file.metadata()?.len()));
            }
            self.open.remove(path);
        }
        let file = match append_to(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.create(path)?,
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if self.open.len() >= OPEN_FILES {
            self.close_oldest();
        }
        let identity = identity(&metadata);
        self.open.insert(path.to_owned(), Handle { file, identity, used: self.uses });
        Ok((identity, metadata.len()))
    }

    fn create(&mut self, path: &Path) -> io::Result<File> {
        let mut folder = path.parent().unwrap_or(Path::new("/"));
        let parent = folder;
        // Each folder that is created is a new entry of the one above.
        while let (false, Some(above)) = (folder.exists(), folder.parent()) {
            self.changed.insert(above.to_owned());
            folder = above;
        }
        fs::create_dir_all(parent)?;
        self.changed.insert(parent.to_owned());
        OpenOptions::new().append(true).create(true).open(path)
    }

    fn close_oldest(&mut self) {
        // A pass over all closes a quarter, so that it is rare.
        let mut uses: Vec<u64> = self.open.values().map(|handle| handle.used).collect();
        uses.sort_unstable();
        let bound = uses[uses.len() / 4];
        self.open.retain(|_, handle| handle.used > bound);
    }

    /// An open file.
    pub(super) fn get(&self, path: &Path) -> Option<&File> {
        self.open.get(path).map(|handle| &handle.file)
    }

    pub(super) fn close(&mut self, path: &Path) {
        self.open.remove(path);
    }

    pub(super) fn close_all(&mut self) {
        self.open.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Flushes the entries of new files and folders to the disk.
    pub(super) fn sync_folders(&mut self) -> io::Result<()> {
        while let Some(folder) = self.changed.first() {
            match sync_folder(folder) {
                Ok(()) => {}
                // Removed meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            self.changed.pop_first();
        }
        Ok(())
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).open(path)
}
