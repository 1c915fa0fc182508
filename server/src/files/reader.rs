//! The lines appended to the file at a path.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    Place,
    entries::{Format, LINE_BYTES},
    source::{Source, is_gzip},
};

/// The most bytes of one reading.
const READ_BYTES: usize = 4 << 20;
/// A replaced file is read until nothing was appended for so long, because its writer may not know of the rotation yet.
/// Then the new file is read.
const QUIET: Duration = Duration::from_secs(2);
/// A record of several lines is complete when nothing was appended for so long.
const SETTLED: Duration = Duration::from_secs(1);

/// Reads lines appended to a file. All calls block.
#[derive(Debug)]
pub(crate) struct Reader {
    path: PathBuf,
    /// `None` while there is no file at the path.
    open: Option<(Source, Place)>,
    /// Since when another file is at the path and this one is quiet.
    replaced: Option<Instant>,
    quiet: Duration,
    format: Format,
    /// The length of the file at the last look, and since when it has it.
    length: Option<(u64, Instant)>,
    /// The file when its fingerprints were last compared.
    compared: Option<Version>,
    settled: Duration,
}

/// Differs when a file has changed: inode, length, and the seconds and nanoseconds of the last change.
type Version = (u64, u64, i64, i64);

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
        Self {
            path: path.to_owned(),
            open: None,
            replaced: None,
            quiet: QUIET,
            format: Format::default(),
            length: None,
            compared: None,
            settled: SETTLED,
        }
    }

    /// Returns only lines that are whole records of this format.
    pub(crate) fn with_format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// A reader that begins after what the file has now.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn from_end(path: &Path) -> io::Result<Self> {
        let mut reader = Self::from_start(path);
        let (mut file, mut place) = open(path)?;
        let length = file.metadata()?.len();
        place.advance(&mut file, length, &[])?;
        reader.open = Some((file, place));
        Ok(reader)
    }

    /// A reader that goes on at `place`, also if the file was renamed or compressed within its folder since. Begins with
    /// the first line if the file was truncated or is gone.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub(crate) fn resume(path: &Path, place: Place) -> io::Result<Self> {
        let mut reader = Self::from_start(path);
        reader.open = find(path, &place)?;
        Ok(reader)
    }

    /// Switches to a new file at the path after this time of quiet.
    #[cfg(test)]
    pub(super) fn with_quiet(self, quiet: Duration) -> Self {
        Self { quiet, ..self }
    }

    /// Takes a record of several lines for complete after this time.
    #[cfg(test)]
    pub(super) fn with_settled(self, settled: Duration) -> Self {
        Self { settled, ..self }
    }

    /// The place after the last line returned; `None` while there is no file.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.open.as_ref().map(|(_, place)| place)
    }

    /// The bytes that were not read yet; 0 while there is no file.
    pub(crate) fn lag(&self) -> u64 {
        let Some((file, place)) = &self.open else { return 0 };
        file.length().map_or(0, |length| length.saturating_sub(place.offset))
    }

    /// The same file under its new path.
    pub(crate) fn renamed(self, path: &Path) -> Self {
        Self { path: path.to_owned(), replaced: None, ..self }
    }

    /// The next complete lines: at most `most`, and at most 4 MiB; `None` if there are none yet. A partial last
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
            let bytes = file.read(place.offset, READ_BYTES)?;
            // After the reading, so that what was read is from before a truncation. Files at rest, of which there may be
            // a thousand, are looked at five times a second: their 2 KiB are not compared again.
            let metadata = file.metadata()?;
            let version = (metadata.ino(), metadata.len(), metadata.ctime(), metadata.ctime_nsec());
            if !bytes.is_empty() || self.compared != Some(version) {
                if !place.is_in(file)? {
                    *place = Place::start_of(&metadata);
                    self.replaced = None;
                    continue;
                }
                self.compared = Some(version);
            }
            let is_settled = is_settled(&mut self.length, place.offset + bytes.len() as u64, self.settled);
            let length = self.format.complete(&bytes, most, is_settled);
            if length > 0 {
                self.replaced = None;
                return Ok(Some(self.take(bytes, length)?));
            }
            if !bytes.is_empty() && file.is_last(place.offset + bytes.len() as u64) {
                return Ok(Some(self.take_all(bytes)?));
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
        let Some((file, place)) = &mut self.open else { return Ok(None) };
        let length = usize::try_from(end.saturating_sub(place.offset)).unwrap_or(usize::MAX);
        let bytes = file.read(place.offset, length.min(READ_BYTES + LINE_BYTES))?;
        if bytes.len() < length || !is_same(&bytes) {
            return Ok(None);
        }
        Ok(Some(self.take_all(bytes)?))
    }

    fn take_all(&mut self, bytes: Vec<u8>) -> io::Result<Lines> {
        let length = bytes.len();
        self.take(bytes, length)
    }

    fn take(&mut self, mut bytes: Vec<u8>, length: usize) -> io::Result<Lines> {
        bytes.truncate(length);
        let Some((file, place)) = &mut self.open else { return Err(io::ErrorKind::NotFound.into()) };
        let from = place.clone();
        place.advance(file, from.offset + length as u64, &bytes)?;
        Ok(Lines { text: bytes, from })
    }
}

