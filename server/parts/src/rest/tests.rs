//! Attributes come back as they were, whether they have a column or are in a map, and from whatever parts they are merged.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::Path,
    slice,
    sync::Arc,
};

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use model::{Record, RecordId, Severity, StoredRecord, Text, Value};
use parquet::{
    arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
    file::{metadata::KeyValue, properties::WriterProperties},
};
use proptest::{
    collection::{btree_map, vec},
    prelude::*,
};

use super::{RestValues, is_hex, may_hold};
use crate::{
    PartInfo,
    builder::Row,
    decode, merge, place_of, position_of,
    reader::{Footers, Part},
    reading::Reading,
    schema::{self, Rest, RestMap},
    writer::{self, Effort, GROUP_ROWS},
};

const DAY: &str = "2026-01-02";

fn record(number: usize, attributes: Vec<(Text, Value)>) -> Record {
    Record {
        id: RecordId::base(1_767_323_045_000, 7).nth(number),
        time: 1_767_323_045_000_000_000 - number as i64 * 1_000,
        observed_time: 1_767_323_045_000_000_000,
        severity: Severity::INFO,
        level: "info".into(),
        service: "api".into(),
        node: Text::default(),
        message: String::new(),
        attributes,
        trace_id: None,
        span_id: None,
    }
}

/// Writes a part of records with these attributes, as the batch `frame`.
fn written(folder: &Path, frame: u64, attributes: &[BTreeMap<String, Value>], effort: Effort) -> Arc<Part> {
    let of_record = |attributes: &BTreeMap<String, Value>| {
        attributes.iter().map(|(key, value)| (Text::from(key.as_str()), value.clone())).collect::<Vec<_>>()
    };
    let records: Vec<Record> =
        attributes.iter().enumerate().map(|(number, attributes)| record(number, of_record(attributes))).collect();
    let row = |(place, record)| Row { record, position: position_of(frame, place), id_base: records[0].id };
    let rows: Vec<Row<'_>> = records.iter().enumerate().map(row).collect();
    opened(folder, writer::write(folder, DAY, &rows, effort).unwrap())
}

fn opened(folder: &Path, info: PartInfo) -> Arc<Part> {
    Arc::new(Part::new(info, folder, Arc::new(Footers::default())))
}

fn merged(folder: &Path, parts: &[Arc<Part>]) -> Arc<Part> {
    opened(folder, merge::merge(folder, DAY, parts, None, &mut || Ok(())).unwrap().unwrap())
}

/// All batches of a part, with all columns.
fn batches(part: &Part) -> Vec<RecordBatch> {
    let footer = part.footer().unwrap();
    let groups = footer.groups.iter().enumerate();
    let of_group = |(place, group): (usize, &crate::reader::Group)| {
        let what = Reading { columns: footer.all_columns(), ..Reading::default() };
        let batches = part.read(&footer, place, slice::from_ref(&(0..group.rows)), what).unwrap();
        batches.map(|batch| batch.unwrap()).collect::<Vec<_>>()
    };
    groups.flat_map(of_group).collect()
}

fn read(part: &Part) -> Vec<StoredRecord> {
    let footer = part.footer().unwrap();
    batches(part).iter().flat_map(|batch| decode::records(batch, &footer.columns).unwrap()).collect()
}

/// The records of all parts, newest first.
fn sorted(parts: &[Arc<Part>]) -> Vec<StoredRecord> {
    let mut all: Vec<StoredRecord> = parts.iter().flat_map(|part| read(part)).collect();
    all.sort_by_key(|stored| std::cmp::Reverse((stored.record.time, stored.position)));
    all
}

