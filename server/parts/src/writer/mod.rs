//! Writes columns to a file: encodings, compression, statistics.

mod encoder;

use std::{
    collections::BTreeSet,
    fs,
    io::BufWriter,
    path::{Path, PathBuf},
};

use arrow_array::{RecordBatch, cast::AsArray as _};
use crash_points::{crash_point, full_disk_point};
use parquet::{
    basic::{Compression, Encoding, ZstdLevel},
    file::{
        metadata::{KeyValue, SortingColumn},
        properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder},
    },
    schema::types::ColumnPath,
};
use pipeline::{Error, Result};

use self::encoder::Encoder;
use super::{
    PartInfo,
    builder::{self, Row},
    columns::Texts,
    file,
    form::Form,
    lookup,
    message_index::{self, BLOCK_ROWS},
    schema::{self, IndexPlace, Kind, Layout, RestMap, RestSummary},
    totals,
};

/// Rows per row group: the unit of pruning and of dictionaries.
pub const GROUP_ROWS: usize = 2 * BLOCK_ROWS;
/// Rows per page: the unit of skipping.
pub const PAGE_ROWS: usize = 8_192;
/// Rows per page of a part that is merged soon: a merge keeps one page per column in memory.
const QUICK_PAGE_ROWS: usize = 4_096;
/// The fewest rows per page of such a part. Each page costs a merge about a microsecond.
const LEAST_PAGE_ROWS: usize = 512;
/// The bytes of the rows of one page of a passing part, before they are encoded. A merge may read nearly a hundred such
/// parts at once.
const PASSING_PAGE_BYTES: usize = 512 << 10;

/// The bytes of the names of attributes in a row group up to which a map has a dictionary of them. Many thousand names
/// take less.
const NAME_BYTES: usize = 4 << 20;

/// The compression effort of a part; messages are more than half of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// For parts that are merged within seconds under load: no compression, no message index and no lookup. Saves a sixth
    /// of the CPU time per record. Until the merge, a record takes a hundred bytes more on disk, and searches read it
    /// without an index.
    Passing,
    /// For parts that will be merged, but may stay for hours: Zstandard level 1. On messages, LZ4 takes as long for
    /// half as much again.
    Quick,
    /// For final parts: level 3, a tenth smaller at twice the time.
    Lasting,
}

