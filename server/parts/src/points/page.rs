//! Reads the bytes of single pages, and decompresses them as far as they are needed.
//!
//! A search reads some thousand pages for a hundred records. Buffers and the decompressor are therefore kept by each
//! thread: those of Parquet's reader are set up for each column.

use std::{cell::Cell, fs::File, ops::Range, os::unix::fs::FileExt as _};

use zstd::stream::raw::{DParameter, Decoder, Operation as _};

use super::header::{Header, Kind};

/// The bytes that are decompressed at once; larger pages are decompressed up to the wanted values. A block of Zstandard
/// has half as many.
const AT_ONCE: usize = 256 << 10;
/// The bytes of a buffer that a thread keeps. What a page needs beyond is allocated as it is decompressed, so that a
/// damaged length cannot take the memory.
const KEPT: usize = 2 << 20;
/// The largest window of a compressed page, as a power of two. The writer's have at most two mebibytes.
const WINDOW_LOG: u32 = 24;

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// The buffers of a thread.
#[derive(Default)]
pub(super) struct Scratch {
    decoder: Option<Decoder<'static>>,
    /// Pages as they are in the file.
    packed: Vec<u8>,
    /// The bytes of a page.
    page: Vec<u8>,
}

impl Scratch {
    /// Runs `read` with the buffers of this thread. They are lost if it panics.
    pub(super) fn with<T>(read: impl FnOnce(&mut Self) -> T) -> T {
        let mut scratch = SCRATCH.take().unwrap_or_default();
        let read = read(&mut scratch);
        for buffer in [&mut scratch.packed, &mut scratch.page] {
            buffer.truncate(KEPT);
            buffer.shrink_to(KEPT);
        }
        SCRATCH.set(Some(scratch));
        read
    }
}

/// A page that is decompressed as it is needed.
pub(super) struct Page<'s> {
    pub(super) header: Header,
    /// Compressed with Zstandard, and not yet read; empty if all of the page is there.
    packed: &'s [u8],
    decoder: Option<&'s mut Decoder<'static>>,
    bytes: &'s mut Vec<u8>,
    /// The number of bytes that are there.
    filled: usize,
}

impl<'s> Page<'s> {
    /// Reads the page at this place of the file. `None` if it is damaged, cannot be read, or is of a kind that is not read
    /// here.
    pub(super) fn read(scratch: &'s mut Scratch, file: &File, place: Range<u64>, is_compressed: bool) -> Option<Self> {
        let Scratch { decoder, packed, page: bytes } = scratch;
        let length = usize::try_from(place.end.checked_sub(place.start)?).ok()?;
        if packed.len() < length {
            packed.resize(length, 0);
        }
        let packed = packed.get_mut(..length)?;
        file.read_exact_at(packed, place.start).ok()?;
        let mut packed: &[u8] = packed;
        let header = Header::read(&mut packed)?;
        let packed = packed.get(..header.compressed)?;
        let (levels, is_compressed) = match header.kind {
            Kind::Second { levels, is_compressed: is_page_compressed } => (levels, is_compressed && is_page_compressed),
            Kind::Dictionary | Kind::Data => (0, is_compressed),
        };
        if levels > header.uncompressed || !is_compressed && header.compressed != header.uncompressed {
            return None;
        }
        // What is not compressed is copied: it is little, or the page of a part that is merged soon.
        let (plain, packed) = packed.split_at_checked(if is_compressed { levels } else { header.uncompressed })?;
        // Parquet's reader refuses a page of another size, and the places of values depend on it.
        if is_compressed
            && let Ok(Some(size)) = zstd::zstd_safe::get_frame_content_size(packed)
            && usize::try_from(size) != Ok(header.uncompressed - levels)
        {
            return None;
        }
        if bytes.len() < plain.len() {
            bytes.resize(plain.len(), 0);
        }
        bytes.get_mut(..plain.len())?.copy_from_slice(plain);
        if is_compressed && decoder.is_none() {
            let mut new = Decoder::new().ok()?;
            new.set_parameter(DParameter::WindowLogMax(WINDOW_LOG)).ok()?;
            *decoder = Some(new);
        }
        let mut decoder = decoder.as_mut().filter(|_| is_compressed);
        if let Some(decoder) = &mut decoder {
            decoder.reinit().ok()?;
        }
        Some(Self { header, packed, decoder, bytes, filled: plain.len() })
    }

    /// The first bytes of the page, at least `wanted` if it has so many; all of a small page.
    pub(super) fn upto(&mut self, wanted: usize) -> Option<&[u8]> {
        let all = self.header.uncompressed;
        let wanted = if all <= AT_ONCE { all } else { wanted.min(all) };
        while self.filled < wanted {
            let decoder = self.decoder.as_mut()?;
            // If the buffer takes the whole page, it is decompressed without a copy.
            let room = wanted.min(self.bytes.len().max(KEPT).max(self.filled.saturating_mul(2)));
            if self.bytes.len() < room {
                self.bytes.resize(room, 0);
            }
            let status = decoder.run_on_buffers(self.packed, self.bytes.get_mut(self.filled..room)?).ok()?;
            if status.bytes_read == 0 && status.bytes_written == 0 {
                return None;
            }
            self.packed = self.packed.get(status.bytes_read..)?;
            self.filled += status.bytes_written;
        }
        self.bytes.get(..self.filled)
    }
}
