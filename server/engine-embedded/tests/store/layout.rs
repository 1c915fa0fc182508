//! The data folder as seen by other programs, and folders that are refused.

use std::{fs, path::PathBuf};

use arrow_array::{
    RecordBatch, StringArray,
    cast::AsArray,
    types::{Int32Type, Int64Type, TimestampNanosecondType, UInt8Type},
};
use model::{
    RecordId, Text, TimeRange, Value,
    aggregate::{Aggregation, Key},
    query::Field,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pipeline::{ErrorClass, ask};
use testkit::records;

use crate::support::{delivery, everything, in_memory};

fn parts(folder: &std::path::Path) -> Vec<PathBuf> {
    let days = fs::read_dir(folder.join("parts")).unwrap();
    days.flat_map(|day| fs::read_dir(day.unwrap().path()).unwrap()).map(|file| file.unwrap().path()).collect()
}

fn texts(batch: &RecordBatch, name: &str) -> Vec<String> {
    let column = batch.column_by_name(name).unwrap();
    let texts: Vec<Option<&str>> = match column.as_dictionary_opt::<Int32Type>() {
        Some(column) => column.downcast_dict::<StringArray>().unwrap().into_iter().collect(),
        None => column.as_string::<i32>().iter().collect(),
    };
    texts.into_iter().map(|text| text.unwrap_or_default().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_parquet_reader_reads_the_parts_and_finds_the_ids() {
    let folder = tempfile::tempdir().unwrap();
    let store = engine_embedded::open_store(folder.path(), in_memory()).await.unwrap();
    for (receipt, batch) in (1..).zip(records::corpus(5, 10)) {
        store.append(&[delivery(receipt, batch)]).await.unwrap();
    }
    let expected = everything(&*store).await;
    store.close().await;

    let mut read = 0;
    for path in parts(folder.path()) {
        let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path).unwrap()).unwrap().build().unwrap();
        for batch in reader {
            let batch = batch.unwrap();
            let times = batch.column_by_name("time").unwrap().as_primitive::<TimestampNanosecondType>();
            let positions = batch.column_by_name("position").unwrap().as_primitive::<Int64Type>();
            let bases = batch.column_by_name("id_base").unwrap().as_fixed_size_binary();
            let severities = batch.column_by_name("severity").unwrap().as_primitive::<UInt8Type>();
            let seqs = batch.column_by_name("attr.seq").unwrap().as_primitive::<Int64Type>();
            let (messages, services) = (texts(&batch, "message"), texts(&batch, "service"));
            for row in 0..batch.num_rows() {
                let stored = &expected[read];
                let base = RecordId::from_bytes(bases.value(row).try_into().unwrap());
                assert_eq!(base.nth((positions.value(row) % 16_384) as usize), stored.record.id);
                assert_eq!(positions.value(row), stored.position.0);
                assert_eq!(times.value(row), stored.record.time);
                assert_eq!(severities.value(row), stored.record.severity.number());
                assert_eq!(messages[row], stored.record.message);
                assert_eq!(services[row], stored.record.service.as_str());
                assert_eq!(Some(&Value::Int(seqs.value(row))), stored.record.attribute("seq"));
                read += 1;
            }
        }
    }
    assert_eq!(read, expected.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn more_attributes_than_columns_and_mixed_types_come_back_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let mut batch = records::batch(1, 40);
    for (place, record) in batch.records.iter_mut().enumerate() {
        record.attributes = (0..160)
            .map(|key| {
                let value = match (key + place) % 5 {
                    0 => Value::Int(i64::MAX - key as i64),
                    1 => Value::Float(-0.0),
                    2 => Value::Float(f64::MAX / (place + 1) as f64),
                    3 => Value::Bool(place % 2 == 0),
                    _ => Value::Text(Text::from(format!("\"{place}\" \\ 한 {key}"))),
                };
                (Text::from(format!("key \"{key:03}\"")), value)
            })
            .collect();
    }
    let store = engine_embedded::open_store(folder.path(), in_memory()).await.unwrap();
    store.append(&[delivery(1, batch.clone())]).await.unwrap();
    let query = model::Query::parse("\"key \\\"159\\\"\":/한 159/ \"key \\\"003\\\"\":*").unwrap();
    let before = ask::count(&*store, &query, TimeRange::ALL).await.unwrap();
    assert!(before > 0);
    store.close().await;
    drop(store);
    let store = engine_embedded::open_store(folder.path(), in_memory()).await.unwrap();
    let mut stored = everything(&*store).await;
    stored.sort_by_key(|stored| stored.position);
    let stored: Vec<_> = stored.into_iter().map(|stored| stored.record).collect();
    assert_eq!(stored, batch.records);
    assert_eq!(ask::count(&*store, &query, TimeRange::ALL).await.unwrap(), before);
    let by_key = vec![Key::Field(Field::parse_name("key \"159\"").unwrap())];
    let aggregation = Aggregation::counting(query, TimeRange::ALL, by_key, 100);
    let values = store.aggregate(&aggregation).await.unwrap().remove(0).rows;
    assert_eq!(values.len() as u64, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn rare_attributes_are_in_maps_and_searches_and_counts_find_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut batch = records::batch(1, 600);
    for (place, record) in batch.records.iter_mut().enumerate() {
        record.attributes = vec![("status".into(), Value::Int(200 + place as i64 % 3))];
        let value = match place {
            0..5 => Value::Int(place as i64 * 5),
            5..10 => Value::Float(place as f64 / 4.0),
            10..12 => Value::Bool(place == 10),
            12..16 => Value::Text(format!("deadbee{}", place % 4).into()),
            16..26 => Value::Text(["deadbeef", "17", "DEADBEEF", "true", ""][place % 5].into()),
            // The same key as that of the column, with another type.
            30..34 => {
                record.attributes[0].1 = Value::Text("200".into());
                continue;
            }
            _ => continue,
        };
        record.attributes.insert(0, ("rare".into(), value));
    }
    let queries = [
        "rare:*",
        "-rare:*",
        "rare:deadbee0",
        "rare:deadbeef",
        "rare:DEADBEEF",
        "rare:15",
        "rare:17",
        "rare:1.25",
        "rare:true",
        "rare:dead*",
        "rare:/(?i)beef$/",
        "rare:>5",
        "rare:<=5 OR status:201",
        "rare:nowhere",
        "status:200",
        "status:>200",
    ];
    let store = engine_embedded::open_store(folder.path(), in_memory()).await.unwrap();
    store.append(&[delivery(1, batch.clone())]).await.unwrap();
    store.close().await;
    drop(store);
    let names: Vec<String> = parts(folder.path())
        .into_iter()
        .flat_map(|path| {
            let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path).unwrap()).unwrap();
            reader.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>()
        })
        .collect();
    assert!(names.iter().any(|name| name == "rest_hex") && names.iter().all(|name| name != "attr.rare"));

    let store = engine_embedded::open_store(folder.path(), in_memory()).await.unwrap();
    for query in queries {
        let parsed = model::Query::parse(query).unwrap();
        let expected: Vec<_> = batch.records.iter().filter(|record| parsed.matches(record)).collect();
        assert_eq!(ask::count(&*store, &parsed, TimeRange::ALL).await.unwrap(), expected.len() as u64, "{query}");
        for key in ["rare", "status"] {
            let by_key = vec![Key::Field(Field::parse_name(key).unwrap())];
            let aggregation = Aggregation::counting(parsed.clone(), TimeRange::ALL, by_key, 100);
            let found = store.aggregate(&aggregation).await.unwrap();
            assert_eq!(found, model::aggregate::evaluate(&aggregation, &batch.records).unwrap(), "{query} by {key}");
        }
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_format_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    engine_embedded::open_store(folder.path(), in_memory()).await.unwrap().close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("catalogue.sqlite"));
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("insert into format (version) values (99)").execute(&pool).await.unwrap();
    pool.close().await;
    let error = engine_embedded::open_store(folder.path(), in_memory()).await.err().unwrap();
    assert_eq!(error.class, ErrorClass::Corrupt);
    assert!(error.message.contains("format 99") && error.message.contains("newer program"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_were_never_listed_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = engine_embedded::open_store(folder.path(), in_memory()).await.unwrap();
    store.append(&[delivery(1, records::batch(1, 3))]).await.unwrap();
    store.close().await;
    drop(store);
    let orphan = folder.path().join("parts/2020-02-02/left.parquet");
    fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    fs::write(&orphan, "half a part").unwrap();

    let store = engine_embedded::open_store(folder.path(), in_memory()).await.unwrap();
    assert!(!orphan.exists());
    assert_eq!(everything(&*store).await.len(), 3);
    store.close().await;
}
