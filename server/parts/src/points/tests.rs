//! Single rows are those of Parquet's reader, whatever the columns and pages are like.

use std::{
    fs::{self, File},
    path::Path,
    sync::Arc,
};

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Decimal64Array, Decimal128Array, DictionaryArray, FixedSizeBinaryArray,
    Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array, types::Int32Type,
};
use arrow_schema::{Field, Schema};
use arrow_select::concat::concat_batches;
use model::{Record, RecordId, Severity, StoredRecord, Value};
use parquet::{
    arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
    basic::{Compression, Encoding, ZstdLevel},
    file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion},
    schema::types::ColumnPath,
};
use proptest::{collection::vec, prelude::*, sample::Index};
use testkit::records;

use super::{column::Column, page::Scratch};
use crate::{
    PartInfo,
    builder::Row,
    columns::{self, Texts},
    decode, message_index, position_of,
    ranges::push_joined,
    reader::{Footer, Footers, Part},
    reading::{Condition, Reading},
    schema,
    writer::{self, Effort},
};

const DAY: &str = "2026-01-02";
const ROWS: usize = 3_000;
const PAGE_ROWS: usize = 700;

fn opened(folder: &Path, info: PartInfo) -> Part {
    Part::new(info, folder, Arc::new(Footers::default()))
}

fn written(folder: &Path, records: &[Record], effort: Effort) -> PartInfo {
    let position = |place: usize| position_of(1 + place as u64 / 10_000, place % 10_000);
    let row = |(place, record)| Row { record, position: position(place), id_base: RecordId::base(1, 0) };
    let mut rows: Vec<Row<'_>> = records.iter().enumerate().map(row).collect();
    rows.sort_unstable_by_key(|row| std::cmp::Reverse((row.record.time, row.position)));
    writer::write(folder, DAY, &rows, effort).unwrap()
}

/// A record with attributes of all types and of many shapes.
fn record(number: usize) -> Record {
    let mixed = scattered(number as u64);
    let mut attributes = vec![
        ("bool".into(), Value::Bool(mixed.is_multiple_of(3))),
        ("float".into(), Value::Float(mixed as f64 / 7.0)),
        ("few".into(), Value::Int((mixed % 5) as i64)),
        ("int".into(), Value::Int(mixed as i64)),
        ("name".into(), Value::Text(format!("name {}", mixed % 20).into())),
        ("text".into(), Value::Text(format!("텍스트 {mixed}").into())),
    ];
    attributes.retain(|(key, _): &(model::Text, Value)| number % 11 != key.len());
    attributes.sort_by(|one, next| one.0.cmp(&next.0));
    Record {
        id: RecordId::base(1, 0).nth(number % 16_000),
        time: 1_767_323_045_000_000_000 - number as i64 * 1_000,
        observed_time: 1_767_323_045_000_000_000,
        severity: Severity::INFO,
        level: "info".into(),
        service: format!("service-{}", mixed % 9).into(),
        node: if number.is_multiple_of(2) { "n1".into() } else { "".into() },
        message: format!("message {mixed} {}", "x".repeat(number % 90)),
        attributes,
        trace_id: mixed.is_multiple_of(2).then(|| u128::from(mixed).to_be_bytes()),
        span_id: mixed.is_multiple_of(4).then(|| mixed.to_be_bytes()),
    }
}

fn scattered(number: u64) -> u64 {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 29)
}

/// The rows as Parquet's reader decodes them.
fn decoded(part: &Part, footer: &Footer, group: usize, rows: &[usize]) -> RecordBatch {
    let mut ranges = Vec::new();
    rows.iter().for_each(|row| push_joined(&mut ranges, *row..*row + 1));
    let what = Reading { columns: footer.all_columns(), ..Reading::default() };
    let batches: Vec<RecordBatch> =
        part.read(footer, group, &ranges, what).unwrap().map(|batch| batch.unwrap()).collect();
    concat_batches(batches[0].schema_ref(), &batches).unwrap()
}

/// The leaves that are not nested.
fn flat(footer: &Footer) -> Vec<usize> {
    let schema = footer.metadata.parquet_schema();
    footer.all_columns().into_iter().filter(|leaf| schema.column(*leaf).max_rep_level() == 0).collect()
}

/// Reads a column without Parquet's reader.
fn by_points(part: &Part, footer: &Footer, group: usize, rows: &[usize], leaf: usize) -> Option<ArrayRef> {
    let column = Column::of(footer, group, leaf, part.info.bytes)?;
    Scratch::with(|scratch| column.read(&part.open().unwrap(), scratch, rows))
}

