//! What is built is what was in the records.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow_array::Array as _;
use model::{Record, RecordId, Severity, StoredRecord, Text, Value};
use proptest::{collection::vec, prelude::*};

use super::{Row, build};
use crate::{
    decode,
    form::Form,
    schema::{self, ATTRIBUTE_COLUMNS, Columns, Kind, Layout, RestMap},
};

fn record(number: usize, attributes: Vec<(Text, Value)>) -> Record {
    Record {
        id: RecordId::base(1_767_323_045_000, 0).nth(number),
        time: 1_767_323_045_000_000_000 - number as i64,
        observed_time: 1_767_323_045_000_000_000,
        severity: Severity::INFO,
        level: "info".into(),
        service: "api".into(),
        node: Text::default(),
        message: format!("record {number}"),
        attributes,
        trace_id: None,
        span_id: None,
    }
}

fn records(attributes: Vec<Vec<(Text, Value)>>) -> Vec<Record> {
    attributes.into_iter().enumerate().map(|(number, attributes)| record(number, attributes)).collect()
}

/// The records in the columns that are built of `records`, and the layout.
fn rebuilt(records: &[Record]) -> (Layout, Vec<Record>) {
    let id_base = RecordId::base(1_767_323_045_000, 0);
    let row = |(place, record)| Row { record, position: crate::position_of(1, place), id_base };
    let rows: Vec<Row<'_>> = records.iter().enumerate().map(row).collect();
    let (layout, batch) = build(&rows).unwrap();
    let metadata = HashMap::from([
        (schema::FORMAT_KEY.to_owned(), schema::FORMAT.to_string()),
        (schema::ATTRIBUTES_KEY.to_owned(), serde_json::to_string(&layout.attributes).unwrap()),
    ]);
    let columns = Columns::read(&layout.schema, &metadata).unwrap();
    let stored = decode::records(&batch, &columns).unwrap();
    (layout, stored.into_iter().map(|StoredRecord { record, .. }| record).collect())
}

/// The keys and types of the columns that a count over all records selects.
fn expected_columns(records: &[Record]) -> Vec<(Text, Kind)> {
    let mut counts: HashMap<(&str, Kind), usize> = HashMap::new();
    for (key, value) in records.iter().flat_map(|record| &record.attributes) {
        *counts.entry((key.as_str(), Kind::of(value))).or_default() += 1;
    }
    let chosen = schema::attribute_columns(&counts, schema::least_values(records.len()));
    chosen.into_iter().map(|column| (column.key, column.kind)).collect()
}

fn columns(layout: &Layout) -> Vec<(Text, Kind)> {
    let mut columns: Vec<(Text, Kind)> =
        layout.attributes.iter().map(|column| (column.key.clone(), column.kind)).collect();
    // One with a form, and one for the other values.
    columns.dedup();
    columns
}

fn value() -> impl Strategy<Value = Value> {
    let text = |text: String| Value::Text(text.into());
    prop_oneof![
        "u[0-9]{1,3}".prop_map(text),
        "[0-9a-f]{8}".prop_map(text),
        "10\\.0\\.[0-9]{1,3}\\.0?[0-9]{1,2}".prop_map(text),
        (-400_i32..400).prop_map(|number| Value::Float(f64::from(number) / 100.0)),
        any::<i64>().prop_map(Value::Int),
        (0_i64..4).prop_map(Value::Int),
        any::<bool>().prop_map(Value::Bool),
        prop::num::f64::NORMAL.prop_map(Value::Float),
        Just(Value::Float(-0.0)),
        "[a-c]{0,2}".prop_map(|text| Value::Text(text.into())),
        "\\PC{0,30}".prop_map(|text| Value::Text(text.into())),
    ]
}

