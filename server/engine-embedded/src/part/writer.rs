//! Columns into a file: encodings, compression, statistics.

use std::{fs, path::Path};

use arrow_array::RecordBatch;
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, Encoding, ZstdLevel},
    file::{
        metadata::{KeyValue, SortingColumn},
        properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder},
    },
    schema::types::ColumnPath,
};
use pipeline::{Error, Result};

use super::{
    PartInfo,
    builder::{self, Built, Row},
    columns::Texts,
    file,
    schema::{self, Kind, TrigramsPlace},
    trigrams::{self, BLOCK_ROWS},
};

/// Rows of a row group: what a search prunes by and decodes a dictionary for.
const GROUP_ROWS: usize = 4 * BLOCK_ROWS;
/// Rows of a page: what a search skips by.
const PAGE_ROWS: usize = 8_192;
/// How often a Bloom filter may say that a value is there and is not.
const FALSE_POSITIVES: f64 = 0.02;

/// Writes the rows, which are of one day and newest first, as one durable part.
///
/// `day` names the folder, such as `2026-11-21`. The part is not listed yet.
///
/// # Errors
/// `Unavailable` where the disk refuses; `Internal` where the rows cannot be written.
pub(crate) fn write(folder: &Path, day: &str, rows: &[Row<'_>]) -> Result<PartInfo> {
    let Some(mut info) = describe(rows) else {
        return Err(Error::internal("a part without records was asked for"));
    };
    info.path = format!("{day}/{}.parquet", uuid::Uuid::now_v7());
    let built = builder::build(rows)?;
    let path = info.file(folder);
    file::create_folder(folder, &folder.join(day))?;
    let output = fs::File::create_new(&path).map_err(|error| file::failed("create", &path, &error))?;
    crash_point!("part::created");
    let written = encode(&output, &built).and_then(|()| {
        crash_point!("part::written");
        output.sync_all().map_err(|error| file::failed("sync", &path, &error))?;
        file::sync_folder(&folder.join(day))
    });
    if let Err(error) = written {
        // An unlisted file only wastes space; the next open removes it if this fails.
        let _ = fs::remove_file(&path);
        return Err(error);
    }
    info.bytes = fs::metadata(&path).map_err(|error| file::failed("read", &path, &error))?.len();
    Ok(info)
}

fn encode(output: &fs::File, built: &Built) -> Result<()> {
    let refused = |error: parquet::errors::ParquetError| match error {
        parquet::errors::ParquetError::External(error) => {
            Error::unavailable(format!("a part cannot be written: {error}"))
        }
        error => Error::internal(format!("a part cannot be written: {error}")),
    };
    let buffered = std::io::BufWriter::with_capacity(1 << 20, output);
    let mut writer = ArrowWriter::try_new(buffered, built.batch.schema(), Some(properties(built)?)).map_err(refused)?;
    writer.write(&built.batch).map_err(refused)?;
    // Row groups are ended before what stands behind them.
    writer.flush().map_err(refused)?;
    let sets = trigrams(&built.batch)?;
    let place = TrigramsPlace { offset: writer.bytes_written() as u64, bytes: sets.len() as u64 };
    writer.write_all(&sets).map_err(|error| Error::unavailable(format!("a part cannot be written: {error}")))?;
    let place = serde_json::to_string(&place).map_err(|error| Error::internal(error.to_string()))?;
    writer.append_key_value_metadata(KeyValue::new(schema::TRIGRAMS_KEY.to_owned(), place));
    let buffered = writer.into_inner().map_err(refused)?;
    buffered
        .into_inner()
        .map_err(|error| Error::unavailable(format!("a part cannot be written: {}", error.error())))?;
    Ok(())
}

/// The sets of the messages' trigrams.
fn trigrams(batch: &RecordBatch) -> Result<Vec<u8>> {
    let messages = Texts::named(batch, schema::MESSAGE)?;
    let mut sets = trigrams::Builder::default();
    (0..messages.len()).for_each(|row| sets.add(messages.get(row).unwrap_or_default()));
    Ok(sets.finish())
}

fn properties(built: &Built) -> Result<WriterProperties> {
    let level = ZstdLevel::try_new(1).map_err(|error| Error::internal(error.to_string()))?;
    let map = serde_json::to_string(&built.attributes)
        .map_err(|error| Error::internal(format!("the map of attributes does not print: {error}")))?;
    let metadata = vec![
        KeyValue::new(schema::FORMAT_KEY.to_owned(), schema::FORMAT.to_string()),
        KeyValue::new(schema::ATTRIBUTES_KEY.to_owned(), map),
    ];
    let sorted = |column_idx| SortingColumn { column_idx, descending: true, nulls_first: false };
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("logboom ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
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
    for name in &built.diverse {
        let kind = built.attributes.iter().find(|attribute| attribute.column == *name).map(|attribute| attribute.kind);
        let encoding = match kind {
            Some(Kind::Text) => Encoding::DELTA_LENGTH_BYTE_ARRAY,
            Some(Kind::Int) => Encoding::DELTA_BINARY_PACKED,
            Some(Kind::Float) => Encoding::BYTE_STREAM_SPLIT,
            Some(Kind::Bool) | None => Encoding::PLAIN,
        };
        properties = plain(properties, name, encoding);
        if kind != Some(Kind::Float) {
            properties = properties
                .set_column_bloom_filter_fpp(column(name), FALSE_POSITIVES)
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
