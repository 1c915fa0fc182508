//! A part on disk: its footer, and the metadata that is available without reading rows.

use std::{
    collections::HashMap,
    fs::File,
    io,
    ops::Range,
    os::unix::fs::FileExt,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    sync::{
        Arc, Once, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use crash_points::crash_point;
use model::RecordId;
use parking_lot::Mutex;
use parquet::{
    arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection},
    basic::Compression,
    file::{
        metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData},
        statistics::Statistics,
    },
};
use pipeline::{Error, ErrorClass, Result};

use super::{
    Damage, PLACE_BITS, PartInfo, file,
    lookup::Lookup,
    message_index::{Folding, MessageIndex},
    ranges::push_joined,
    schema::{self, Columns, IndexPlace},
    totals::{self, Totals},
    writer::{Effort, GROUP_ROWS},
};

/// The memory for cached footers, in bytes. A footer takes some tens to hundreds of kilobytes, with its message index up to
/// half a megabyte.
const CACHED_BYTES: usize = 48 << 20;

/// The number of bytes prefetched at the end of a file: more than the footer of a full part.
const END_BYTES: u64 = 128 << 10;

/// An LRU cache of footers.
pub struct Footers(Mutex<Cache>);

struct Cache {
    footers: lru::LruCache<String, Arc<Footer>>,
    bytes: usize,
}

impl Default for Footers {
    fn default() -> Self {
        Self(Mutex::new(Cache { footers: lru::LruCache::unbounded(), bytes: 0 }))
    }
}

impl Footers {
    fn get(&self, path: &str) -> Option<Arc<Footer>> {
        self.0.lock().footers.get(path).cloned()
    }

    fn put(&self, path: String, footer: Arc<Footer>) {
        let mut cache = self.0.lock();
        cache.bytes += footer.bytes;
        let replaced = cache.footers.put(path, footer);
        cache.bytes -= replaced.map_or(0, |footer| footer.bytes);
        while cache.bytes > CACHED_BYTES && cache.footers.len() > 1 {
            let Some((_, footer)) = cache.footers.pop_lru() else { break };
            cache.bytes -= footer.bytes;
        }
    }

    fn remove(&self, path: &str) {
        let mut cache = self.0.lock();
        if let Some(footer) = cache.footers.pop(path) {
            cache.bytes -= footer.bytes;
        }
    }

    /// The number of cached footers.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().footers.len()
    }
}

/// A part in the catalogue.
pub struct Part {
    pub info: PartInfo,
    pub(super) path: PathBuf,
    footers: Arc<Footers>,
    /// Whether the file is deleted when the last reader drops the part.
    delete_when_unused: AtomicBool,
    /// The number of services with a shorter retention already removed from it.
    cleared: AtomicUsize,
    /// Whether it was written without compression; determined once.
    passing: OnceLock<bool>,
    /// The lookup of values with the offset of its tables, if it has one; read once. A row group takes some hundred bytes,
    /// with many ranges of integers a few kilobytes.
    lookup: OnceLock<Option<(u64, Lookup)>>,
    /// The damage found in its file.
    damage: OnceLock<(Damage, String)>,
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.delete_when_unused.load(Ordering::Relaxed) {
            self.footers.remove(&self.info.path);
            if let Err(error) = std::fs::remove_file(&self.path) {
                tracing::warn!(part = self.info.path, %error, "an unused part could not be deleted; the next start deletes it");
            }
            crash_point!("part::unlinked");
        }
    }
}

/// The decoded footer.
pub struct Footer {
    pub(super) metadata: ArrowReaderMetadata,
    index_place: Option<(IndexPlace, Folding)>,
    lookup_place: Option<IndexPlace>,
    /// The size in memory, with the message index.
    bytes: usize,
    /// Loaded on first use.
    message_index: OnceLock<Option<MessageIndex>>,
    /// Whether it was logged that the sets of messages cannot be read; each search tries again.
    pub(super) sets_reported: Once,
    pub columns: Columns,
    pub groups: Vec<Group>,
}

/// The metadata of a row group. Bounds are inclusive.
#[derive(Debug, Clone)]
pub struct Group {
    pub rows: usize,
    pub time: (i64, i64),
    pub position: (i64, i64),
    /// Bounds of the first ids of batches.
    pub id_base: (RecordId, RecordId),
    /// The counts of its rows, if the file has them.
    pub totals: Option<Totals>,
}