fn open(path: &Path) -> io::Result<(Source, Place)> {
    let file = Source::open(path)?;
    let place = Place::start_of(&file.metadata()?);
    Ok((file, place))
}

/// The file of the place: at the path, or renamed or compressed within its folder. If the path is a symbolic link, the
/// folder is that of the file to which it leads.
fn find(path: &Path, place: &Place) -> io::Result<Option<(Source, Place)>> {
    let is_it = |path: &Path| -> Option<(Source, Place)> {
        let metadata = fs::metadata(path).ok().filter(|metadata| metadata.is_file() && place.is_of(metadata));
        let mut file = metadata.and_then(|_| Source::open(path).ok())?;
        let is_in = place.is_in(&mut file).is_ok_and(|is_in| is_in);
        // Of a compressed file, the last bytes are not compared yet.
        let is_it = is_in && (!is_gzip(path) || has_tail(place, &mut file));
        is_it.then(|| (file, place.clone()))
    };
    if let Some(found) = is_it(path) {
        return Ok(Some(found));
    }
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    let paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    if let Some(found) = paths.iter().find_map(|path| is_it(path)) {
        return Ok(Some(found));
    }
    let copies = paths.iter().filter(|copy| is_gzip(copy) && are_related(&target, copy));
    Ok(copies.into_iter().find_map(|copy| {
        let place = place.compressed(copy).ok().flatten()?;
        let mut file = Source::open(copy).ok()?;
        has_tail(&place, &mut file).then_some((file, place))
    }))
}

/// Whether the file has the last bytes before the place. An error is that of the next reading.
fn has_tail(place: &Place, file: &mut Source) -> bool {
    place.has_tail(file).unwrap_or(true)
}

/// Whether one file may be a rotation of the other, by their names up to the first dot, dash or underscore.
pub(crate) fn are_related(left: &Path, right: &Path) -> bool {
    let stem = |path: &Path| -> Option<String> {
        let name = path.file_name()?.to_str()?;
        Some(name.split(['.', '-', '_']).next().unwrap_or_default().to_owned())
    };
    stem(left).is_some() && stem(left) == stem(right)
}

/// Whether another file is at the path.
fn is_replaced(path: &Path, place: &Place) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(!place.is_of(&metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether the length is the same for some time.
fn is_settled(last: &mut Option<(u64, Instant)>, length: u64, settled: Duration) -> bool {
    match last {
        Some((known, since)) if *known == length => since.elapsed() >= settled,
        _ => {
            *last = Some((length, Instant::now()));
            settled.is_zero()
        }
    }
}