/// Compares rows of all columns. Returns the names of those that were left to Parquet's reader.
fn compare(part: &Part, rows: &[usize]) -> Vec<String> {
    let footer = part.footer().unwrap();
    let expected = decoded(part, &footer, 0, rows);
    let columns = footer.all_columns();
    let found = part.rows(&footer, 0, rows, &columns).unwrap();
    assert_eq!(found.schema_ref().fields(), expected.schema_ref().fields());
    for ((field, found), expected) in expected.schema_ref().fields().iter().zip(found.columns()).zip(expected.columns())
    {
        assert_eq!(found, expected, "{} at {rows:?}", field.name());
    }
    let schema = footer.metadata.parquet_schema();
    let left = flat(&footer).into_iter().filter(|leaf| by_points(part, &footer, 0, rows, *leaf).is_none());
    left.map(|leaf| schema.column(leaf).name().to_owned()).collect()
}

/// Some rows of a row group, near each other, far from each other, and all.
fn samples(rows: usize) -> Vec<Vec<usize>> {
    vec![
        vec![0],
        vec![rows - 1],
        vec![0, rows / 2, rows - 1],
        (0..rows).step_by(97).collect(),
        (rows / 3..rows / 3 + 20).collect(),
        (0..rows).collect(),
    ]
}

#[test]
fn single_rows_of_parts_of_each_effort_are_those_of_the_reader() {
    let records: Vec<Record> = (0..20_000).map(record).collect();
    for effort in [Effort::Passing, Effort::Quick, Effort::Lasting] {
        let folder = tempfile::tempdir().unwrap();
        let part = opened(folder.path(), written(folder.path(), &records, effort));
        for rows in samples(records.len()) {
            assert!(compare(&part, &rows).is_empty(), "{effort:?}");
        }
        assert!(part.damage().is_none());
    }
}

#[test]
fn messages_of_large_pages_are_read_without_the_rest_of_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let long = |number: usize| Record { message: format!("{number} ").repeat(400), ..record(number) };
    let records: Vec<Record> = (0..2_000).map(long).collect();
    for effort in [Effort::Passing, Effort::Lasting] {
        let part = opened(folder.path(), written(folder.path(), &records, effort));
        for row in [0, 1, 500, 1_000, 1_999] {
            assert!(compare(&part, &[row]).is_empty(), "{effort:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn single_rows_of_any_records_are_those_of_the_reader(
        seed in any::<u32>(),
        batches in 1..9_usize,
        effort in prop::sample::select(vec![Effort::Passing, Effort::Quick, Effort::Lasting]),
        rows in vec(any::<Index>(), 1..40),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let corpus = records::corpus(u64::from(seed), batches);
        let records: Vec<Record> = corpus.iter().flat_map(|batch| batch.records.iter().cloned()).collect();
        let part = opened(folder.path(), written(folder.path(), &records, effort));
        let mut rows: Vec<usize> = rows.iter().map(|row| row.index(records.len())).collect();
        rows.sort_unstable();
        rows.dedup();
        prop_assert!(compare(&part, &rows).is_empty());
    }
}

/// Writes a part with columns of all types beside its own, in pages of [`PAGE_ROWS`].
fn of_all_types(folder: &Path, properties: WriterPropertiesBuilder, nulls: impl Fn(usize) -> bool) -> Part {
    let records: Vec<Record> = (0..ROWS).map(record).collect();
    let info = written(folder, &records, Effort::Quick);
    let path = info.file(folder);
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
    let mut pairs = reader.metadata().file_metadata().key_value_metadata().cloned().unwrap();
    // The index of messages is not copied.
    pairs.retain(|pair| pair.key != message_index::KEY);
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(|batch| batch.unwrap()).collect();
    let own = concat_batches(batches[0].schema_ref(), &batches).unwrap();
    let mixed = |row: usize| scattered(row as u64);
    let of = |row: usize| (!nulls(row)).then(|| mixed(row));
    let texts = |bound: u64| -> Vec<Option<String>> {
        (0..ROWS).map(|row| of(row).map(|mixed| format!("text {}", mixed % bound))).collect()
    };
    let few = texts(30);
    let bytes = |row: usize| of(row).map(|mixed| mixed.to_le_bytes()[..(mixed % 8) as usize].to_vec());
    let fixed = (0..ROWS).map(|row| of(row).map(|mixed| [mixed.to_be_bytes(), mixed.to_le_bytes()].concat()));
    let numbers = |row: usize| of(row).map(|mixed| (mixed % 1_000_000) as i64 - 500_000);
    let mut more: Vec<(&str, ArrayRef)> = Vec::new();
    let mut add = |name, array: ArrayRef| more.push((name, array));
    add(
        "more.bool",
        Arc::new((0..ROWS).map(|row| of(row).map(|mixed| mixed.is_multiple_of(5))).collect::<BooleanArray>()),
    );
    add("more.u8", Arc::new((0..ROWS).map(|row| of(row).map(|mixed| mixed as u8)).collect::<UInt8Array>()));
    add("more.u16", Arc::new((0..ROWS).map(|row| of(row).map(|mixed| mixed as u16)).collect::<UInt16Array>()));
    add("more.u32", Arc::new((0..ROWS).map(|row| of(row).map(|mixed| mixed as u32)).collect::<UInt32Array>()));
    add("more.u64", Arc::new((0..ROWS).map(of).collect::<UInt64Array>()));
    add("more.i32", Arc::new((0..ROWS).map(|row| of(row).map(|mixed| mixed as i32)).collect::<Int32Array>()));
    add("more.i64", Arc::new((0..ROWS).map(|row| of(row).map(|mixed| mixed as i64)).collect::<Int64Array>()));
    add("more.few", Arc::new((0..ROWS).map(|row| of(row).map(|mixed| (mixed % 9) as i64)).collect::<Int64Array>()));
    add("more.rising", Arc::new((0..ROWS).map(|row| of(row).map(|_| row as i64)).collect::<Int64Array>()));
    add("more.f32", Arc::new((0..ROWS).map(|row| of(row).map(|mixed| mixed as f32)).collect::<Float32Array>()));
    add("more.f64", Arc::new((0..ROWS).map(|row| of(row).map(|mixed| mixed as f64)).collect::<Float64Array>()));
    let times = (0..ROWS).map(numbers).collect::<TimestampNanosecondArray>();
    add("more.time", Arc::new(times.with_timezone("UTC")));
    let decimals = || (0..ROWS).map(numbers).collect::<Decimal64Array>();
    add("more.decimal", Arc::new(decimals().with_precision_and_scale(18, 2).unwrap()));
    add("more.short", Arc::new(decimals().with_precision_and_scale(8, 2).unwrap()));
    let decimals = (0..ROWS).map(|row| numbers(row).map(i128::from)).collect::<Decimal128Array>();
    add("more.long", Arc::new(decimals.with_precision_and_scale(18, 3).unwrap()));
    add("more.text", Arc::new(StringArray::from(texts(u64::MAX))));
    add("more.bytes", Arc::new((0..ROWS).map(bytes).collect::<BinaryArray>()));
    add("more.fixed", Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(fixed, 16).unwrap()));
    add("more.names", Arc::new(few.iter().map(Option::as_deref).collect::<DictionaryArray<Int32Type>>()));
    let mut fields: Vec<Field> = own.schema().fields().iter().map(|field| Field::clone(field)).collect();
    let mut arrays = own.columns().to_vec();
    for (name, array) in more {
        fields.push(Field::new(name, array.data_type().clone(), true));
        arrays.push(array);
    }
    let columns = Arc::new(Schema::new(fields));
    let properties = properties
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_key_value_metadata(Some(pairs));
    let file = File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, columns.clone(), Some(properties.build())).unwrap();
    writer.write(&RecordBatch::try_new(columns, arrays).unwrap()).unwrap();
    writer.close().unwrap();
    opened(folder, PartInfo { bytes: fs::metadata(&path).unwrap().len(), ..info })
}

