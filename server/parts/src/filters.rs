//! Membership tests without decoding rows: the lookup, raw ids in uncompressed columns, and in parts of earlier versions
//! Parquet's Bloom filters. Of these, only the block of the requested value is read, because a search for one trace
//! queries the filters of all row groups.

use std::{fs::File, ops::Range, os::unix::fs::FileExt};

use memchr::memmem::Finder;
use parquet::{
    basic::{Compression, Encoding},
    bloom_filter::Sbbf,
    data_type::AsBytes,
};
use pipeline::Result;
use twox_hash::XxHash64;

use super::{
    file,
    lookup::{self, SLABS, Slabs, Wanted},
    reader::{Footer, Part, advise},
    writer::GROUP_ROWS,
};

/// A block of Parquet's split-block Bloom filter.
const BLOCK_BYTES: usize = 32;

// A slab is named by its number in its row group.
const _: () = assert!(GROUP_ROWS == lookup::GROUP_ROWS);

impl Part {
    /// The slabs of all row groups that may hold a record with these values; `None` if the part has no lookup. Reads
    /// neither the footer, after the first question, nor a row.
    pub fn slabs(&self, wanted: &Wanted) -> Option<Slabs> {
        let (offset, lookup) = self.lookup()?;
        let file = self.open().ok()?;
        Some(lookup.slabs(wanted, &|from, buffer| read_at(&file, offset.checked_add(from)?, buffer)))
    }

    /// As [`Self::slabs`], of one row group.
    pub fn slabs_of_group(&self, group: usize, wanted: &Wanted) -> Option<u16> {
        let (offset, lookup) = self.lookup()?;
        let file = self.open().ok()?;
        let read = |from: u64, buffer: &mut [u8]| read_at(&file, offset.checked_add(from)?, buffer);
        Some(lookup.slabs_of_group(group, wanted, &read))
    }

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
        let mut blocks =
            (0..footer.groups.len()).filter_map(|group| footer.filter_block(group, column, value)).peekable();
        if blocks.peek().is_none() {
            return;
        }
        // The later read reports errors of the file.
        let Ok(file) = self.open() else { return };
        blocks.for_each(|block| advise(&file, block..block.saturating_add(BLOCK_BYTES as u64)));
    }

    /// Those of the slabs of a row group whose bytes in a column contain one of the values; all of them if the column is
    /// compressed or encoded.
    ///
    /// # Errors
    /// `Unavailable` if the file cannot be read.
    pub fn slabs_holding(
        &self,
        footer: &Footer,
        group: usize,
        column: usize,
        slabs: u16,
        values: &[Vec<u8>],
    ) -> Result<u16> {
        let chunk = footer.metadata.metadata().row_group(group).column(column);
        let is_plain = |encoding| matches!(encoding, Encoding::PLAIN | Encoding::RLE);
        if chunk.compression() != Compression::UNCOMPRESSED || !chunk.encodings().all(is_plain) {
            return Ok(slabs);
        }
        let Some(pages) = footer.byte_pages(group, column, self.info.bytes) else { return Ok(slabs) };
        let wanted: Vec<&Page> = pages.iter().filter(|page| page.slabs & slabs != 0).collect();
        let finders: Vec<Finder<'_>> = values.iter().map(Finder::new).collect();
        let file = self.open()?;
        let mut found = 0;
        // Pages that follow one another are read at once.
        for pages in wanted.chunk_by(|page, next| page.bytes.end == next.bytes.start) {
            let (Some(first), Some(last)) = (pages.first(), pages.last()) else { continue };
            let mut bytes = vec![0; (last.bytes.end - first.bytes.start) as usize];
            file.read_exact_at(&mut bytes, first.bytes.start)
                .map_err(|error| file::failed("read", &self.path, &error))?;
            for page in pages {
                let place = |offset: u64| (offset - first.bytes.start) as usize;
                let bytes = bytes.get(place(page.bytes.start)..place(page.bytes.end)).unwrap_or_default();
                if finders.iter().any(|finder| finder.find(bytes).is_some()) {
                    found |= page.slabs;
                }
            }
        }
        Ok(found & slabs)
    }
}

fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> Option<()> {
    file.read_exact_at(buffer, offset).ok()
}

/// A page of a column.
struct Page {
    /// The slabs that its rows overlap.
    slabs: u16,
    bytes: Range<u64>,
}

impl Footer {
    /// The pages of a column in a row group; `None` without a page index, or if that leaves bytes out or does not fit a file
    /// of so many bytes.
    fn byte_pages(&self, group: usize, column: usize, file_bytes: u64) -> Option<Vec<Page>> {
        let rows = self.groups.get(group)?.rows;
        let (pages, starts) = self.pages(group, column)?;
        let ends = starts.iter().skip(1).copied().chain([rows]);
        let mut found = Vec::with_capacity(pages.len());
        let mut before: Option<u64> = None;
        for ((page, start), end) in pages.iter().zip(&starts).zip(ends) {
            let from = u64::try_from(page.offset).ok()?;
            let to = from.checked_add(u64::try_from(page.compressed_page_size).ok()?)?;
            let follows = before.is_none_or(|before| before == from);
            if !follows || to > file_bytes || end > SLABS * lookup::SLAB_ROWS {
                return None;
            }
            before = Some(to);
            found.push(Page { slabs: lookup::slabs_of(std::slice::from_ref(&(*start..end))), bytes: from..to });
        }
        Some(found)
    }

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

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use model::{Record, RecordId, Severity};
    use parquet::{
        arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
        file::properties::WriterProperties,
        schema::types::ColumnPath,
    };

    use super::{
        super::{
            PartInfo,
            builder::Row,
            reader::Footers,
            schema,
            writer::{self, Effort},
        },
        *,
    };
    use crate::lookup::{Field, Probe};

    const ROWS: usize = 20_000;

    fn trace(row: usize) -> [u8; 16] {
        (u128::from(row as u64).wrapping_mul(0x2_d997_87a9_26d4_6932_u128) ^ (u128::MAX / 7)).to_be_bytes()
    }

    /// A part whose records have a trace each, if `traced` accepts their row.
    fn written(folder: &Path, traced: impl Fn(usize) -> bool) -> Part {
        let record = |row: usize| Record {
            id: RecordId::base(1, 0),
            time: 1_767_323_045_000_000_000 - row as i64,
            observed_time: 0,
            severity: Severity::INFO,
            level: "info".into(),
            service: "api".into(),
            node: "n1".into(),
            message: format!("row {row}"),
            attributes: Vec::new(),
            trace_id: traced(row).then(|| trace(row)),
            span_id: None,
        };
        let records: Vec<Record> = (0..ROWS).map(record).collect();
        let rows: Vec<Row<'_>> =
            records.iter().map(|record| Row { record, position: 7, id_base: RecordId::base(1, 0) }).collect();
        opened(folder, writer::write(folder, "2026-01-02", &rows, Effort::Quick).unwrap())
    }

    fn opened(folder: &Path, info: PartInfo) -> Part {
        Part::new(info, folder, Arc::new(Footers::default()))
    }