impl Part {
    pub fn new(info: PartInfo, folder: &Path, footers: Arc<Footers>) -> Self {
        let path = info.file(folder);
        Self {
            info,
            path,
            footers,
            delete_when_unused: AtomicBool::new(false),
            cleared: AtomicUsize::new(0),
            passing: OnceLock::new(),
            lookup: OnceLock::new(),
            damage: OnceLock::new(),
        }
    }

    /// Deletes the file when the last reader drops the part. The catalogue no longer lists it.
    pub fn delete_when_unused(&self) {
        self.delete_when_unused.store(true, Ordering::Relaxed);
    }

    /// The estimated number of rows in its first row group, without reading the file.
    pub fn group_rows(&self) -> usize {
        (self.info.rows as usize).min(GROUP_ROWS)
    }

    /// The number of services marked as cleared.
    pub fn cleared(&self) -> usize {
        self.cleared.load(Ordering::Relaxed)
    }

    /// Marks that the expired records of `services` services are removed.
    pub fn clear(&self, services: usize) {
        self.cleared.store(services, Ordering::Relaxed);
    }

    /// A part that was just written with this effort.
    #[must_use]
    pub fn written_with(self, effort: Effort) -> Self {
        // It is new, so nobody has asked yet.
        let _ = self.passing.set(effort == Effort::Passing);
        self
    }

    /// Whether it was written without compression, to be merged soon. `false` if it cannot be read.
    pub fn is_passing(&self) -> bool {
        *self.passing.get_or_init(|| self.footer().is_ok_and(|footer| footer.is_uncompressed()))
    }

    /// Like [`Self::is_passing`], without reading the file: `false` if it is not known yet.
    pub fn is_known_to_pass(&self) -> bool {
        self.passing.get().copied().unwrap_or_default()
    }

    /// The footer, cached.
    ///
    /// # Errors
    /// `Unavailable` if the file cannot be opened, `Corrupt` if it is not a part.
    pub fn footer(&self) -> Result<Arc<Footer>> {
        if let Some(footer) = self.footers.get(&self.info.path) {
            return Ok(footer);
        }
        let file = self.open()?;
        advise(&file, self.info.bytes.saturating_sub(END_BYTES)..self.info.bytes);
        let footer = self.guarded(|| Footer::read(&file).map_err(|error| self.damage_error(&error.message)))?;
        // A damaged row count must not be iterated over.
        let rows = footer.groups.iter().fold(0_u64, |rows, group| rows.saturating_add(group.rows as u64));
        if rows != self.info.rows {
            return Err(self.damage_error("its number of rows differs from the catalogue"));
        }
        let footer = Arc::new(footer);
        self.footers.put(self.info.path.clone(), footer.clone());
        Ok(footer)
    }

    pub(super) fn open(&self) -> Result<File> {
        File::open(&self.path).map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                self.damage.get_or_init(|| (Damage::Missing, "its file is missing".to_owned()));
            }
            file::failed("open", &self.path, &error)
        })
    }

    /// The error of an unreadable part. Marks the part as damaged.
    pub(super) fn damage_error(&self, reason: &str) -> Error {
        self.damage.get_or_init(|| (Damage::Content, format!("its file cannot be read: {reason}")));
        Error::corrupt(format!("the part {} cannot be read: {reason}", self.info.path))
    }

    /// The damage found in its file so far.
    pub fn damage(&self) -> Option<(Damage, String)> {
        self.damage.get().cloned()
    }

    /// Runs code that uses the Parquet reader, and converts its panics to errors. The reader trusts the lengths in
    /// the file, and panics on some damaged ones. The error names the part.
    pub fn guarded<T>(&self, read: impl FnOnce() -> Result<T>) -> Result<T> {
        // State that a panic left inconsistent is not used again: see `Batches`.
        panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(self.damage_error("its reader panicked")))
    }

    /// The lookup of values with the offset of its tables; `None` if the part has none or it cannot be read. A search works
    /// without it.
    pub(super) fn lookup(&self) -> Option<&(u64, Lookup)> {
        if let Some(known) = self.lookup.get() {
            return known.as_ref();
        }
        match self.read_lookup() {
            Ok(lookup) => self.lookup.get_or_init(|| lookup).as_ref(),
            // Perhaps there are too many open files; the next search tries again.
            Err(error) if error.class == ErrorClass::Unavailable => None,
            Err(error) => {
                tracing::warn!(part = self.info.path, %error, "a part is searched without its lookup");
                self.lookup.get_or_init(|| None).as_ref()
            }
        }
    }

    fn read_lookup(&self) -> Result<Option<(u64, Lookup)>> {
        let file = self.open()?;
        let place = match self.footers.get(&self.info.path) {
            Some(footer) => footer.lookup_place,
            None => self.guarded(|| Ok(lookup_place(&file)))?,
        };
        let Some(IndexPlace { offset, bytes }) = place else { return Ok(None) };
        if offset.checked_add(bytes).is_none_or(|end| end > self.info.bytes) {
            return Err(Error::corrupt("its lookup lies outside of the file"));
        }
        let read = |from: u64, buffer: &mut [u8]| file.read_exact_at(buffer, offset.checked_add(from)?).ok();
        Ok(Some((offset, Lookup::read(bytes, self.info.rows, &read)?)))
    }

    /// The message index; `None` if the part has none or it cannot be read. A search works without it.
    pub fn message_index<'a>(&self, footer: &'a Footer) -> Option<&'a MessageIndex> {
        let read = || {
            let (place, folding) = footer.index_place?;
            let sets = self.index_at(place, folding);
            if let Err(error) = &sets {
                tracing::warn!(part = self.info.path, %error, "a part is searched without its message index");
            }
            sets.ok()
        };
        footer.message_index.get_or_init(read).as_ref()
    }

    fn index_at(&self, place: IndexPlace, folding: Folding) -> Result<MessageIndex> {
        let end = place.offset.checked_add(place.bytes).filter(|end| *end <= self.info.bytes);
        if end.is_none() {
            return Err(Error::corrupt("its message index lies outside of the file"));
        }
        let mut bytes = vec![0; place.bytes as usize];
        self.open()?
            .read_exact_at(&mut bytes, place.offset)
            .map_err(|error| file::failed("read", &self.path, &error))?;
        MessageIndex::read(&bytes, folding)
    }
}