/// The columns that have this encoding in [`of_all_types`].
fn encoded(mut properties: WriterPropertiesBuilder, encoding: Encoding, names: &[&str]) -> WriterPropertiesBuilder {
    for name in names {
        let column = ColumnPath::new(vec![(*name).to_owned()]);
        properties =
            properties.set_column_dictionary_enabled(column.clone(), false).set_column_encoding(column, encoding);
    }
    properties
}

#[test]
fn single_rows_of_all_types_and_encodings_are_those_of_the_reader() {
    let zstd = Compression::ZSTD(ZstdLevel::try_new(1).unwrap());
    let new = || WriterProperties::builder().set_compression(zstd);
    let plain = || new().set_dictionary_enabled(false);
    let integers = ["more.u32", "more.u64", "more.i32", "more.i64", "more.rising", "more.time", "more.decimal"];
    let deltas = encoded(plain(), Encoding::DELTA_BINARY_PACKED, &integers);
    let deltas = encoded(deltas, Encoding::DELTA_LENGTH_BYTE_ARRAY, &["more.text", "more.bytes", "more.names"]);
    let fixed = ["more.f32", "more.f64", "more.i32", "more.i64", "more.fixed"];
    let split = encoded(plain(), Encoding::BYTE_STREAM_SPLIT, &fixed);
    let unknown = encoded(new(), Encoding::DELTA_BYTE_ARRAY, &["more.text", "more.fixed"]);
    let second = || new().set_writer_version(WriterVersion::PARQUET_2_0);
    let no_index = new().set_statistics_enabled(EnabledStatistics::Chunk).set_offset_index_disabled(true);
    // The writer encodes texts with common prefixes once a dictionary of the second version is full.
    let (none, any) = (&[][..], &["any"][..]);
    let kinds_of_nulls: [fn(usize) -> bool; 4] = [|_| false, |row| row % 3 == 1, |row| row % 1_500 > 100, |_| true];
    for (kind, properties, left) in [
        ("dictionaries", new(), none),
        ("dictionaries that end", new().set_dictionary_page_size_limit(4_000), none),
        ("plain pages", plain(), none),
        ("differences", deltas, none),
        ("streams of bytes", split, none),
        ("uncompressed pages", WriterProperties::builder(), none),
        ("pages of the second version", second(), none),
        ("uncompressed ones of the second version", second().set_compression(Compression::UNCOMPRESSED), none),
        ("dictionaries of the second version that end", second().set_dictionary_page_size_limit(4_000), any),
        ("common prefixes", unknown, &["more.fixed", "more.text"][..]),
        ("no index of pages", no_index, any),
    ] {
        for nulls in kinds_of_nulls {
            let folder = tempfile::tempdir().unwrap();
            let part = of_all_types(folder.path(), properties.clone(), nulls);
            for rows in samples(ROWS) {
                let mut names = compare(&part, &rows);
                names.sort();
                assert!(left == any || names == left, "{kind} at {rows:?}: {names:?}");
            }
            assert!(part.damage().is_none());
        }
    }
}

