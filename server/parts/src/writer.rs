//! Columns into a file: encodings, compression, statistics.

use std::{
    fs,
    io::BufWriter,
    path::{Path, PathBuf},
};

use arrow_array::RecordBatch;
use crash_points::{crash_point, full_disk_point};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, Encoding, ZstdLevel},
    file::{
        metadata::{KeyValue, SortingColumn},
        properties::{BloomFilterPosition, EnabledStatistics, WriterProperties, WriterPropertiesBuilder},
    },
    schema::types::ColumnPath,
};
use pipeline::{Error, Result};

use super::{
    PartInfo,
    builder::{self, Row},
    columns::Texts,
    file,
    message_index::{self, BLOCK_ROWS},
    schema::{self, IndexPlace, Kind, Layout},
    totals,
};

/// Rows of a row group: what a search prunes by and decodes a dictionary for.
pub const GROUP_ROWS: usize = 2 * BLOCK_ROWS;
/// Rows of a page: what a search skips by.
pub const PAGE_ROWS: usize = 8_192;
/// Of a part that will soon be merged: then a page of each of its columns is in memory.
const QUICK_PAGE_ROWS: usize = 4_096;
/// How often a Bloom filter may say that a trace is there and is not; a trace is looked for
/// in every row group there is.
const FALSE_TRACES: f64 = 0.05;
/// The same of a text. Filters come in powers of two, and this is half of the next one.
const FALSE_TEXTS: f64 = 0.2;

/// How hard to compress a part; messages are more than half of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// For what is rewritten within seconds, as under load: not at all, and without an index
    /// of messages. That saves a sixth of all the time that a record takes; meanwhile it has
    /// a hundred bytes more on disk, and a search for a text reads it.
    Passing,
    /// For what will be rewritten, but may stay for hours: Zstandard at level 1. On messages
    /// LZ4 takes as long, for half as much again.
    Quick,
    /// For what stays: level 3, a tenth smaller at twice the time.
    Lasting,
}