impl Group {
    /// Whether the row group may contain a record with this id.
    pub fn may_have(&self, id: RecordId) -> bool {
        let (least, greatest) = self.id_base;
        least <= id && id.0 <= greatest.0.saturating_add(1 << PLACE_BITS)
    }
}

impl Footer {
    /// Whether messages are stored uncompressed.
    fn is_uncompressed(&self) -> bool {
        let message = self.columns.place(schema::MESSAGE);
        let group = self.metadata.metadata().row_groups().first();
        group.is_some_and(|group| {
            group.columns().get(message).is_some_and(|column| column.compression() == Compression::UNCOMPRESSED)
        })
    }

    fn read(file: &File) -> Result<Self> {
        let corrupt = |error: parquet::errors::ParquetError| Error::corrupt(error.to_string());
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        let metadata = ArrowReaderMetadata::load(file, options).map_err(corrupt)?;
        let pairs = pairs(metadata.metadata());
        let columns = Columns::read(metadata.schema(), &pairs)?;
        let mut totals = pairs.get(schema::TOTALS_KEY).map(|text| totals::read(text)).unwrap_or_default().into_iter();
        let groups = metadata
            .metadata()
            .row_groups()
            .iter()
            .map(|group| Group {
                rows: group.num_rows() as usize,
                time: bounds(group, columns.place(schema::TIME)),
                position: bounds(group, columns.place(schema::POSITION)),
                id_base: id_bounds(group, columns.place(schema::ID_BASE)),
                totals: totals.next().flatten(),
            })
            .collect();
        let index_place = place_at(&pairs, schema::MESSAGE_INDEX_KEY).map(|place| (place, Folding::Simple));
        let index_place =
            index_place.or_else(|| Some((place_at(&pairs, schema::ASCII_MESSAGE_INDEX_KEY)?, Folding::Ascii)));
        let lookup_place = place_at(&pairs, schema::LOOKUP_KEY);
        let index_bytes = index_place.map_or(0, |(place, _)| place.bytes as usize).min(CACHED_BYTES);
        let bytes = metadata.metadata().memory_size() + index_bytes;
        Ok(Self {
            metadata,
            index_place,
            lookup_place,
            bytes,
            message_index: OnceLock::new(),
            sets_reported: Once::new(),
            columns,
            groups,
        })
    }

    /// Prefetches columns of a row group at once, because the reader requests page by page, which is slow on disks.
    /// With a selection, prefetches exactly its pages; the system's own read-ahead could read megabytes for a few
    /// rows.
    pub(super) fn read_ahead(&self, file: &File, group: usize, columns: &[usize], selection: Option<&RowSelection>) {
        let metadata = self.metadata.metadata();
        for place in columns {
            let Some(column) = metadata.row_group(group).columns().get(*place) else { continue };
            let (start, bytes) = column.byte_range();
            let pages = metadata.page_index().and_then(|index| index.offset_index(group, *place));
            let pages = pages.map(|pages| pages.page_locations().as_slice());
            let (Some(selection), Some(pages @ [first, ..])) = (selection, pages) else {
                advise(file, start..start.saturating_add(bytes));
                continue;
            };
            let mut ranges = Vec::new();
            push_joined(&mut ranges, start..first.offset as u64);
            selection.scan_ranges(pages).into_iter().for_each(|page| push_joined(&mut ranges, page));
            ranges.into_iter().for_each(|range| advise(file, range));
        }
    }