    /// The part as an earlier version wrote it: with a Bloom filter of the traces and without a lookup.
    fn of_an_earlier_version(part: &Part, folder: &Path) -> Part {
        let path = part.info.path.replace(".parquet", "-earlier.parquet");
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&part.path).unwrap()).unwrap();
        let pairs = reader.metadata().file_metadata().key_value_metadata().unwrap().iter();
        let kept = pairs.filter(|pair| [schema::FORMAT_KEY, schema::ATTRIBUTES_KEY].contains(&pair.key.as_str()));
        let column = || ColumnPath::new(vec![schema::TRACE_ID.to_owned()]);
        let properties = WriterProperties::builder()
            .set_key_value_metadata(Some(kept.cloned().collect()))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_data_page_row_count_limit(4_096)
            .set_write_batch_size(4_096)
            .set_column_dictionary_enabled(column(), false)
            .set_column_bloom_filter_fpp(column(), 0.05)
            .set_column_bloom_filter_max_ndv(column(), GROUP_ROWS as u64)
            .build();
        let file = File::create_new(folder.join(&path)).unwrap();
        let mut writer = ArrowWriter::try_new(file, reader.schema().clone(), Some(properties)).unwrap();
        for batch in reader.build().unwrap() {
            writer.write(&batch.unwrap()).unwrap();
        }
        let bytes = writer.into_inner().unwrap().metadata().unwrap().len();
        opened(folder, PartInfo { path, bytes, ..part.info.clone() })
    }

    fn column(footer: &Footer) -> usize {
        footer.columns.place(schema::TRACE_ID)
    }

    #[test]
    fn a_part_of_an_earlier_version_is_pruned_by_its_bloom_filters() {
        let folder = tempfile::tempdir().unwrap();
        let part = of_an_earlier_version(&written(folder.path(), |_| true), folder.path());
        assert!(part.slabs(&Wanted::Any(Vec::new())).is_none());
        let footer = part.footer().unwrap();
        part.read_filters_ahead(&footer, column(&footer), trace(0).as_slice());
        let may_have = |row: usize| part.may_have(&footer, 0, column(&footer), trace(row).as_slice()).unwrap();
        assert!((0..ROWS).step_by(13).all(may_have));
        let wrong = (ROWS..ROWS + 1_000).filter(|row| may_have(*row)).count();
        assert!(wrong < 150, "{wrong} of 1,000 ids that are nowhere");
    }

    #[test]
    fn raw_ids_are_found_in_the_slabs_of_their_rows_whether_or_not_there_is_a_lookup() {
        let folder = tempfile::tempdir().unwrap();
        // With gaps, the rows of a page are not those of its values.
        let new = written(folder.path(), |row| row < 6_000 || row % 3 == 0);
        let old = of_an_earlier_version(&new, folder.path());
        for part in [&new, &old] {
            let footer = part.footer().unwrap();
            let holding = |slabs: u16, ids: &[usize]| {
                let ids: Vec<Vec<u8>> = ids.iter().map(|row| trace(*row).to_vec()).collect();
                part.slabs_holding(&footer, 0, column(&footer), slabs, &ids).unwrap()
            };
            for (row, slab) in [(0, 0), (5_999, 0), (8_190, 0), (8_193, 1), (16_383, 1), (19_998, 2)] {
                let found = holding(u16::MAX, &[row]);
                assert!(found & 1 << slab != 0 && found.count_ones() <= 2, "row {row}: {found:b}");
                assert_eq!(holding(!(1 << slab), &[row]) & 1 << slab, 0, "row {row}");
            }
            assert_eq!(holding(u16::MAX, &[ROWS + 1, 6_001]), 0);
            assert_eq!(holding(u16::MAX, &[0, 19_998]) & 0b101, 0b101);
            assert_eq!(holding(u16::MAX, &[]), 0);
            // Other columns are compressed or encoded, so any value may be in them.
            let observed = footer.columns.place(schema::OBSERVED_TIME);
            assert_eq!(part.slabs_holding(&footer, 0, observed, 0b11, &[vec![0; 16]]).unwrap(), 0b11);
        }
        let wanted = |row: usize| Wanted::Any(vec![Probe::id(Field::Trace, &trace(row))]);
        assert!(
            (0..6_000).step_by(7).all(|row| new.slabs_of_group(0, &wanted(row)).is_some_and(|slabs| slabs & 1 != 0))
        );
        assert!(old.slabs_of_group(0, &wanted(0)).is_none());
    }
}
