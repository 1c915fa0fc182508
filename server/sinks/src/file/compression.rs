//! Compression of complete files, on one thread in the background.
//!
//! A file is compressed to a temporary name, flushed, renamed, and only then removed. After a crash, it is compressed
//! again, or only removed if the compressed file exists, which is then complete.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::task::JoinHandle;

use super::{handles::sync_folder, options::Compression, rotation::Register};

/// zstd's own default: about as fast as the disk.
const ZSTD_LEVEL: i32 = 3;
/// The number of bytes between checks for the end.
const STEP: usize = 256 << 10;

/// Compresses the complete files of a register.
pub(super) struct Compressor {
    register: Arc<Mutex<Register>>,
    /// Whether a thread is at work. Changed only under the lock of the register, so that no file is left behind that
    /// becomes complete just when the thread ends.
    is_working: Arc<AtomicBool>,
    running: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl Compressor {
    pub(super) fn new(register: Arc<Mutex<Register>>) -> Self {
        Self { register, is_working: Arc::default(), running: None, stop: Arc::default() }
    }

    /// Starts with the complete files, unless a thread is at work: it takes them itself. The thread keeps `lock`, so
    /// that no other sink compresses the same files. Must be called within a runtime.
    pub(super) fn start(&mut self, lock: impl FnOnce() -> io::Result<File>) {
        {
            let register = self.register();
            // One that has panicked is replaced.
            let has_ended = self.running.as_ref().is_some_and(JoinHandle::is_finished);
            let is_working = self.is_working.load(Ordering::Relaxed) && !has_ended;
            if is_working || register.next_complete(&HashSet::new()).is_none() {
                return;
            }
            self.is_working.store(true, Ordering::Relaxed);
        }
        let lock = match lock() {
            Ok(lock) => lock,
            Err(error) => {
                tracing::warn!(%error, "files are not compressed for now");
                self.is_working.store(false, Ordering::Relaxed);
                return;
            }
        };
        let other = Self {
            register: Arc::clone(&self.register),
            is_working: Arc::clone(&self.is_working),
            running: None,
            stop: Arc::clone(&self.stop),
        };
        self.running = Some(tokio::task::spawn_blocking(move || {
            other.run();
            drop(lock);
        }));
    }

    fn register(&self) -> MutexGuard<'_, Register> {
        self.register.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next file. If there is none, the thread ends.
    fn next(&self, failed: &HashSet<PathBuf>) -> Option<(PathBuf, Compression)> {
        let register = self.register();
        let next = register.next_complete(failed);
        if next.is_none() {
            self.is_working.store(false, Ordering::Relaxed);
        }
        next
    }

    fn run(&self) {
        let mut failed = HashSet::new();
        while let Some((path, compression)) = self.next(&failed) {
            match compress(&path, compression, &self.stop) {
                Ok(true) => {
                    if let Err(error) = self.register().forget_complete(&path) {
                        tracing::warn!(path = %path.display(), %error, "a compressed file could not be noted");
                        failed.insert(path);
                    }
                }
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "a file could not be compressed, trying again later");
                    failed.insert(path);
                }
            }
        }
    }

    /// The thread, to wait for.
    #[cfg(test)]
    pub(super) fn take_running(&mut self) -> Option<JoinHandle<()>> {
        self.running.take()
    }

    /// Ends the thread soon. It leaves the file that it works on as it is.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Compresses a file and removes it. Returns false if it was stopped.
pub(super) fn compress(path: &Path, compression: Compression, stop: &AtomicBool) -> io::Result<bool> {
    let target = with_ending(path, compression.ending());
    if !target.exists() {
        let mut source = match File::open(path) {
            Ok(source) => source,
            // Not renamed yet when the program ended, or removed by someone else.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        };
        let temporary = with_ending(&target, "~");
        let outcome = write(&mut source, &temporary, compression, stop).and_then(|is_whole| {
            if is_whole {
                fs::rename(&temporary, &target)?;
                sync_folder(path.parent().unwrap_or(Path::new("/")))?;
            }
            Ok(is_whole)
        });
        if !matches!(outcome, Ok(true)) {
            let _ = fs::remove_file(&temporary);
            return outcome;
        }
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(true),
    }
}

fn write(source: &mut File, target: &Path, compression: Compression, stop: &AtomicBool) -> io::Result<bool> {
    let metadata = source.metadata()?;
    let mut file = File::create(target)?;
    file.set_permissions(metadata.permissions())?;
    let is_whole = match compression {
        Compression::Zstd => {
            let mut encoder = zstd::Encoder::new(&mut file, ZSTD_LEVEL)?;
            encoder.include_checksum(true)?;
            let is_whole = copy(source, &mut encoder, stop)?;
            encoder.finish()?;
            is_whole
        }
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(&mut file, flate2::Compression::default());
            let is_whole = copy(source, &mut encoder, stop)?;
            encoder.finish()?;
            is_whole
        }
    };
    // Tools that delete old files go by this time.
    file.set_modified(metadata.modified()?)?;
    file.sync_all()?;
    Ok(is_whole)
}

/// Copies to the end. Returns false if it was stopped.
fn copy(source: &mut impl Read, target: &mut impl Write, stop: &AtomicBool) -> io::Result<bool> {
    let mut buffer = vec![0; STEP];
    loop {
        if stop.load(Ordering::Relaxed) {
            return Ok(false);
        }
        match source.read(&mut buffer)? {
            0 => return Ok(true),
            read => target.write_all(&buffer[..read])?,
        }
    }
}

/// `goods~1.log` and `zst` to `goods~1.log.zst`; the ending `~` has no dot.
fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    if ending != "~" {
        name.push(".");
    }
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> String {
        let file = File::open(path).unwrap();
        let mut text = String::new();
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("zst") => zstd::Decoder::new(file).unwrap().read_to_string(&mut text).unwrap(),
            _ => flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap(),
        };
        text
    }

    #[test]
    fn a_crash_at_any_step_leaves_the_original_or_the_complete_compressed_file() {
        for compression in [Compression::Zstd, Compression::Gzip] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a~1.log");
            let target = with_ending(&path, compression.ending());
            let run = AtomicBool::new(false);
            // In the middle of the temporary file.
            fs::write(&path, "text\n").unwrap();
            fs::write(with_ending(&target, "~"), "half").unwrap();
            assert!(compress(&path, compression, &run).unwrap());
            assert_eq!((read(&target).as_str(), fs::read_dir(folder.path()).unwrap().count()), ("text\n", 1));
            // After the renaming, before the removal.
            fs::write(&path, "text\n").unwrap();
            assert!(compress(&path, compression, &run).unwrap());
            assert_eq!((read(&target).as_str(), fs::read_dir(folder.path()).unwrap().count()), ("text\n", 1));
            // After the removal.
            assert!(compress(&path, compression, &run).unwrap());
            assert_eq!(read(&target), "text\n");
        }
    }

    #[test]
    fn a_stop_leaves_the_original_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a~1.log");
        fs::write(&path, "text\n").unwrap();
        assert!(!compress(&path, Compression::Zstd, &AtomicBool::new(true)).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"text\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
