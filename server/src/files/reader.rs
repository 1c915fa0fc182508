//! The lines appended to the file at a path.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::Place;

/// The most bytes of a line; a longer one is split.
const LINE_BYTES: usize = 1 << 20;
/// The most bytes of one reading.
const READ_BYTES: usize = 1 << 20;
/// A replaced file is read until nothing was appended for so long, because its writer may not know of the rotation yet.
/// Then the new file is read.
const QUIET: Duration = Duration::from_secs(2);

/// Reads lines appended to a file. All calls block.
#[derive(Debug)]
pub(crate) struct Reader {
    path: PathBuf,
    /// `None` while there is no file at the path.
    open: Option<(File, Place)>,
    /// Since when another file is at the path and this one is quiet.
    replaced: Option<Instant>,
    quiet: Duration,
}

/// Some lines of one file.
#[derive(Debug)]
pub(crate) struct Lines {
    /// With the newlines; the last line of a file that was replaced may have none.
    pub text: Vec<u8>,
    /// Where they begin.
    pub from: Place,
}

impl Reader {
    /// A reader that begins with the first line.
    pub(crate) fn from_start(path: &Path) -> Self {
        Self { path: path.to_owned(), open: None, replaced: None, quiet: QUIET }
    }

    /// A reader that begins after what the file has now.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn from_end(path: &Path) -> io::Result<Self> {
        let mut reader = Self::from_start(path);
        let (file, mut place) = open(path)?;
        let length = file.metadata()?.len();
        place.advance(&file, length)?;
        reader.open = Some((file, place));
        Ok(reader)
    }

    /// A reader that goes on at `place`, also if the file was renamed within its folder since. Begins with the first
    /// line if the file was truncated or is gone.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub(crate) fn resume(path: &Path, place: Place) -> io::Result<Self> {
        let mut reader = Self::from_start(path);
        reader.open = find(path, &place)?.map(|file| (file, place));
        Ok(reader)
    }

    /// Switches to a new file at the path after this time of quiet.
    #[cfg(test)]
    pub(super) fn with_quiet(self, quiet: Duration) -> Self {
        Self { quiet, ..self }
    }

    /// The place after the last line returned; `None` while there is no file.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.open.as_ref().map(|(_, place)| place)
    }

    /// The same file under its new path.
    pub(crate) fn renamed(self, path: &Path) -> Self {
        Self { path: path.to_owned(), replaced: None, ..self }
    }

    /// The next complete lines: at most `most`, and at most a megabyte; `None` if there are none yet. A partial last
    /// line waits for its end. Goes on with another file at the path only if that was there before `known`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn lines(&mut self, most: usize, known: Instant) -> io::Result<Option<Lines>> {
        // Two changes of files within one call are enough; the next call goes on.
        for _ in 0..3 {
            let Some((file, place)) = &mut self.open else {
                match open(&self.path) {
                    Ok(opened) => self.open = Some(opened),
                    // During a rotation it may be missing.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                    Err(error) => return Err(error),
                }
                continue;
            };
            let bytes = read_at(file, place.offset)?;
            // After the reading, so that what was read is from before a truncation.
            if !place.is_in(file)? {
                *place = Place::start_of(&file.metadata()?);
                self.replaced = None;
                continue;
            }
            let length = complete(&bytes, most);
            if length > 0 {
                self.replaced = None;
                return Ok(Some(self.take(bytes, length)?));
            }
            if !is_replaced(&self.path, place)? {
                self.replaced = None;
                return Ok(None);
            }
            let since = *self.replaced.get_or_insert_with(Instant::now);
            if since.elapsed() < self.quiet || since > known {
                return Ok(None);
            }
            // Nobody will end its last line.
            let rest = if bytes.is_empty() { None } else { Some(self.take_all(bytes)?) };
            (self.open, self.replaced) = (None, None);
            if rest.is_some() {
                return Ok(rest);
            }
        }
        Ok(None)
    }

    /// The bytes from the place up to `end`, which were read before; `None` if they are others, which `is_same` tells.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn again(&mut self, end: u64, is_same: impl Fn(&[u8]) -> bool) -> io::Result<Option<Lines>> {
        let Some((file, place)) = &self.open else { return Ok(None) };
        let length =
            usize::try_from(end.saturating_sub(place.offset)).unwrap_or(usize::MAX).min(READ_BYTES + LINE_BYTES);
        let mut bytes = vec![0; length];
        match file.read_exact_at(&mut bytes, place.offset) {
            Ok(()) if is_same(&bytes) => Ok(Some(self.take_all(bytes)?)),
            Ok(()) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn take_all(&mut self, bytes: Vec<u8>) -> io::Result<Lines> {
        let length = bytes.len();
        self.take(bytes, length)
    }

    fn take(&mut self, mut bytes: Vec<u8>, length: usize) -> io::Result<Lines> {
        bytes.truncate(length);
        let Some((file, place)) = &mut self.open else { return Err(io::ErrorKind::NotFound.into()) };
        let from = place.clone();
        place.advance(file, from.offset + length as u64)?;
        Ok(Lines { text: bytes, from })
    }
}

fn open(path: &Path) -> io::Result<(File, Place)> {
    let file = File::open(path)?;
    let place = Place::start_of(&file.metadata()?);
    Ok((file, place))
}

/// The file of the place: at the path, or renamed within its folder.
fn find(path: &Path, place: &Place) -> io::Result<Option<File>> {
    let is_it = |path: &Path| -> Option<File> {
        let metadata = fs::metadata(path).ok().filter(|metadata| metadata.is_file() && place.is_of(metadata));
        let file = metadata.and_then(|_| File::open(path).ok())?;
        place.is_in(&file).is_ok_and(|is_in| is_in).then_some(file)
    };
    if let Some(file) = is_it(path) {
        return Ok(Some(file));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    Ok(entries.flatten().find_map(|entry| is_it(&entry.path())))
}

/// Whether another file is at the path.
fn is_replaced(path: &Path, place: &Place) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(!place.is_of(&metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn read_at(file: &File, offset: u64) -> io::Result<Vec<u8>> {
    let available = file.metadata()?.len().saturating_sub(offset);
    let mut bytes = vec![0; usize::try_from(available).unwrap_or(usize::MAX).min(READ_BYTES)];
    let mut length = 0;
    while length < bytes.len() {
        match file.read_at(&mut bytes[length..], offset + length as u64)? {
            0 => break,
            read => length += read,
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// The length of the first complete lines, `most` of them at most.
fn complete(bytes: &[u8], most: usize) -> usize {
    match memchr::memchr_iter(b'\n', bytes).take(most).last() {
        Some(last) => last + 1,
        // A line that is too long is split.
        None if bytes.len() >= LINE_BYTES => LINE_BYTES,
        None => 0,
    }
}
