//! Records as files for other programs: JSON lines, CSV, Parquet.

pub(crate) mod csv;
mod parquet;

use std::fmt;

use bytes::Bytes;
use clap::ValueEnum;
use model::{StoredRecord, api::RecordView};
use pipeline::{Error, Result};
use serde::Deserialize;
use utoipa::ToSchema;

/// The format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ValueEnum, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// One JSON object per line, as in `/api/v1/logs`.
    #[default]
    Ndjson,
    /// Comma-separated values with a header line; the attributes are one column of JSON.
    Csv,
    /// One Parquet file; the attributes are one column of JSON.
    Parquet,
}

impl Format {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        })
    }
}

/// Encodes records incrementally as a file.
pub(crate) enum Encoder {
    Ndjson,
    Csv { begun: bool },
    Parquet(Box<parquet::Encoder>),
}

impl Encoder {
    pub(crate) fn new(format: Format) -> Result<Self> {
        Ok(match format {
            Format::Ndjson => Self::Ndjson,
            Format::Csv => Self::Csv { begun: false },
            Format::Parquet => Self::Parquet(Box::new(parquet::Encoder::new()?)),
        })
    }

    /// The bytes for these records; may be empty.
    pub(crate) fn encode(&mut self, records: &[StoredRecord]) -> Result<Bytes> {
        match self {
            Self::Ndjson => ndjson(records),
            Self::Csv { begun } => csv::encode(records.iter().map(RecordView::from), !std::mem::replace(begun, true)),
            Self::Parquet(encoder) => encoder.encode(records),
        }
    }

    /// The last bytes of the file.
    pub(crate) fn finish(self) -> Result<Bytes> {
        match self {
            Self::Ndjson => Ok(Bytes::new()),
            // A file without records still has its header line.
            Self::Csv { begun } => {
                if begun {
                    Ok(Bytes::new())
                } else {
                    csv::encode(std::iter::empty(), true)
                }
            }
            Self::Parquet(encoder) => encoder.finish(),
        }
    }
}

fn ndjson(records: &[StoredRecord]) -> Result<Bytes> {
    let mut lines = Vec::new();
    for record in records {
        serde_json::to_writer(&mut lines, &RecordView::from(record)).map_err(failed)?;
        lines.push(b'\n');
    }
    Ok(lines.into())
}

fn attributes(view: &RecordView) -> Result<String> {
    serde_json::to_string(&view.attributes).map_err(failed)
}

fn failed(error: impl fmt::Display) -> Error {
    Error::internal(format!("records cannot be exported: {error}"))
}

#[cfg(test)]
mod tests {
    use ::parquet::arrow::arrow_reader::ParquetRecordBatchReader;
    use model::Position;
    use testkit::records;

    use super::*;

    fn sample_records() -> Vec<StoredRecord> {
        let records = records::corpus(3, 4).into_iter().flat_map(|batch| batch.records);
        (1..).zip(records).map(|(position, record)| StoredRecord { position: Position(position), record }).collect()
    }

    /// The file, written in two pieces.
    fn exported(format: Format, records: &[StoredRecord]) -> Bytes {
        let mut encoder = Encoder::new(format).unwrap();
        let (one, two) = records.split_at(records.len() / 2);
        let mut file = Vec::new();
        for piece in [one, two] {
            file.extend_from_slice(&encoder.encode(piece).unwrap());
        }
        file.extend_from_slice(&encoder.finish().unwrap());
        file.into()
    }

    #[test]
    fn json_lines_read_back_as_what_the_api_gives() {
        let records = sample_records();
        let file = exported(Format::Ndjson, &records);
        let lines: Vec<RecordView> = file
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        assert_eq!(lines, records.iter().map(RecordView::from).collect::<Vec<_>>());
    }

    #[test]
    fn csv_keeps_every_text_whatever_is_in_it() {
        let records = sample_records();
        let file = exported(Format::Csv, &records);
        let mut reader = ::csv::Reader::from_reader(&file[..]);
        assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), csv::COLUMNS);
        let place = csv::COLUMNS.iter().position(|column| *column == "message").unwrap();
        let messages: Vec<String> = reader.records().map(|row| row.unwrap()[place].to_owned()).collect();
        // Except for formulas, which are prefixed.
        let expected = records.iter().map(|stored| csv::escape_formula(&stored.record.message).into_owned());
        assert_eq!(messages, expected.collect::<Vec<_>>());
        assert!(exported(Format::Csv, &[]).starts_with(b"id,"));
    }

    #[test]
    fn parquet_holds_every_record() {
        for records in [sample_records(), Vec::new()] {
            let file = exported(Format::Parquet, &records);
            let rows: usize =
                ParquetRecordBatchReader::try_new(file, 1000).unwrap().map(|batch| batch.unwrap().num_rows()).sum();
            assert_eq!(rows, records.len());
        }
    }
}
