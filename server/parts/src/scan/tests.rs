//! Parts whose pages are not as this program writes them are tested alike, on pages or on columns.

use std::{
    fs::{self, File},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::{Field, Schema};
use model::{Record, RecordId, Severity};
use parquet::{
    arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
    basic::{Compression, Encoding, ZstdLevel},
    file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion},
    schema::types::ColumnPath,
};
use pipeline::Result;

use super::{MessageTest, Page};
use crate::{
    PartInfo,
    builder::Row,
    columns::Texts,
    decode, message_index,
    reader::{Footers, Part},
    reading::{Condition, Reading, RowTest},
    schema,
    writer::{self, Effort},
};

const ROWS: usize = 1_000;
const PAGE_ROWS: usize = 100;

/// How many pages and batches a test has seen.
#[derive(Default)]
struct Seen {
    pages: AtomicUsize,
    batches: AtomicUsize,
}

/// Passes the messages that end with an even digit.
struct Even(Arc<Seen>);

fn is_even(message: &str) -> bool {
    message.bytes().next_back().is_some_and(|digit| digit.is_multiple_of(2))
}

impl RowTest for Even {
    fn rows(&mut self, batch: &RecordBatch) -> Result<BooleanArray> {
        self.0.batches.fetch_add(1, Ordering::Relaxed);
        let messages = Texts::named(batch, schema::MESSAGE)?;
        let passes: Vec<bool> = (0..messages.len()).map(|row| messages.get(row).is_some_and(is_even)).collect();
        Ok(BooleanArray::from(passes))
    }

    fn on_pages(&mut self) -> Option<&mut dyn MessageTest> {
        Some(self)
    }
}

impl MessageTest for Even {
    fn scan(&mut self, page: &Page<'_>, passes: &mut [bool]) -> Result<()> {
        self.0.pages.fetch_add(1, Ordering::Relaxed);
        for (message, passes) in passes.iter_mut().enumerate() {
            *passes = *passes && is_even(page.message(message)?);
        }
        Ok(())
    }
}

fn message(row: usize) -> String {
    format!("{}행 {row}", "x".repeat(row % 17))
}

fn written(folder: &Path) -> PartInfo {
    let record = |row: usize| Record {
        id: RecordId::base(1, 0),
        // Newest first.
        time: 1_767_323_045_000_000_000 - row as i64,
        observed_time: 0,
        severity: Severity::INFO,
        level: "info".into(),
        service: "api".into(),
        node: "n1".into(),
        message: message(row),
        attributes: Vec::new(),
        trace_id: None,
        span_id: None,
    };
    let records: Vec<Record> = (0..ROWS).map(record).collect();
    let rows: Vec<Row<'_>> =
        records.iter().map(|record| Row { record, position: 7, id_base: RecordId::base(1, 0) }).collect();
    writer::write(folder, "2026-01-02", &rows, Effort::Quick).unwrap()
}

/// Writes the rows of a part to its file once more, in pages of [`PAGE_ROWS`].
fn written_again(
    info: &PartInfo,
    folder: &Path,
    properties: WriterPropertiesBuilder,
    message_is_optional: bool,
) -> PartInfo {
    let path = info.file(folder);
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
    let mut pairs = reader.metadata().file_metadata().key_value_metadata().cloned().unwrap();
    // The index of messages is not copied.
    pairs.retain(|pair| pair.key != message_index::KEY);
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(|batch| batch.unwrap()).collect();
    let field = |field: &Arc<Field>| {
        let is_optional = if field.name() == schema::MESSAGE { message_is_optional } else { field.is_nullable() };
        Field::new(field.name(), field.data_type().clone(), is_optional)
    };
    let columns = Arc::new(Schema::new(batches[0].schema().fields().iter().map(field).collect::<Vec<Field>>()));
    let properties = properties
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_key_value_metadata(Some(pairs));
    let file = File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, columns.clone(), Some(properties.build())).unwrap();
    for batch in &batches {
        let batch = RecordBatch::try_new(columns.clone(), batch.columns().to_vec()).unwrap();
        writer.write(&batch).unwrap();
    }
    writer.close().unwrap();
    PartInfo { bytes: fs::metadata(&path).unwrap().len(), ..info.clone() }
}

#[test]
fn pages_of_other_writers_are_tested_or_decoded() {
    let folder = tempfile::tempdir().unwrap();
    let info = written(folder.path());
    let encoded = |encoding: Encoding| {
        let message = || ColumnPath::new(vec![schema::MESSAGE.to_owned()]);
        WriterProperties::builder()
            .set_column_dictionary_enabled(message(), false)
            .set_column_encoding(message(), encoding)
    };
    let lengths = || encoded(Encoding::DELTA_LENGTH_BYTE_ARRAY);
    let second = || lengths().set_writer_version(WriterVersion::PARQUET_2_0);
    let zstd = Compression::ZSTD(ZstdLevel::try_new(1).unwrap());
    let no_index = || lengths().set_statistics_enabled(EnabledStatistics::Chunk).set_offset_index_disabled(true);
    for (kind, properties, message_is_optional, is_on_pages) in [
        ("pages of the first version", lengths(), false, true),
        ("pages of the second version", second(), false, true),
        ("compressed pages of the second version", second().set_compression(zstd), false, true),
        ("plain messages", encoded(Encoding::PLAIN), false, false),
        ("messages without common prefixes", encoded(Encoding::DELTA_BYTE_ARRAY), false, false),
        ("a dictionary of messages", WriterProperties::builder(), false, false),
        ("optional messages", lengths(), true, false),
        ("no index of pages", no_index(), false, false),
    ] {
        let info = written_again(&info, folder.path(), properties, message_is_optional);
        let part = Part::new(info, folder.path(), Arc::new(Footers::default()));
        let footer = part.footer().unwrap();
        for rows in [vec![0..50, 150..351, 700..701, 998..ROWS], vec![0..400, 400..ROWS]] {
            let seen = Arc::new(Seen::default());
            let columns = vec![footer.columns.place(schema::MESSAGE)];
            let conditions = vec![Condition { columns, test: Box::new(Even(seen.clone())) }];
            let what = Reading { columns: footer.all_columns(), conditions, ..Reading::default() };
            let mut found = Vec::new();
            for batch in part.read(&footer, 0, &rows, what).unwrap() {
                let records = decode::records(&batch.unwrap(), &footer.columns).unwrap();
                found.extend(records.into_iter().map(|stored| stored.record.message));
            }
            let all = rows.iter().cloned().flatten().map(message);
            let expected: Vec<String> = all.filter(|message| is_even(message)).collect();
            assert_eq!(found, expected, "{kind}");
            let (pages, batches) = (seen.pages.load(Ordering::Relaxed), seen.batches.load(Ordering::Relaxed));
            assert_eq!((pages > 0, batches > 0), (is_on_pages, !is_on_pages), "{kind}");
        }
        assert!(part.damage().is_none());
    }
}