/// The attributes of some records: of `keys` names, up to ten a record.
fn attributes(keys: u32) -> impl Strategy<Value = Vec<Vec<(Text, Value)>>> {
    let of_record = prop::collection::btree_map((0..keys).prop_map(|key| format!("key {key}")), value(), 0..10);
    let sorted = |of_record: BTreeMap<String, Value>| {
        of_record.into_iter().map(|(key, value)| (Text::from(key), value)).collect::<Vec<_>>()
    };
    vec(of_record.prop_map(sorted), 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn records_come_back_and_the_most_frequent_attributes_have_columns(
        attributes in prop_oneof![attributes(12), attributes(200), attributes(900)],
    ) {
        let records = records(attributes);
        let (layout, found) = rebuilt(&records);
        prop_assert_eq!(columns(&layout), expected_columns(&records));
        prop_assert_eq!(found, records);
    }
}

#[test]
fn attributes_that_become_frequent_late_have_columns_and_early_ones_go_to_the_rest() {
    // 1,000 names that each occur once come first, then 100 that each record has.
    let early = (0..1_000).map(|number| vec![(Text::from(format!("early.{number:04}")), Value::Int(number))]);
    let late = (0..50).map(|record| {
        let text = |number| Value::Text(format!("{record} of {number}").into());
        (0..100).map(|number| (Text::from(format!("late.{number:03}")), text(number))).collect::<Vec<_>>()
    });
    let records = records(early.chain(late).collect());
    let (layout, found) = rebuilt(&records);
    assert_eq!(found, records);
    let columns = columns(&layout);
    assert_eq!(columns, expected_columns(&records));
    assert_eq!(columns.iter().filter(|(key, _)| key.starts_with("late.")).count(), 100);
    assert_eq!(columns.len(), 100);
}

#[test]
fn an_attribute_gets_a_column_if_enough_records_have_it() {
    for (rows, least) in [(1, 1), (8, 1), (9, 2), (100, 13), (1_000, 16), (8_192, 16), (65_536, 128)] {
        assert_eq!(schema::least_values(rows), least, "{rows} rows");
    }
    let of_record = |number: usize| {
        let mut attributes = vec![(Text::from("always"), Value::Int(number as i64))];
        attributes.extend((number < 16).then(|| (Text::from("enough"), Value::Bool(true))));
        attributes.extend((number < 15).then(|| (Text::from("rare"), Value::Text("deadbeef".into()))));
        attributes.extend((number == 900).then(|| (Text::from("some"), Value::Int(1))));
        attributes
    };
    let mut records = records((0..1_000).map(of_record).collect());
    // The same key with values of another type.
    records[999].attributes = vec![("always".into(), Value::Text("never".into()))];
    let (layout, found) = rebuilt(&records);
    assert_eq!(found, records);
    assert_eq!(columns(&layout), [(Text::from("always"), Kind::Int), (Text::from("enough"), Kind::Bool)]);
    assert_eq!(layout.shared.into_iter().collect::<Vec<_>>(), ["always"]);
    let names: Vec<&str> = layout.schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names[names.len() - 3..], ["rest_text", "rest_hex", "rest_int"]);
}

#[test]
fn a_dictionary_is_given_up_where_texts_rarely_repeat() {
    let of_record = |number: usize| {
        let text = |key: &str, text: String| (Text::from(key), Value::Text(text.into()));
        vec![
            text("few", format!("{}", number % 10)),
            text("many", format!("{} of many", number % 125)),
            text("more", format!("{} of more", number % 126)),
            ("number".into(), Value::Int(number as i64)),
            ("some".into(), Value::Int(number as i64 % 7)),
            text("unique", format!("{number} of all")),
        ]
    };
    let records = records((0..1_000).map(of_record).collect());
    let (layout, found) = rebuilt(&records);
    assert_eq!(found, records);
    let diverse: BTreeSet<&str> = layout.diverse.iter().map(String::as_str).collect();
    assert_eq!(diverse, BTreeSet::from(["attr.more", "attr.number", "attr.unique"]));
    let has_dictionary =
        |name: &str| *layout.schema.field_with_name(name).unwrap().data_type() == schema::repeated_text();
    assert!(has_dictionary("attr.few") && has_dictionary("attr.many"));
    assert!(!has_dictionary("attr.more") && !has_dictionary("attr.unique"));
}

/// The column of this name, with the form and whether its values rarely repeat.
fn form_of(layout: &Layout, name: &str) -> Option<(Form, bool)> {
    let column = layout.attributes.iter().find(|attribute| attribute.column == name)?;
    let field = layout.schema.field_with_name(name).unwrap();
    if !column.form.is_plain() {
        assert_eq!(*field.data_type(), column.data_type());
    }
    Some((column.form.clone(), layout.diverse.iter().any(|diverse| diverse == name)))
}