/// Writes rows of one day, newest first, as one durable part.
///
/// `day` is the name of the folder, such as `2026-11-21`. The part is not in the catalogue yet.
///
/// # Errors
/// `Unavailable` if the disk fails, `Internal` if the rows cannot be written.
pub fn write(folder: &Path, day: &str, rows: &[Row<'_>], effort: Effort) -> Result<PartInfo> {
    let Some(info) = describe(rows) else {
        return Err(Error::internal("a part needs at least one record"));
    };
    let (layout, batch) = builder::build(rows)?;
    let mut writer = PartWriter::create(folder, day, &layout, effort, page_rows(effort, &batch))?;
    writer.append(&batch)?;
    writer.finish(info)
}

/// The rows per page of a part that begins with these rows.
fn page_rows(effort: Effort, batch: &RecordBatch) -> usize {
    match effort {
        Effort::Passing => {
            let row_bytes = batch.get_array_memory_size() / batch.num_rows().max(1);
            let rows = (PASSING_PAGE_BYTES / row_bytes.max(1)).clamp(LEAST_PAGE_ROWS, QUICK_PAGE_ROWS);
            // A power of two: the steps of a search end where pages do.
            1 << rows.ilog2()
        }
        Effort::Quick => QUICK_PAGE_ROWS,
        Effort::Lasting => PAGE_ROWS,
    }
}

/// A part under construction. Deletes its file if dropped unfinished.
pub(crate) struct PartWriter {
    encoder: Encoder,
    /// `None` for a passing part.
    sets: Option<message_index::Builder>,
    /// `None` for a passing part.
    lookup: Option<lookup::Builder>,
    totals: totals::Builder,
    rest: Vec<RestColumn>,
    shared: BTreeSet<String>,
    file: Unfinished,
}

/// A map of the part.
struct RestColumn {
    map: RestMap,
    /// Its index in the layout.
    place: usize,
    has_entries: bool,
}

/// An incomplete file.
struct Unfinished {
    /// Relative to the folder of parts.
    name: String,
    path: PathBuf,
    finished: bool,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.finished {
            // An unlisted file only wastes space. If this fails, the next start removes it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl PartWriter {
    /// `page_rows` is the number of rows per page.
    ///
    /// # Errors
    /// `Unavailable` if the disk fails.
    pub(crate) fn create(folder: &Path, day: &str, layout: &Layout, effort: Effort, page_rows: usize) -> Result<Self> {
        file::create_folder(folder, &folder.join(day))?;
        let name = format!("{day}/{}.parquet", uuid::Uuid::now_v7());
        let path = folder.join(&name);
        full_disk_point!("part::create", |error| file::failed("create", &path, &error));
        let output = fs::File::create_new(&path).map_err(|error| file::failed("create", &path, &error))?;
        crash_point!("part::created");
        let file = Unfinished { name, path, finished: false };
        let buffered = BufWriter::with_capacity(1 << 20, output);
        let properties = properties(layout, effort, page_rows)?;
        let encoder = Encoder::new(buffered, &layout.schema, properties, encoder::threads())?;
        let sets = (effort != Effort::Passing).then(message_index::Builder::default);
        let lookup = (effort != Effort::Passing).then(|| lookup::Builder::new(layout));
        let (totals, shared) = (totals::Builder::new(GROUP_ROWS), layout.shared.clone());
        let fields = layout.schema.fields().iter().enumerate();
        let rest = fields.filter_map(|(place, field)| {
            Some(RestColumn { map: RestMap::named(field.name())?, place, has_entries: false })
        });
        Ok(Self { encoder, sets, lookup, totals, rest: rest.collect(), shared, file })
    }

    /// Adds keys with a column that are in the maps as well.
    pub(crate) fn share(&mut self, keys: impl IntoIterator<Item = String>) {
        self.shared.extend(keys);
    }

    /// Appends rows in the order of the part, with the columns of the layout; a text may lack the dictionary that the
    /// layout has. Buffers about one encoded row group in memory.
    pub(crate) fn append(&mut self, batch: &RecordBatch) -> Result<()> {
        full_disk_point!("part::write", |error| file::failed("write", &self.file.path, &error));
        if let Some(sets) = &mut self.sets {
            let messages = Texts::named(batch, schema::MESSAGE)?;
            (0..messages.len()).for_each(|row| sets.add(messages.get(row).unwrap_or_default()));
        }
        if let Some(lookup) = &mut self.lookup {
            lookup.add(batch);
        }
        for rest in self.rest.iter_mut().filter(|rest| !rest.has_entries) {
            let offsets = batch.columns().get(rest.place).and_then(|column| column.as_map_opt());
            let offsets = offsets.map(|map| map.value_offsets()).unwrap_or_default();
            rest.has_entries = offsets.first() != offsets.last();
        }
        self.totals.add(batch)?;
        self.encoder.append(batch)
    }

    /// Makes the part durable. `info` is the metadata of its rows.
    pub(crate) fn finish(self, info: PartInfo) -> Result<PartInfo> {
        let Self { encoder, sets, lookup, totals, rest, shared, mut file } = self;
        // Completes row groups before appending data after them.
        let mut writer = encoder.finish()?;
        let mut pairs = vec![(schema::TOTALS_KEY, totals.finish())];
        if !rest.is_empty() {
            let maps = rest.iter().filter(|rest| rest.has_entries).map(|rest| rest.map.name().to_owned());
            pairs.push((schema::REST_KEY, serde_json::to_string(&RestSummary { maps: maps.collect(), shared })));
        }
        let sets = sets.map(|sets| (message_index::KEY, sets.finish()));
        let lookup = lookup.map(|lookup| (schema::LOOKUP_KEY, lookup.finish()));
        for (key, index) in sets.into_iter().chain(lookup) {
            let place = IndexPlace { offset: writer.bytes_written() as u64, bytes: index.len() as u64 };
            writer
                .write_all(&index)
                .map_err(|error| Error::unavailable(format!("a part cannot be written: {error}")))?;
            pairs.push((key, serde_json::to_string(&place)));
        }
        for (key, text) in pairs {
            let text = text.map_err(|error| Error::internal(format!("a part's {key} does not print: {error}")))?;
            writer.append_key_value_metadata(KeyValue::new(key.to_owned(), text));
        }
        let output = writer
            .into_inner()
            .map_err(refused)?
            .into_inner()
            .map_err(|error| Error::unavailable(format!("a part cannot be written: {}", error.error())))?;
        crash_point!("part::written");
        full_disk_point!("part::sync", |error| file::failed("sync", &file.path, &error));
        output.sync_all().map_err(|error| file::failed("sync", &file.path, &error))?;
        if let Some(folder) = file.path.parent() {
            file::sync_folder(folder)?;
        }
        let bytes = output.metadata().map_err(|error| file::failed("read", &file.path, &error))?.len();
        file.finished = true;
        Ok(PartInfo { path: file.name.clone(), bytes, ..info })
    }
}

fn refused(error: parquet::errors::ParquetError) -> Error {
    match error {
        parquet::errors::ParquetError::External(error) => {
            Error::unavailable(format!("a part cannot be written: {error}"))
        }
        error => Error::internal(format!("a part cannot be written: {error}")),
    }
}

fn properties(layout: &Layout, effort: Effort, page_rows: usize) -> Result<WriterProperties> {
    let zstd = |level| {
        let level = ZstdLevel::try_new(level).map_err(|error| Error::internal(error.to_string()))?;
        Ok(Compression::ZSTD(level))
    };
    let (messages, others) = match effort {
        Effort::Passing => (Compression::UNCOMPRESSED, Compression::UNCOMPRESSED),
        Effort::Quick => (zstd(1)?, zstd(1)?),
        Effort::Lasting => (zstd(3)?, zstd(1)?),
    };
    let map = serde_json::to_string(&layout.attributes)
        .map_err(|error| Error::internal(format!("the map of attributes cannot be written as JSON: {error}")))?;
    let metadata = vec![
        KeyValue::new(schema::FORMAT_KEY.to_owned(), schema::FORMAT.to_string()),
        KeyValue::new(schema::ATTRIBUTES_KEY.to_owned(), map),
    ];
    let sorted = |column_idx| SortingColumn { column_idx, descending: true, nulls_first: false };
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("logboom ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(others)
        .set_column_compression(column(schema::MESSAGE), messages)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_data_page_row_count_limit(page_rows)
        .set_write_batch_size(page_rows)
        // Only columns used for pruning have bounds; bounds of texts would cost more than they save.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_column_index_truncate_length(Some(32))
        .set_statistics_truncate_length(Some(32))
        .set_sorting_columns(Some(vec![sorted(0), sorted(2)]))
        .set_key_value_metadata(Some(metadata));
    for name in [schema::TIME, schema::POSITION] {
        properties = plain(properties, name, Encoding::DELTA_BINARY_PACKED)
            .set_column_statistics_enabled(column(name), EnabledStatistics::Page);
    }
    properties = properties
        .set_column_statistics_enabled(column(schema::SEVERITY), EnabledStatistics::Page)
        .set_column_statistics_enabled(column(schema::MESSAGE), EnabledStatistics::None);
    properties = plain(properties, schema::MESSAGE, Encoding::DELTA_LENGTH_BYTE_ARRAY);
    for map in layout.schema.fields().iter().filter_map(|field| RestMap::named(field.name())) {
        properties = map_properties(properties, map, messages);
    }
    for name in &layout.diverse {
        let attribute = layout.attributes.iter().find(|attribute| attribute.column == *name);
        let encoding = match attribute.map(|attribute| attribute.kind) {
            _ if attribute.is_some_and(|attribute| attribute.form.byte_length().is_some()) => Encoding::PLAIN,
            // Users and orders are as good as random: their differences take one bit more than they do.
            _ if attribute.is_some_and(|attribute| matches!(attribute.form, Form::Number { .. }))
                && effort != Effort::Passing =>
            {
                Encoding::BYTE_STREAM_SPLIT
            }
            _ if attribute.is_some_and(|attribute| attribute.form.is_of_numbers()) => Encoding::DELTA_BINARY_PACKED,
            Some(Kind::Text) => Encoding::DELTA_LENGTH_BYTE_ARRAY,
            Some(Kind::Int) => Encoding::DELTA_BINARY_PACKED,
            Some(Kind::Float) => Encoding::BYTE_STREAM_SPLIT,
            Some(Kind::Bool) | None => Encoding::PLAIN,
        };
        properties = plain(properties, name, encoding);
        // Random ids are incompressible, and their bytes can be searched.
        if attribute.is_none_or(|attribute| attribute.form.byte_length().is_some()) {
            properties = properties.set_column_compression(column(name), Compression::UNCOMPRESSED);
        }
        if attribute.is_none() {
            properties = properties.set_column_statistics_enabled(column(name), EnabledStatistics::None);
        }
    }
    for attribute in layout.attributes.iter().filter(|attribute| attribute.form.is_of_numbers()) {
        properties = properties.set_column_statistics_enabled(column(&attribute.column), EnabledStatistics::Page);
    }
    Ok(properties.build())
}

/// The properties of a map's keys and values.
fn map_properties(
    properties: WriterPropertiesBuilder,
    map: RestMap,
    compression: Compression,
) -> WriterPropertiesBuilder {
    let [keys, values] = map.leaves().map(|path| ColumnPath::new(path.map(str::to_owned).into()));
    let encoding = match map {
        RestMap::Text | RestMap::Hex => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        RestMap::Int => Encoding::DELTA_BINARY_PACKED,
        RestMap::Float => Encoding::BYTE_STREAM_SPLIT,
        RestMap::Bool => Encoding::PLAIN,
    };
    properties
        .set_column_compression(keys.clone(), compression)
        .set_column_statistics_enabled(keys.clone(), EnabledStatistics::None)
        .set_column_dictionary_page_size_limit(keys.clone(), NAME_BYTES)
        // Of the names beyond that.
        .set_column_encoding(keys, Encoding::DELTA_LENGTH_BYTE_ARRAY)
        .set_column_compression(values.clone(), compression)
        .set_column_statistics_enabled(values.clone(), EnabledStatistics::None)
        .set_column_dictionary_enabled(values.clone(), false)
        .set_column_encoding(values, encoding)
}

/// A path of one element, because attribute names contain dots that do not nest.
fn column(name: &str) -> ColumnPath {
    ColumnPath::new(vec![name.to_owned()])
}

fn plain(properties: WriterPropertiesBuilder, name: &str, encoding: Encoding) -> WriterPropertiesBuilder {
    properties.set_column_dictionary_enabled(column(name), false).set_column_encoding(column(name), encoding)
}

/// In one pass, because the records are scattered in memory.
fn describe(rows: &[Row<'_>]) -> Option<PartInfo> {
    let first = rows.first()?;
    let (time, position, id) = (first.record.time, first.position, first.record.id);
    let mut info = PartInfo {
        path: String::new(),
        rows: rows.len() as u64,
        bytes: 0,
        min_time: time,
        max_time: time,
        min_position: position,
        max_position: position,
        min_id: id,
        max_id: id,
    };
    for Row { record, position, .. } in rows {
        info.min_time = info.min_time.min(record.time);
        info.max_time = info.max_time.max(record.time);
        info.min_position = info.min_position.min(*position);
        info.max_position = info.max_position.max(*position);
        info.min_id = info.min_id.min(record.id);
        info.max_id = info.max_id.max(record.id);
    }
    Some(info)
}