#[test]
fn rows_out_of_order_or_beyond_the_row_group_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<Record> = (0..10).map(record).collect();
    let part = opened(folder.path(), written(folder.path(), &records, Effort::Quick));
    let footer = part.footer().unwrap();
    let columns = footer.all_columns();
    for rows in [&[10][..], &[3, 3], &[3, 2]] {
        assert!(part.rows(&footer, 0, rows, &columns).is_err());
    }
    assert!(part.rows(&footer, 1, &[0], &columns).is_err());
    assert_eq!(part.rows(&footer, 0, &[], &columns).unwrap().num_rows(), 0);
    assert_eq!(part.rows(&footer, 0, &[1, 2], &[]).unwrap().num_rows(), 2);
    assert!(part.damage().is_none());
}

/// The condition that a text passes.
fn condition(footer: &Footer, name: &'static str, wanted: fn(&str) -> bool) -> Condition {
    let test = move |batch: &RecordBatch| {
        let texts = Texts::named(batch, name)?;
        let passes: Vec<bool> = (0..texts.len()).map(|row| wanted(texts.get(row).unwrap_or_default())).collect();
        Ok(BooleanArray::from(passes))
    };
    Condition { columns: vec![footer.columns.place(name)], test: Box::new(test) }
}

#[test]
fn rows_that_pass_conditions_come_with_their_numbers_and_columns() {
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<Record> = (0..20_000).map(record).collect();
    let part = opened(folder.path(), written(folder.path(), &records, Effort::Quick));
    let footer = part.footer().unwrap();
    let place = |name: &str| footer.columns.place(name);
    let all: Vec<StoredRecord> = {
        let every: Vec<usize> = (0..records.len()).collect();
        decode::records(&decoded(&part, &footer, 0, &every), &footer.columns).unwrap()
    };
    for (limit, is_of_messages) in [(None, true), (Some(3), true), (None, false), (Some(0), false)] {
        let mut conditions = vec![condition(&footer, schema::SERVICE, |service| service == "service-3")];
        if is_of_messages {
            conditions.push(condition(&footer, schema::MESSAGE, |message| message.ends_with('x')));
        }
        let columns = vec![place(schema::TIME), place(schema::POSITION)];
        let what = Reading { columns, conditions, limit, ..Reading::default() };
        let rows = [5..5_000, 9_000..19_999];
        let found = part.matching(&footer, 0, &rows, what, &[place(schema::MESSAGE)]).unwrap();
        let passes = |row: &usize| {
            let record = &all[*row].record;
            record.service == "service-3" && (!is_of_messages || record.message.ends_with('x'))
        };
        let expected: Vec<usize> =
            rows.iter().cloned().flatten().filter(passes).take(limit.unwrap_or(usize::MAX)).collect();
        assert_eq!(found.rows, expected);
        if expected.is_empty() {
            continue;
        }
        assert_eq!(found.columns.column_by_name(schema::MESSAGE).is_some(), is_of_messages);
        let times = columns::times(&found.columns, schema::TIME).unwrap();
        assert!(times.iter().zip(&expected).all(|(time, row)| *time == all[*row].record.time));
        if is_of_messages {
            let messages = Texts::named(&found.columns, schema::MESSAGE).unwrap();
            assert!(
                expected.iter().enumerate().all(|(at, row)| messages.get(at) == Some(&all[*row].record.message[..]))
            );
        }
    }
    let none = Reading { conditions: vec![condition(&footer, schema::SERVICE, |_| false)], ..Reading::default() };
    assert!(part.matching(&footer, 0, std::slice::from_ref(&(0..500)), none, &[]).unwrap().rows.is_empty());
}