    /// The number of non-null values of a column; the number of rows if the file has no statistics.
    pub(crate) fn values(&self, place: usize) -> usize {
        let groups = self.metadata.metadata().row_groups();
        let nulls = |group: &RowGroupMetaData| {
            group.columns().get(place).and_then(|column| column.statistics()).and_then(Statistics::null_count_opt)
        };
        groups.iter().map(|group| group.num_rows() as usize - nulls(group).unwrap_or_default() as usize).sum()
    }

    /// Whether a column was written with a dictionary.
    pub(crate) fn has_dictionary(&self, place: usize) -> bool {
        let groups = self.metadata.metadata().row_groups();
        groups
            .iter()
            .all(|group| group.columns().get(place).is_some_and(|column| column.dictionary_page_offset().is_some()))
    }

    /// Whether a column of a row group may have values; also without statistics.
    pub fn may_have_values(&self, group: usize, place: usize) -> bool {
        let chunk = self.metadata.metadata().row_groups().get(group).and_then(|group| group.columns().get(place));
        let nulls = chunk.and_then(|chunk| chunk.statistics()).and_then(Statistics::null_count_opt);
        chunk.zip(nulls).is_none_or(|(chunk, nulls)| u64::try_from(chunk.num_values()) != Ok(nulls))
    }

    /// The indexes of all columns.
    pub fn all_columns(&self) -> Vec<usize> {
        (0..self.metadata.parquet_schema().num_columns()).collect()
    }
}

/// The file's own metadata.
fn pairs(metadata: &ParquetMetaData) -> HashMap<String, String> {
    let pairs = metadata.file_metadata().key_value_metadata().into_iter().flatten();
    pairs.filter_map(|pair| Some((pair.key.clone(), pair.value.clone()?))).collect()
}

fn place_at(pairs: &HashMap<String, String>, key: &str) -> Option<IndexPlace> {
    pairs.get(key).and_then(|place| serde_json::from_str(place).ok())
}

/// The location of the lookup, without the page index, which is most of a footer. A file that does not read has none; the
/// reader of its footer reports it.
fn lookup_place(file: &File) -> Option<IndexPlace> {
    let metadata = ParquetMetaDataReader::new().parse_and_finish(file).ok()?;
    place_at(&pairs(&metadata), schema::LOOKUP_KEY)
}

/// Prefetches a range of bytes in the background (`posix_fadvise(WILLNEED)`). Linux only; elsewhere they are read on
/// demand.
pub(super) fn advise(file: &File, bytes: Range<u64>) {
    #[cfg(not(target_os = "linux"))]
    let _ = (file, bytes);
    #[cfg(target_os = "linux")]
    if let Some(length) = bytes.end.checked_sub(bytes.start).and_then(std::num::NonZeroU64::new) {
        // Best effort: without it, reading is only slower.
        let _ = rustix::fs::fadvise(file, bytes.start, Some(length), rustix::fs::Advice::WillNeed);
    }
}

/// The bounds of a column; unbounded without statistics.
fn bounds(group: &RowGroupMetaData, place: usize) -> (i64, i64) {
    match group.columns().get(place).and_then(|column| column.statistics()) {
        Some(Statistics::Int64(statistics)) => {
            (statistics.min_opt().copied().unwrap_or(i64::MIN), statistics.max_opt().copied().unwrap_or(i64::MAX))
        }
        _ => (i64::MIN, i64::MAX),
    }
}

/// The bounds of the batches' first ids; unbounded without statistics.
fn id_bounds(group: &RowGroupMetaData, place: usize) -> (RecordId, RecordId) {
    let statistics = group.columns().get(place).and_then(|column| column.statistics());
    let bound = |bytes: Option<&[u8]>, unknown| {
        bytes.and_then(|bytes| bytes.try_into().ok()).map_or(unknown, RecordId::from_bytes)
    };
    (
        bound(statistics.and_then(Statistics::min_bytes_opt), RecordId(0)),
        bound(statistics.and_then(Statistics::max_bytes_opt), RecordId(u128::MAX)),
    )
}