/// Writes the rows, which are of one day and newest first, as one durable part.
///
/// `day` names the folder, such as `2026-11-21`. The part is not listed yet.
///
/// # Errors
/// `Unavailable` where the disk refuses; `Internal` where the rows cannot be written.
pub fn write(folder: &Path, day: &str, rows: &[Row<'_>], effort: Effort) -> Result<PartInfo> {
    let Some(info) = describe(rows) else {
        return Err(Error::internal("a part without records was asked for"));
    };
    let (layout, batch) = builder::build(rows)?;
    let mut writer = PartWriter::create(folder, day, &layout, effort)?;
    writer.append(&batch)?;
    writer.finish(info)
}

/// A part under construction. Dropped before its end, it takes its file away.
pub(crate) struct PartWriter {
    writer: ArrowWriter<BufWriter<fs::File>>,
    /// None of a passing part.
    sets: Option<message_index::Builder>,
    totals: totals::Builder,
    file: Unfinished,
}

/// A file that nobody wants as it is.
struct Unfinished {
    /// Relative to the folder of parts.
    name: String,
    path: PathBuf,
    finished: bool,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.finished {
            // An unlisted file only wastes space; the next open removes it if this fails.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl PartWriter {
    /// # Errors
    /// `Unavailable` where the disk refuses.
    pub(crate) fn create(folder: &Path, day: &str, layout: &Layout, effort: Effort) -> Result<Self> {
        file::create_folder(folder, &folder.join(day))?;
        let name = format!("{day}/{}.parquet", uuid::Uuid::now_v7());
        let path = folder.join(&name);
        full_disk_point!("part::create", |error| file::failed("create", &path, &error));
        let output = fs::File::create_new(&path).map_err(|error| file::failed("create", &path, &error))?;
        crash_point!("part::created");
        let file = Unfinished { name, path, finished: false };
        let buffered = BufWriter::with_capacity(1 << 20, output);
        let properties = properties(layout, effort)?;
        let writer = ArrowWriter::try_new(buffered, layout.schema.clone(), Some(properties)).map_err(refused)?;
        let sets = (effort != Effort::Passing).then(message_index::Builder::default);
        Ok(Self { writer, sets, totals: totals::Builder::new(GROUP_ROWS), file })
    }

    /// Adds rows, which come after those before in the order of the part; their columns
    /// are those of the layout. About one row group is kept in memory, encoded.
    pub(crate) fn append(&mut self, batch: &RecordBatch) -> Result<()> {
        full_disk_point!("part::write", |error| file::failed("write", &self.file.path, &error));
        if let Some(sets) = &mut self.sets {
            let messages = Texts::named(batch, schema::MESSAGE)?;
            (0..messages.len()).for_each(|row| sets.add(messages.get(row).unwrap_or_default()));
        }
        self.totals.add(batch)?;
        self.writer.write(batch).map_err(refused)
    }

    /// Makes the part durable. `info` is what is known of its rows.
    pub(crate) fn finish(self, info: PartInfo) -> Result<PartInfo> {
        let Self { mut writer, sets, totals, mut file } = self;
        // Row groups are ended before what stands behind them.
        writer.flush().map_err(refused)?;
        let mut pairs = vec![(schema::TOTALS_KEY, totals.finish())];
        if let Some(sets) = sets {
            let sets = sets.finish();
            let place = IndexPlace { offset: writer.bytes_written() as u64, bytes: sets.len() as u64 };
            writer
                .write_all(&sets)
                .map_err(|error| Error::unavailable(format!("a part cannot be written: {error}")))?;
            pairs.push((schema::MESSAGE_INDEX_KEY, serde_json::to_string(&place)));
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

fn properties(layout: &Layout, effort: Effort) -> Result<WriterProperties> {
    let zstd = |level| {
        let level = ZstdLevel::try_new(level).map_err(|error| Error::internal(error.to_string()))?;
        Ok(Compression::ZSTD(level))
    };
    let (messages, others, page_rows) = match effort {
        Effort::Passing => (Compression::UNCOMPRESSED, Compression::UNCOMPRESSED, QUICK_PAGE_ROWS),
        Effort::Quick => (zstd(1)?, zstd(1)?, QUICK_PAGE_ROWS),
        Effort::Lasting => (zstd(3)?, zstd(1)?, PAGE_ROWS),
    };
    let map = serde_json::to_string(&layout.attributes)
        .map_err(|error| Error::internal(format!("the map of attributes does not print: {error}")))?;
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
        // All together: who looks for a trace reads those of all row groups.
        .set_bloom_filter_position(BloomFilterPosition::End)
        .set_data_page_row_count_limit(page_rows)
        .set_write_batch_size(page_rows)
        // Only what a scan prunes by keeps bounds; those of texts would cost more than they save.
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
    for name in [schema::MESSAGE, schema::REST] {
        properties = plain(properties, name, Encoding::DELTA_LENGTH_BYTE_ARRAY);
    }
    for name in &layout.diverse {
        let kind = layout.attributes.iter().find(|attribute| attribute.column == *name).map(|attribute| attribute.kind);
        let encoding = match kind {
            Some(Kind::Text) => Encoding::DELTA_LENGTH_BYTE_ARRAY,
            Some(Kind::Int) => Encoding::DELTA_BINARY_PACKED,
            Some(Kind::Float) => Encoding::BYTE_STREAM_SPLIT,
            Some(Kind::Bool) | None => Encoding::PLAIN,
        };
        properties = plain(properties, name, encoding);
        // By numbers and spans, which hardly anybody looks for, more would be lost than won.
        if kind == Some(Kind::Text) || name == schema::TRACE_ID {
            let false_positives = if kind.is_some() { FALSE_TEXTS } else { FALSE_TRACES };
            properties = properties
                .set_column_bloom_filter_fpp(column(name), false_positives)
                .set_column_bloom_filter_max_ndv(column(name), GROUP_ROWS as u64);
        }
        if kind.is_none() {
            // Random ids: compressing them costs time and saves nothing.
            properties = properties
                .set_column_compression(column(name), Compression::UNCOMPRESSED)
                .set_column_statistics_enabled(column(name), EnabledStatistics::None);
        }
    }
    Ok(properties.build())
}

/// A path of one element: names of attributes hold dots that nest nothing.
fn column(name: &str) -> ColumnPath {
    ColumnPath::new(vec![name.to_owned()])
}

fn plain(properties: WriterPropertiesBuilder, name: &str, encoding: Encoding) -> WriterPropertiesBuilder {
    properties.set_column_dictionary_enabled(column(name), false).set_column_encoding(column(name), encoding)
}

fn describe(rows: &[Row<'_>]) -> Option<PartInfo> {
    let times = || rows.iter().map(|row| row.record.time);
    let positions = || rows.iter().map(|row| row.position);
    let ids = || rows.iter().map(|row| row.record.id);
    Some(PartInfo {
        path: String::new(),
        rows: rows.len() as u64,
        bytes: 0,
        min_time: times().min()?,
        max_time: times().max()?,
        min_position: positions().min()?,
        max_position: positions().max()?,
        min_id: ids().min()?,
        max_id: ids().max()?,
    })
}