/// The part as format 1 has it: with a column of JSON instead of maps.
fn as_format_1(part: &Part, folder: &Path) -> Arc<Part> {
    let footer = part.footer().unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(part.info.file(folder)).unwrap()).unwrap();
    let pairs = reader.metadata().file_metadata().key_value_metadata().unwrap();
    let attributes = pairs.iter().find(|pair| pair.key == schema::ATTRIBUTES_KEY).unwrap().clone();
    let format = KeyValue::new(schema::FORMAT_KEY.to_owned(), "1".to_owned());
    let properties = WriterProperties::builder()
        .set_key_value_metadata(Some(vec![format, attributes]))
        .set_max_row_group_row_count(Some(GROUP_ROWS));
    let all = reader.schema().fields().clone();
    let flat: Vec<usize> = (0..all.len()).filter(|place| RestMap::named(all[*place].name()).is_none()).collect();
    let mut fields: Vec<Arc<Field>> = flat.iter().map(|place| all[*place].clone()).collect();
    fields.push(Arc::new(Field::new(schema::REST, DataType::Utf8, true)));
    let columns = Arc::new(Schema::new(fields));
    let path = part.info.path.replace(".parquet", "-1.parquet");
    let file = File::create_new(folder.join(&path)).unwrap();
    let mut writer = ArrowWriter::try_new(file, columns.clone(), Some(properties.build())).unwrap();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let rest = RestValues::of(&batch, footer.columns.rest()).unwrap();
        let json = (0..batch.num_rows()).map(|row| {
            let mut attributes = Vec::new();
            rest.append_to(row, &mut attributes).unwrap();
            let attributes: BTreeMap<Text, Value> = attributes.into_iter().collect();
            (!attributes.is_empty()).then(|| serde_json::to_string(&attributes).unwrap())
        });
        let mut arrays: Vec<ArrayRef> = flat.iter().map(|place| batch.column(*place).clone()).collect();
        arrays.push(Arc::new(json.collect::<StringArray>()));
        writer.write(&RecordBatch::try_new(columns.clone(), arrays).unwrap()).unwrap();
    }
    writer.close().unwrap();
    let bytes = fs::metadata(folder.join(&path)).unwrap().len();
    let part = opened(folder, PartInfo { path, bytes, ..part.info.clone() });
    assert!(matches!(part.footer().unwrap().columns.rest(), Rest::Json(_)));
    part
}

/// Checks that each value of a part is found by its key, and that a key with a column alone is not looked for elsewhere.
fn check_keys(part: &Part) {
    let footer = part.footer().unwrap();
    let columns = &footer.columns;
    for batch in batches(part) {
        let records = decode::records(&batch, columns).unwrap();
        let keys: BTreeSet<&str> =
            records.iter().flat_map(|stored| &stored.record.attributes).map(|(key, _)| key.as_str()).collect();
        for key in keys {
            let mut found: Vec<Option<Value>> = vec![None; records.len()];
            for (_, attribute) in columns.of_attribute(key) {
                let values = decode::Values::named(&batch, attribute).unwrap();
                for (row, found) in found.iter_mut().enumerate() {
                    *found = found.take().or_else(|| values.get(row));
                }
            }
            let rest = columns.rest_of(key);
            let take = |row: usize, value: super::Cell<'_>| found[row] = Some(value.into());
            RestValues::of(&batch, rest).unwrap().of_key(key, take).unwrap();
            for (found, stored) in found.iter().zip(&records) {
                assert_eq!(found.as_ref(), stored.record.attribute(key), "{key}");
            }
            for value in found.iter().flatten() {
                let text = value.to_string();
                let mut again = 0;
                let accepted = rest.only(|map| may_hold(map, &text));
                let count = |_: usize, other: super::Cell<'_>| again += usize::from(Value::from(other) == *value);
                RestValues::of(&batch, &accepted).unwrap().of_key(key, count).unwrap();
                let has_column = columns.of_attribute(key).any(|(_, own)| own.kind == schema::Kind::of(value));
                assert!(again > 0 || has_column, "{key}: {text}");
            }
        }
    }
}

/// Keys that look like something else.
static ODD: [&str; 12] = [
    "",
    "\"quoted\"",
    "a.b",
    "attr.a",
    "attributes_rest",
    "f0:int",
    "key",
    "message",
    "rest_int",
    "time",
    "value",
    "키 한",
];

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => (0..4).prop_map(|number| format!("f{number}")),
        6 => (0..300).prop_map(|number| format!("k{number}")),
        1 => prop::sample::select(&ODD[..]).prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::Int),
        (0_i64..4).prop_map(Value::Int),
        any::<bool>().prop_map(Value::Bool),
        prop::num::f64::NORMAL.prop_map(Value::Float),
        prop_oneof![Just(-0.0), Just(1.0), Just(1e300)].prop_map(Value::Float),
        "\\PC{0,12}".prop_map(|text| Value::Text(text.into())),
        prop_oneof!["[0-9a-f]{7,10}", "[0-9a-f]{62,66}", "[0-9A-F]{8}", "[1-9][0-9]{7}", "(true|17|1.5|0x00ff00)"]
            .prop_map(|text| Value::Text(text.into())),
    ]
}

