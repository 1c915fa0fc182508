//! A file system in memory for tests, with failing syncs, torn writes and crashes.
//!
//! It separates visible and durable state: a write is durable after a sync of the file, a name after a sync of the
//! folder. [`Faulty::crash`] returns the file system that the next process would find: the durable state, plus the
//! sectors that the test chooses.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

use super::{File, FileSystem, Lock};

const SECTOR: usize = 512;

/// A file system in memory; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faulty {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    disk: Mutex<DiskState>,
    /// Signals [`Faulty::release_syncs`].
    unheld: Condvar,
}

#[derive(Debug, Default)]
struct DiskState {
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    files: Vec<Bytes>,
    locks: BTreeSet<PathBuf>,
    /// The total capacity in bytes; `None` for no limit.
    capacity: Option<usize>,
    /// The limit of bytes per write call.
    write_bytes: Option<usize>,
    /// The scheduled failures of changing calls.
    fault: Option<Fault>,
    failing_syncs: usize,
    /// The next changing call panics.
    panics: bool,
    held: bool,
    syncs: usize,
}

#[derive(Debug, Clone, Copy)]
struct Fault {
    after: usize,
    times: usize,
    kind: io::ErrorKind,
}

#[derive(Debug, Clone, Default)]
struct Bytes {
    seen: Vec<u8>,
    durable: Vec<u8>,
    /// The unsynced sectors, which a crash may or may not keep.
    dirty: BTreeSet<usize>,
}

impl Faulty {
    /// Fails the next `times` changing calls of any kind, after `after` successful ones.
    pub(crate) fn fail(&self, after: usize, times: usize, kind: io::ErrorKind) {
        self.shared.disk.lock().fault = Some(Fault { after, times, kind });
    }

    /// Whether a fault scheduled by [`Faulty::fail`] is still pending.
    pub(crate) fn is_fault_due(&self) -> bool {
        self.shared.disk.lock().fault.is_some()
    }

    /// Fails the next syncs of files. As on Linux, the unsynced data stays readable, and a later sync does not make it
    /// durable.
    pub(crate) fn fail_syncs(&self, times: usize) {
        self.shared.disk.lock().failing_syncs = times;
    }

    /// Makes the next changing call panic.
    pub(crate) fn panic(&self) {
        self.shared.disk.lock().panics = true;
    }

    pub(crate) fn set_capacity(&self, bytes: Option<usize>) {
        self.shared.disk.lock().capacity = bytes;
    }

    /// Limits the bytes of a write call.
    pub(crate) fn set_write_bytes(&self, bytes: Option<usize>) {
        self.shared.disk.lock().write_bytes = bytes;
    }

    /// Blocks syncs of files until [`Faulty::release_syncs`].
    pub(crate) fn hold_syncs(&self) {
        self.shared.disk.lock().held = true;
    }

    pub(crate) fn release_syncs(&self) {
        self.shared.disk.lock().held = false;
        self.shared.unheld.notify_all();
    }

    /// The number of file syncs so far.
    pub(crate) fn syncs(&self) -> usize {
        self.shared.disk.lock().syncs
    }

    /// The paths of all files, sorted.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        self.shared.disk.lock().names.keys().cloned().collect()
    }

    /// The content of a file; empty if it does not exist.
    pub(crate) fn bytes(&self, path: &Path) -> Vec<u8> {
        let disk = self.shared.disk.lock();
        disk.names.get(path).map(|id| disk.files[*id].seen.clone()).unwrap_or_default()
    }

    /// Replaces the content of a file, durably.
    pub(crate) fn set_bytes(&self, path: &Path, bytes: Vec<u8>) {
        let mut disk = self.shared.disk.lock();
        let id = disk.names[path];
        disk.files[id] = Bytes { durable: bytes.clone(), seen: bytes, dirty: BTreeSet::new() };
    }

    /// The file system after a power failure. `keep` decides for each unsynced sector, and for the folder's names,
    /// whether it reached the disk.
    pub(crate) fn crash(&self, mut keep: impl FnMut() -> bool) -> Self {
        let disk = self.shared.disk.lock();
        let names = if keep() { &disk.names } else { &disk.durable_names };
        let mut after = DiskState { names: names.clone(), durable_names: names.clone(), ..DiskState::default() };
        for file in &disk.files {
            let mut bytes = file.durable.clone();
            for sector in &file.dirty {
                let range = sector * SECTOR..((sector + 1) * SECTOR).min(file.seen.len());
                if keep() && !range.is_empty() {
                    bytes.resize(bytes.len().max(range.end), 0);
                    bytes[range.clone()].copy_from_slice(&file.seen[range]);
                }
            }
            after.files.push(Bytes { seen: bytes.clone(), durable: bytes, dirty: BTreeSet::new() });
        }
        Self { shared: Arc::new(Shared { disk: Mutex::new(after), unheld: Condvar::new() }) }
    }
}

