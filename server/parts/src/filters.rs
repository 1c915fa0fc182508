//! What a part keeps to say that a value is nowhere in it: Parquet's Bloom filters, and ids as
//! they stand in the file. Of a filter only the block is read that a value falls into: there
//! is one for each row group, and all are asked for one trace.

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
    /// Whether a row group may have the value in a column, as the column's Bloom filter says;
    /// yes where it has none.
    ///
    /// # Errors
    /// `Unavailable` where the file cannot be read.
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
        // Of one block alone: there every value falls into that.
        Ok(Sbbf::new(&bytes).check(value))
    }

    /// Has the system read what [`Self::may_have`] will want of all row groups, all at once: one
    /// after the other, a disk would be waited for at each.
    pub fn read_filters_ahead<T: AsBytes + ?Sized>(&self, footer: &Footer, column: usize, value: &T) {
        // Whoever reads them tells what is wrong with the file.
        let Ok(file) = self.open() else { return };
        for block in (0..footer.groups.len()).filter_map(|group| footer.filter_block(group, column, value)) {
            advise(&file, block..block.saturating_add(BLOCK_BYTES as u64));
        }
    }

    /// Whether the bytes of a column in a row group have one of these in them; yes where values
    /// do not stand there as they are.
    ///
    /// # Errors
    /// `Unavailable` where the file cannot be read, `Corrupt` where the footer makes no sense.
    pub fn may_hold(&self, footer: &Footer, group: usize, column: usize, values: &[Vec<u8>]) -> Result<bool> {
        let chunk = footer.metadata.metadata().row_group(group).column(column);
        let is_plain = |encoding| matches!(encoding, Encoding::PLAIN | Encoding::RLE);
        if chunk.compression() != Compression::UNCOMPRESSED || !chunk.encodings().all(is_plain) {
            return Ok(true);
        }
        let (start, length) = self.guarded(|| Ok(chunk.byte_range()))?;
        let file = self.open()?;
        advise(&file, start..start.saturating_add(length));
        // A length that is spoilt must not be believed.
        let mut bytes = vec![0; length.min(self.info.bytes) as usize];
        file.read_exact_at(&mut bytes, start).map_err(|error| file::failed("read", &self.path, &error))?;
        Ok(values.iter().any(|value| memmem::find(&bytes, value).is_some()))
    }
}

impl Footer {
    /// Where in the file the block is that a value falls into; `None` where there is no filter.
    fn filter_block<T: AsBytes + ?Sized>(&self, group: usize, column: usize, value: &T) -> Option<u64> {
        let chunk = self.metadata.metadata().row_group(group).column(column);
        let offset = u64::try_from(chunk.bloom_filter_offset()?).ok()?;
        let length = u64::try_from(chunk.bloom_filter_length()?).ok()?;
        // A short header, and then a power of two.
        let bytes = 1 << length.checked_ilog2()?;
        let blocks = bytes / BLOCK_BYTES as u64;
        let block = ((XxHash64::oneshot(0, value.as_bytes()) >> 32) * blocks) >> 32;
        offset.checked_add(length - bytes + block * BLOCK_BYTES as u64)
    }
}