fn records() -> impl Strategy<Value = Vec<BTreeMap<String, Value>>> {
    vec(btree_map(key(), value(), 0..8), 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn attributes_come_back_from_parts_and_from_merged_ones(one in records(), other in records(), third in records()) {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        let efforts = [Effort::Passing, Effort::Quick, Effort::Lasting];
        let parts: Vec<Arc<Part>> = (1..)
            .zip([&one, &other, &third].into_iter().zip(efforts))
            .map(|(frame, (attributes, effort))| written(folder, frame, attributes, effort))
            .collect();
        for (part, attributes) in parts.iter().zip([&one, &other, &third]) {
            let found: Vec<BTreeMap<String, Value>> = read(part)
                .into_iter()
                .map(|stored| stored.record.attributes.into_iter().map(|(key, value)| (key.to_string(), value)).collect())
                .collect();
            prop_assert_eq!(&found, attributes);
            check_keys(part);
        }
        let expected = sorted(&parts);
        let once = merged(folder, &parts);
        prop_assert_eq!(&read(&once), &expected);
        check_keys(&once);
        // Parts of format 1 alone, and beside others.
        let older: Vec<Arc<Part>> = parts.iter().map(|part| as_format_1(part, folder)).collect();
        prop_assert_eq!(&sorted(&older), &expected);
        check_keys(&older[0]);
        let mixed = [older[0].clone(), parts[1].clone(), older[2].clone()];
        for parts in [&older[..], &mixed] {
            let merged = merged(folder, parts);
            prop_assert_eq!(&read(&merged), &expected);
            prop_assert!(!matches!(merged.footer().unwrap().columns.rest(), Rest::Json(_)));
            check_keys(&merged);
        }
        // A merged part is merged again, and rows are removed.
        let twice = [merged(folder, &parts[..2]), older[2].clone()];
        prop_assert_eq!(&read(&merged(folder, &twice)), &expected);
        let is_kept = |position: i64| !place_of(position).is_multiple_of(3);
        let expected: Vec<_> = expected.into_iter().filter(|stored| is_kept(stored.position.0)).collect();
        for parts in [&[once][..], &mixed] {
            let keep = move |_: &str, position: i64| is_kept(position);
            let kept = merge::merge(folder, DAY, parts, Some(&keep), &mut || Ok(())).unwrap();
            let kept = kept.map(|info| opened(folder, info));
            prop_assert_eq!(&kept.as_ref().map(|part| read(part)).unwrap_or_default(), &expected);
            kept.iter().for_each(|part| check_keys(part));
        }
    }
}

fn attributes<const N: usize>(attributes: [(&str, Value); N]) -> BTreeMap<String, Value> {
    attributes.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[test]
fn an_attribute_that_is_rare_in_small_parts_gets_a_column_in_the_merged_one_and_the_other_way_round() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let parts: Vec<Arc<Part>> = (1..=10)
        .map(|frame| {
            let of_record = |number: usize| {
                let mut all = attributes([("always", Value::Int(number as i64))]);
                if number.is_multiple_of(20) {
                    all.insert("often".into(), Value::Text(format!("{frame} {number}").into()));
                }
                if frame == 1 && number < 14 {
                    all.insert("once".into(), Value::Text(format!("{number:08x}").into()));
                }
                all
            };
            let rows = if frame == 1 { 100 } else { 1_000 };
            written(folder, frame, &(0..rows).map(of_record).collect::<Vec<_>>(), Effort::Passing)
        })
        .collect();
    let columns = |part: &Part| -> Vec<String> {
        let footer = part.footer().unwrap();
        footer.columns.attributes.iter().map(|(_, attribute)| attribute.column.clone()).collect()
    };
    assert_eq!(columns(&parts[0]), ["attr.always", "attr.once:hex"]);
    assert_eq!(columns(&parts[1]), ["attr.always", "attr.often"]);
    let once = merged(folder, &parts);
    assert_eq!(columns(&once), ["attr.always", "attr.often"]);
    assert_eq!(read(&once), sorted(&parts));
    let footer = once.footer().unwrap();
    let Rest::Maps(maps) = footer.columns.rest() else { panic!("maps") };
    assert_eq!(maps.iter().map(|(map, _)| *map).collect::<Vec<_>>(), [RestMap::Hex]);
    assert!(footer.columns.rest_of("often").is_none());
    assert_eq!(footer.columns.rest_of("once").columns().len(), 2);
    check_keys(&once);
}

#[test]
fn a_key_with_a_column_is_looked_for_in_the_maps_only_if_it_is_there() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let of_record = |number: usize| match number {
        17 => attributes([("other", Value::Bool(true)), ("size", Value::Text("large".into()))]),
        _ => attributes([("size", Value::Int(number as i64)), ("status", Value::Int(200))]),
    };
    let all: Vec<_> = (0..500).map(of_record).collect();
    let part = written(folder, 1, &all, Effort::Quick);
    for part in
        [&part, &merged(folder, slice::from_ref(&part)), &merged(folder, &[part.clone(), as_format_1(&part, folder)])]
    {
        let footer = part.footer().unwrap();
        let columns = &footer.columns;
        assert!(!columns.rest_of("size").is_none() && !columns.rest_of("other").is_none());
        assert!(columns.rest_of("status").is_none() && !columns.rest_of("nowhere").is_none());
        assert_eq!(*columns.rest(), columns.rest().only(|map| matches!(map, RestMap::Text | RestMap::Bool)));
        check_keys(part);
    }
}