impl DiskState {
    /// Counts a changing call, and fails it if it is scheduled to.
    fn count_call(&mut self) -> io::Result<()> {
        assert!(!std::mem::take(&mut self.panics), "injected panic");
        let Some(fault) = &mut self.fault else { return Ok(()) };
        if fault.after > 0 {
            fault.after -= 1;
            return Ok(());
        }
        fault.times -= 1;
        let kind = fault.kind;
        if fault.times == 0 {
            self.fault = None;
        }
        Err(kind.into())
    }

    fn id(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or(io::ErrorKind::NotFound.into())
    }

    /// The remaining capacity in bytes.
    fn room(&self) -> usize {
        let used: usize = self.names.values().map(|id| self.files[*id].seen.len()).sum();
        self.capacity.map_or(usize::MAX, |capacity| capacity.saturating_sub(used))
    }
}

impl FileSystem for Faulty {
    fn create_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let disk = self.shared.disk.lock();
        let inside = disk.names.keys().filter(|path| path.parent() == Some(folder));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut disk = self.shared.disk.lock();
        disk.count_call()?;
        disk.files.push(Bytes::default());
        let id = disk.files.len() - 1;
        disk.names.insert(path.to_path_buf(), id);
        Ok(Arc::new(FaultyFile { shared: self.shared.clone(), id }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let id = self.shared.disk.lock().id(path)?;
        Ok(Arc::new(FaultyFile { shared: self.shared.clone(), id }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.shared.disk.lock();
        disk.count_call()?;
        let id = disk.id(from)?;
        disk.names.remove(from);
        disk.names.insert(to.to_path_buf(), id);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.shared.disk.lock();
        disk.count_call()?;
        disk.names.remove(path).map(|_| ()).ok_or(io::ErrorKind::NotFound.into())
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        let mut disk = self.shared.disk.lock();
        disk.count_call()?;
        disk.durable_names = disk.names.clone();
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Lock> {
        if self.shared.disk.lock().locks.insert(path.to_path_buf()) {
            Ok(Box::new(Held { shared: self.shared.clone(), path: path.to_path_buf() }))
        } else {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }
}

struct Held {
    shared: Arc<Shared>,
    path: PathBuf,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.disk.lock().locks.remove(&self.path);
    }
}

#[derive(Debug)]
struct FaultyFile {
    shared: Arc<Shared>,
    id: usize,
}

impl File for FaultyFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let disk = self.shared.disk.lock();
        let rest = disk.files[self.id].seen.get(offset as usize..).unwrap_or_default();
        let length = rest.len().min(bytes.len());
        bytes[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut disk = self.shared.disk.lock();
        disk.count_call()?;
        let offset = offset as usize;
        let length = disk.files[self.id].seen.len();
        let grow_to = length.saturating_add(disk.room());
        let mut end = (offset + bytes.len()).min(grow_to.max(length));
        end = end.min(disk.write_bytes.map_or(end, |most| offset + most));
        if end <= offset {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = &mut disk.files[self.id];
        file.seen.resize(length.max(end), 0);
        file.seen[offset..end].copy_from_slice(&bytes[..end - offset]);
        file.dirty.extend(offset / SECTOR..end.div_ceil(SECTOR));
        Ok(end - offset)
    }

    fn sync(&self) -> io::Result<()> {
        let mut disk = self.shared.disk.lock();
        while disk.held {
            self.shared.unheld.wait_for(&mut disk, Duration::from_secs(60));
        }
        disk.syncs += 1;
        let failing = disk.failing_syncs > 0;
        disk.failing_syncs = disk.failing_syncs.saturating_sub(1);
        let turn = if failing { Err(io::Error::other("injected")) } else { disk.count_call() };
        let file = &mut disk.files[self.id];
        file.dirty.clear();
        if turn.is_ok() {
            file.durable = file.seen.clone();
        }
        turn
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        let mut disk = self.shared.disk.lock();
        disk.count_call()?;
        let grow = (length as usize).saturating_sub(disk.files[self.id].seen.len());
        if grow > disk.room() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = &mut disk.files[self.id];
        let length = file.seen.len().max(length as usize);
        file.seen.resize(length, 0);
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut disk = self.shared.disk.lock();
        disk.count_call()?;
        disk.files[self.id].seen.truncate(length as usize);
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.shared.disk.lock().files[self.id].seen.len() as u64)
    }
}