#[test]
fn values_with_a_form_are_written_in_it_and_others_beside_them() {
    let of_record = |number: usize| {
        let text = |key: &str, text: String| (Text::from(key), Value::Text(text.into()));
        let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let is_other = number % 100 == 99;
        let or_else = |form: String, other: &str| if is_other { other.to_owned() } else { form };
        let mut attributes = vec![
            text("at", format!("2026-01-02T03:{:02}:{:02}Z", number / 60 % 60, number % 60)),
            text("few", format!("u{}", number % 100)),
            text("hex", or_else(format!("{mixed:016x}"), "0123456789ABCDEF")),
            text("ip", or_else(format!("10.0.{}.{}", number % 200, number % 250), "")),
            ("ms".into(), Value::Float(if is_other { -0.0 } else { (mixed >> 40) as f64 / 100.0 })),
            ("ratio".into(), Value::Float(number as f64 / 7.0)),
            ("size".into(), Value::Float((number % 3) as f64)),
            text("user", or_else(format!("u{}", mixed >> 40), "u01")),
        ];
        if number.is_multiple_of(2) {
            attributes.push(text("uuid", format!("0190a1b2-c3d4-7000-8000-{:012x}", mixed >> 16)));
        }
        attributes
    };
    let records = records((0..1_000).map(of_record).collect());
    let (layout, found) = rebuilt(&records);
    assert_eq!(found, records);
    let number = Form::Number { prefix: "u".to_owned() };
    for (name, expected) in [
        ("attr.at:time", Some((Form::Time { digits: 0 }, true))),
        ("attr.at", None),
        // A dictionary takes less.
        ("attr.few", Some((Form::Plain, false))),
        ("attr.few:number", None),
        ("attr.hex:hex", Some((Form::Hex { bytes: 8 }, true))),
        ("attr.hex", Some((Form::Plain, false))),
        ("attr.ip:ipv4", Some((Form::Ipv4, true))),
        ("attr.ip", Some((Form::Plain, false))),
        ("attr.ms", Some((Form::Decimal { scale: 2 }, true))),
        ("attr.ms:float", Some((Form::Plain, false))),
        ("attr.ratio", Some((Form::Plain, true))),
        ("attr.size", Some((Form::Decimal { scale: 0 }, false))),
        ("attr.user:number", Some((number, true))),
        ("attr.user", Some((Form::Plain, false))),
        ("attr.uuid:uuid", Some((Form::Uuid, true))),
        ("attr.uuid", None),
    ] {
        assert_eq!(form_of(&layout, name), expected, "{name}");
    }
}

#[test]
fn attributes_with_a_form_and_without_a_column_are_in_the_rest() {
    // 200 attributes of 100 records each, and 90 that go to the rest.
    let of_record = |number: usize| {
        let text = |key: usize| Value::Text(format!("u{}", number * 1_000 + key).into());
        let keys = (0..200).filter(|key| *key < 110 || number >= 10);
        keys.map(|key| (Text::from(format!("key.{key:03}")), text(key))).collect::<Vec<_>>()
    };
    let records = records((0..100).map(of_record).collect());
    let (layout, found) = rebuilt(&records);
    assert_eq!(found, records);
    assert_eq!(columns(&layout).len(), ATTRIBUTE_COLUMNS);
    assert!(layout.attributes.iter().all(|attribute| matches!(attribute.form, Form::Number { .. })));
}

#[test]
fn a_column_has_nulls_only_where_records_lack_it() {
    let of_record = |number: usize| match number % 3 {
        0 => vec![(Text::from("always"), Value::Bool(true)), (Text::from("some"), Value::Float(0.5))],
        _ => vec![(Text::from("always"), Value::Bool(number.is_multiple_of(2)))],
    };
    let records = records((0..100).map(of_record).collect());
    let row = |(place, record)| Row { record, position: crate::position_of(1, place), id_base: RecordId::default() };
    let rows: Vec<Row<'_>> = records.iter().enumerate().map(row).collect();
    let (_, batch) = build(&rows).unwrap();
    let nulls = |name: &str| batch.column_by_name(name).unwrap().null_count();
    assert_eq!((nulls("attr.always"), nulls("attr.some")), (0, 66));
    assert!(RestMap::ALL.iter().all(|map| batch.column_by_name(map.name()).is_none()));
}