#[test]
fn no_name_of_the_rows_left_out_is_in_the_maps() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let of_record = |number: usize| match number % 30 {
        0 => attributes([("secret of somebody", Value::Text("5ec2e7005ec2e700".into()))]),
        1 => attributes([("open", Value::Text("0be40be4".into()))]),
        _ => BTreeMap::new(),
    };
    let part = written(folder, 1, &(0..300).map(of_record).collect::<Vec<_>>(), Effort::Quick);
    let keep = |_: &str, position: i64| !place_of(position).is_multiple_of(30);
    let kept = merge::merge(folder, DAY, slice::from_ref(&part), Some(&keep), &mut || Ok(())).unwrap().unwrap();
    let bytes = fs::read(kept.file(folder)).unwrap();
    let kept = opened(folder, kept);
    assert_eq!(read(&kept).len(), 290);
    let footer = kept.footer().unwrap();
    for batch in batches(&kept) {
        let RestValues::Maps(maps) = RestValues::of(&batch, footer.columns.rest()).unwrap() else { panic!("maps") };
        let names: Vec<&str> =
            maps.iter().filter_map(|map| map.names()).flat_map(|names| names.iter().flatten()).collect();
        assert_eq!(names, ["open"]);
    }
    let holds = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
    assert!(!holds(b"secret") && !holds(&[0x5e, 0xc2, 0xe7, 0x00, 0x5e, 0xc2]));
}

#[test]
fn hex_digits_are_of_lower_case_and_of_an_even_number() {
    for text in ["00000000", "deadbeef", "0123456789abcdef", "f".repeat(64).as_str()] {
        assert!(is_hex(text), "{text}");
    }
    for text in [
        "",
        "ab",
        "abcdef",
        "deadbeef0",
        "DEADBEEF",
        "deadbeeg",
        "dead-beef",
        "0xdeadbe",
        "déadbee",
        "f".repeat(66).as_str(),
    ] {
        assert!(!is_hex(text), "{text}");
    }
}

/// Any bits, by number: splitmix64.
fn random(number: u64) -> u64 {
    let mut bits = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[test]
fn six_of_five_thousand_names_take_few_bytes() {
    const NAMES: u64 = 5_000;
    const WORDS: [&str; 8] =
        ["accepted", "balance", "checkout", "database", "gateway", "invoice", "network", "payment"];
    let of_record = |number: u64| {
        let mut place = random(number) % NAMES;
        let own = (0..6).map(|step| {
            let bits = random(number * 6 + step + (1 << 32));
            place = (place + 1 + bits % (NAMES / 6 - 1)) % NAMES;
            let name = format!("service{:02}.setting{:02}_{}", place / 250, place / 10 % 25, place % 10);
            let value = match place % 3 {
                0 => Value::Int((bits >> 32) as i64 % 1_000),
                1 => {
                    let word = WORDS[(bits >> 32) as usize % WORDS.len()];
                    Value::Text(format!("{word}-{}", (bits >> 40) % 6).into())
                }
                _ => Value::Text(format!("{:08x}", bits >> 32).into()),
            };
            (name, value)
        });
        own.collect::<BTreeMap<String, Value>>()
    };
    let scratch = tempfile::tempdir().unwrap();
    let all: Vec<_> = (0..GROUP_ROWS as u64).map(of_record).collect();
    // A batch has 16,384 records at most.
    let parts: Vec<_> = (1..)
        .zip(all.chunks(16_384))
        .map(|(frame, all)| written(scratch.path(), frame, all, Effort::Passing))
        .collect();
    let once = merged(scratch.path(), &parts);
    let footer = once.footer().unwrap();
    // None is frequent enough for a column, or one or the other by chance.
    assert!(footer.columns.attributes.len() < 10);
    let rest = footer.columns.rest().columns();
    let groups = footer.metadata.metadata().row_groups();
    let bytes: i64 =
        groups.iter().flat_map(|group| rest.iter().map(|place| group.column(*place).compressed_size())).sum();
    let per_row = bytes as f64 / once.info.rows as f64;
    assert!(per_row <= 26.0, "{per_row:.1} bytes a row");
}
