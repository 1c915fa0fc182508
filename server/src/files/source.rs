//! The bytes of an open file: as they are, or inflated from gzip.

use std::{
    fs::{File, Metadata},
    io::{self, BufReader, Read as _, Seek as _},
    os::unix::fs::FileExt as _,
    path::Path,
};

use flate2::read::MultiGzDecoder;

/// The most bytes that [`Source::start`] and [`Source::before`] can return.
pub(super) const START_BYTES: u64 = 1024;

/// An open file. All calls block.
#[derive(Debug)]
pub(super) enum Source {
    Plain(File),
    Gzip(Box<Gzip>),
}

/// A compressed file. It was compressed at once, so it grows only until it is complete.
#[derive(Debug)]
pub(super) struct Gzip {
    file: File,
    /// The first inflated bytes, at most [`START_BYTES`].
    start: Vec<u8>,
    decoder: Option<Decoder>,
    /// The inflated length, once it is known.
    length: Option<u64>,
    /// The compressed length at the last error: the file is not read again before it has another one.
    failed: Option<(u64, String)>,
}

struct Decoder {
    inflate: MultiGzDecoder<BufReader<File>>,
    /// The offset of the first byte of `window`.
    offset: u64,
    window: Vec<u8>,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("offset", &self.offset).finish_non_exhaustive()
    }
}

/// Whether the name of a file means that it is compressed.
pub(crate) fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

impl Source {
    /// # Errors
    /// The file cannot be read; `UnexpectedEof` if it is compressed and still being written.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(if is_gzip(path) { Self::Gzip(Box::new(Gzip::new(file)?)) } else { Self::Plain(file) })
    }

    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        match self {
            Self::Plain(file) => file.metadata(),
            Self::Gzip(gzip) => gzip.file.metadata(),
        }
    }

    /// The first `length` bytes; `None` if there are fewer. `length` is at most [`START_BYTES`].
    pub(super) fn start(&self, length: u64) -> io::Result<Option<Vec<u8>>> {
        let length = usize::try_from(length.min(START_BYTES)).unwrap_or_default();
        match self {
            Self::Plain(file) => {
                let mut bytes = vec![0; length];
                match file.read_exact_at(&mut bytes, 0) {
                    Ok(()) => Ok(Some(bytes)),
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
                    Err(error) => Err(error),
                }
            }
            Self::Gzip(gzip) => Ok(gzip.start.get(..length).map(<[u8]>::to_vec)),
        }
    }

    /// The bytes there are from `offset` on, at most `most`.
    pub(super) fn read(&mut self, offset: u64, most: usize) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain(file) => {
                let available = file.metadata()?.len().saturating_sub(offset);
                let mut bytes = vec![0; usize::try_from(available).unwrap_or(usize::MAX).min(most)];
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
            Self::Gzip(gzip) => gzip.read(offset, most),
        }
    }

    /// The last [`START_BYTES`] before `end`, or all if there are fewer; `None` if the file is shorter than `end`. A
    /// compressed file is inflated up to there.
    pub(super) fn before(&mut self, end: u64) -> io::Result<Option<Vec<u8>>> {
        let length = end.min(START_BYTES);
        let bytes = self.read(end - length, usize::try_from(length).unwrap_or_default())?;
        Ok((bytes.len() as u64 == length).then_some(bytes))
    }

    /// Whether nothing comes after `end`.
    pub(super) fn is_last(&self, end: u64) -> bool {
        matches!(self, Self::Gzip(gzip) if gzip.length == Some(end))
    }

    /// The length, if it is known without reading.
    pub(super) fn length(&self) -> Option<u64> {
        match self {
            Self::Plain(file) => file.metadata().ok().map(|metadata| metadata.len()),
            Self::Gzip(gzip) => gzip.length,
        }
    }
}

impl Gzip {
    fn new(file: File) -> io::Result<Self> {
        let mut start = Vec::new();
        let begin = BufReader::new(file.try_clone()?);
        MultiGzDecoder::new(begin).take(START_BYTES).read_to_end(&mut start)?;
        Ok(Self { file, start, decoder: None, length: None, failed: None })
    }

    fn read(&mut self, offset: u64, most: usize) -> io::Result<Vec<u8>> {
        if self.length.is_some_and(|length| offset >= length) {
            self.decoder = None;
            return Ok(Vec::new());
        }
        let compressed = self.file.metadata()?.len();
        if let Some((length, reason)) = &self.failed
            && *length == compressed
        {
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason.clone()));
        }
        self.failed = None;
        self.inflate(offset, most).inspect_err(|error| {
            self.decoder = None;
            self.failed = Some((compressed, error.to_string()));
        })
    }

    fn inflate(&mut self, offset: u64, most: usize) -> io::Result<Vec<u8>> {
        let mut decoder = match self.decoder.take().filter(|decoder| decoder.offset <= offset) {
            Some(decoder) => decoder,
            None => {
                let mut file = self.file.try_clone()?;
                file.rewind()?;
                Decoder { inflate: MultiGzDecoder::new(BufReader::new(file)), offset: 0, window: Vec::new() }
            }
        };
        loop {
            let skip = usize::try_from(offset - decoder.offset).unwrap_or(usize::MAX).min(decoder.window.len());
            decoder.window.drain(..skip);
            decoder.offset += skip as u64;
            if decoder.offset == offset && decoder.window.len() >= most {
                break;
            }
            let room = most.max(1) - decoder.window.len().min(most.max(1) - 1);
            let read = decoder.inflate.by_ref().take(room as u64).read_to_end(&mut decoder.window)?;
            if read == 0 {
                self.length = Some(decoder.offset + decoder.window.len() as u64);
                break;
            }
        }
        let is_there = decoder.offset == offset;
        let bytes = decoder.window.get(..most.min(decoder.window.len())).unwrap_or_default().to_vec();
        self.decoder = Some(decoder);
        Ok(if is_there { bytes } else { Vec::new() })
    }
}
