//! The lookup: which rows of a part may have a value.
//!
//! A record is often looked for by a value that few records have: a trace, a span, an order, a user. The lookup of a part
//! rules out the others before a row is read, mostly before the part's footer is read. It covers the trace and span ids,
//! the services and nodes, and all attributes, also those without a column of their own. A value is looked up by its text
//! form, like in the query language: text, integer, float and boolean. So it does not matter whether a column is plain.
//!
//! The rows of a row group are divided into at most 16 *slabs* of [`SLAB_ROWS`] rows. For each row group there are three
//! tables (`table.rs`): trace ids, span ids, and all other values with their field. A question reads two short pieces of
//! one table for a value, about a kilobyte. A table is a set of hashes, so it may name slabs that do not have the value;
//! it never leaves out one that does.
//!
//! - A value in more than two slabs of a row group counts as being in all of them. So values that are frequent take no
//!   more space than values that are rare.
//! - Ids that rarely repeat have no slabs. They are uncompressed, so a search of the bytes of the column finds the rows
//!   ([`Part::slabs_holding`](crate::reader::Part::slabs_holding)).
//! - Integers that fill their range in a slab, such as numbers that count up, are not in the table. The directory has the
//!   range. Most values in the range of such a slab are there, or near it.
//! - A row group with too many values, or with values of an unknown form, has no table. All of its rows are read.
//!
//! The lookup follows the message index, where no Parquet reader looks. The file's metadata has its location. Layout: the
//! tables, the directory (`directory.rs`), the number of bytes of the directory, and a CRC32C of both. The tables have
//! checksums of their own. What cannot be read rules nothing out. Parts that are merged soon have no lookup.

mod builder;
mod directory;
mod hash;
mod rest;
mod table;
#[cfg(test)]
mod tests;
mod wanted;

use pipeline::{Error, Result};

pub(crate) use self::builder::Builder;
use self::directory::Group;
pub use self::{
    hash::Field,
    table::SLABS,
    wanted::{Probe, Slabs, Wanted, rows_of, slabs_of},
};

/// Rows per slab. A row group holds a whole number of slabs, except the last one.
pub const SLAB_ROWS: usize = 8_192;
/// Rows per row group.
pub(crate) const GROUP_ROWS: usize = SLABS * SLAB_ROWS;

/// The number of bytes at the end of a lookup: the length of the directory, and a checksum.
const END_BYTES: u64 = 8;

/// Fills a buffer with the bytes of a lookup from an offset on; `None` if they cannot be read.
pub(crate) type ReadAt<'r> = dyn Fn(u64, &mut [u8]) -> Option<()> + 'r;

/// The directory of a part's lookup.
#[derive(Debug)]
pub(crate) struct Lookup {
    groups: Vec<Group>,
}

impl Lookup {
    /// Reads the directory of a lookup of so many bytes, in a part of so many rows.
    ///
    /// # Errors
    /// `Corrupt` if the lookup is damaged, or belongs to another part.
    pub(crate) fn read(bytes: u64, rows: u64, read: &ReadAt<'_>) -> Result<Self> {
        let corrupt = || Error::corrupt("its lookup cannot be read");
        let end = bytes.checked_sub(END_BYTES).ok_or_else(corrupt)?;
        let mut ending = [0; END_BYTES as usize];
        read(end, &mut ending).ok_or_else(corrupt)?;
        let [length, checksum] =
            [[ending[0], ending[1], ending[2], ending[3]], [ending[4], ending[5], ending[6], ending[7]]];
        let start = end.checked_sub(u32::from_le_bytes(length).into()).ok_or_else(corrupt)?;
        // A damaged length must not cause a huge allocation.
        if end - start > directory::most_bytes(rows) {
            return Err(corrupt());
        }
        let mut directory = vec![0; (end - start) as usize];
        read(start, &mut directory).ok_or_else(corrupt)?;
        if checksum_of(&directory) != u32::from_le_bytes(checksum) {
            return Err(corrupt());
        }
        let groups = directory::read(&directory)?;
        let known = groups.iter().fold(0_u64, |rows, group| rows.saturating_add(group.rows.into()));
        if known != rows {
            return Err(Error::corrupt("its lookup is that of another part"));
        }
        Ok(Self { groups })
    }

    /// The slabs of all row groups that may hold a record with these values.
    pub(crate) fn slabs(&self, wanted: &Wanted, read: &ReadAt<'_>) -> Slabs {
        Slabs(self.groups.iter().map(|group| wanted.slabs(group, read)).collect())
    }

    /// Those of one row group.
    pub(crate) fn slabs_of_group(&self, group: usize, wanted: &Wanted, read: &ReadAt<'_>) -> u16 {
        self.groups.get(group).map_or(table::ALL, |group| wanted.slabs(group, read))
    }
}

fn checksum_of(directory: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(directory), &(directory.len() as u32).to_le_bytes())
}
