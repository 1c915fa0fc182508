//! Columns into a file: encodings, compression, statistics.

use std::{fs, path::Path};

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
    file,
    schema::{self, Kind},
};

/// Rows of a row group: what a search prunes by and decodes a dictionary for.
const GROUP_ROWS: usize = 131_072;
/// Rows of a page: what a search skips by.
const PAGE_ROWS: usize = 8_192;

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
    let written = encode(&output, &built).and_then(|()| {
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
    let buffered = writer.into_inner().map_err(refused)?;
    buffered
        .into_inner()
        .map_err(|error| Error::unavailable(format!("a part cannot be written: {}", error.error())))?;
    Ok(())
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
