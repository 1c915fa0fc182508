//! Membership tests without decoding rows: Parquet's Bloom filters, and raw ids in uncompressed columns. Only the
//! filter block of the requested value is read, because a lookup of one trace queries the filters of all row groups.

use std::os::unix::fs::FileExt;

use memchr::memmem;
use parquet::{
    basic::{Compression, Encoding},
    bloom_filter::Sbbf,
    data_type::AsBytes,
};
use pipeline::Result;
use twox_hash::XxHash64;

use super::{
    file,
    reader::{Footer, Part, advise},
};

/// A block of Parquet's split-block Bloom filter.
const BLOCK_BYTES: usize = 32;

impl Part {
    /// Whether a row group may have the value in a column, by the column's Bloom filter; `true` without a filter.
    ///
    /// # Errors
    /// `Unavailable` if the file cannot be read.
    pub fn may_have<T: AsBytes + ?Sized>(
        &self,
        footer: &Footer,
        group: usize,
        column: usize,
        value: &T,
    ) -> Result<bool> {
        let Some(block) = footer.filter_block(group, column, value) else { return Ok(true) };
        let mut bytes = [0; BLOCK_BYTES];
        self.open()?.read_exact_at(&mut bytes, block).map_err(|error| file::failed("read", &self.path, &error))?;
        // A filter of a single block contains every hash.
        Ok(Sbbf::new(&bytes).check(value))
    }

    /// Prefetches the blocks that [`Self::may_have`] will read, for all row groups at once. Otherwise each block
    /// would cost a disk access of its own.
    pub fn read_filters_ahead<T: AsBytes + ?Sized>(&self, footer: &Footer, column: usize, value: &T) {
        // The later read reports errors of the file.
        let Ok(file) = self.open() else { return };
        for block in (0..footer.groups.len()).filter_map(|group| footer.filter_block(group, column, value)) {
            advise(&file, block..block.saturating_add(BLOCK_BYTES as u64));
        }
    }

    /// Whether the bytes of a column in a row group contain one of the values; `true` if the column is compressed or
    /// encoded.
    ///
    /// # Errors
    /// `Unavailable` if the file cannot be read, `Corrupt` if the footer is invalid.
    pub fn may_hold(&self, footer: &Footer, group: usize, column: usize, values: &[Vec<u8>]) -> Result<bool> {
        let chunk = footer.metadata.metadata().row_group(group).column(column);
        let is_plain = |encoding| matches!(encoding, Encoding::PLAIN | Encoding::RLE);
        if chunk.compression() != Compression::UNCOMPRESSED || !chunk.encodings().all(is_plain) {
            return Ok(true);
        }
        let (start, length) = self.guarded(|| Ok(chunk.byte_range()))?;
        let file = self.open()?;
        advise(&file, start..start.saturating_add(length));
        // A damaged length must not cause a huge allocation.
        let mut bytes = vec![0; length.min(self.info.bytes) as usize];
        file.read_exact_at(&mut bytes, start).map_err(|error| file::failed("read", &self.path, &error))?;
        Ok(values.iter().any(|value| memmem::find(&bytes, value).is_some()))
    }
}

impl Footer {
    /// The file offset of the filter block for a value; `None` without a filter.
    fn filter_block<T: AsBytes + ?Sized>(&self, group: usize, column: usize, value: &T) -> Option<u64> {
        let chunk = self.metadata.metadata().row_group(group).column(column);
        let offset = u64::try_from(chunk.bloom_filter_offset()?).ok()?;
        let length = u64::try_from(chunk.bloom_filter_length()?).ok()?;
        // A short header precedes a power of two of bytes.
        let bytes = 1 << length.checked_ilog2()?;
        let blocks = bytes / BLOCK_BYTES as u64;
        let block = ((XxHash64::oneshot(0, value.as_bytes()) >> 32) * blocks) >> 32;
        offset.checked_add(length - bytes + block * BLOCK_BYTES as u64)
    }
}
