//! The lookup of whole parts: what is there is found, and hardly anything else.

use std::{fs, path::Path, slice, sync::Arc};

use model::{Record, RecordId, Severity, Text, Value};
use proptest::{collection, prelude::*};
use testkit::records;

use super::{Field, Probe, SLAB_ROWS, Wanted};
use crate::{
    PartInfo,
    builder::Row,
    decode, merge,
    reader::{Footers, Part},
    reading::Reading,
    schema::{self, IndexPlace},
    writer::{self, Effort, GROUP_ROWS},
};

const DAY: &str = "2026-01-02";

fn record(number: usize) -> Record {
    Record {
        id: RecordId::base(1, 0),
        // The later records of a list come later in the part.
        time: records::OBSERVED - number as i64,
        observed_time: records::OBSERVED,
        severity: Severity::INFO,
        level: "info".into(),
        service: format!("service-{}", number % 3).into(),
        node: "".into(),
        message: String::new(),
        attributes: Vec::new(),
        trace_id: None,
        span_id: None,
    }
}

/// Any bits, by number.
fn random(number: usize) -> u64 {
    super::hash::integer(0x5eed, number as i64)
}

fn written(folder: &Path, records: &[Record], effort: Effort) -> Arc<Part> {
    let id_base = RecordId::base(1, 0);
    let rows: Vec<Row<'_>> =
        records.iter().zip(0..).map(|(record, position)| Row { record, position, id_base }).collect();
    opened(folder, writer::write(folder, DAY, &rows, effort).unwrap())
}

fn opened(folder: &Path, info: PartInfo) -> Arc<Part> {
    Arc::new(Part::new(info, folder, Arc::new(Footers::default())))
}

fn one(probe: Probe) -> Wanted {
    Wanted::Any(vec![probe])
}

fn attribute(key: &str, text: &str) -> Wanted {
    one(Probe::text(Field::Attribute(key), text))
}

/// All values of a record.
fn probes(record: &Record) -> Vec<Probe> {
    let mut probes = vec![Probe::text(Field::Service, &record.service), Probe::text(Field::Node, &record.node)];
    probes.extend(record.trace_id.map(|id| Probe::id(Field::Trace, &id)));
    probes.extend(record.span_id.map(|id| Probe::id(Field::Span, &id)));
    let attributes = record.attributes.iter();
    probes.extend(attributes.map(|(key, value)| Probe::text(Field::Attribute(key), &value.to_string())));
    probes
}

/// Checks the values of each `step`th record of a part, in the slabs of their rows. Returns the number of values.
fn check(part: &Part, step: usize) -> usize {
    let footer = part.footer().unwrap();
    let mut checked = 0;
    for (group, bounds) in footer.groups.iter().enumerate() {
        let reading = Reading { columns: footer.all_columns(), ..Reading::default() };
        let batches = part.read(&footer, group, slice::from_ref(&(0..bounds.rows)), reading).unwrap();
        let records = batches.flat_map(|batch| decode::records(&batch.unwrap(), &footer.columns).unwrap());
        for (row, stored) in records.enumerate().filter(|(row, _)| row % step == 0) {
            let probes = probes(&stored.record);
            checked += probes.len();
            for wanted in
                probes.iter().cloned().map(one).chain([Wanted::And(probes.iter().cloned().map(one).collect())])
            {
                let slabs = part.slabs(&wanted).unwrap();
                assert!(slabs.of_group(group) & 1 << (row / SLAB_ROWS) != 0, "row {row} of {group}: {wanted:?}");
                assert_eq!(part.slabs_of_group(group, &wanted), Some(slabs.of_group(group)));
            }
        }
    }
    checked
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        prop_oneof![any::<i64>(), -3_i64..300].prop_map(Value::Int),
        prop_oneof![prop::num::f64::NORMAL, (-300_i32..300).prop_map(|number| f64::from(number) / 4.0), Just(-0.0)]
            .prop_map(Value::Float),
        prop_oneof!["[0-9]{1,3}", "[a-f0-9]{8}", Just("true".to_owned()), Just("1.5".to_owned()), ".{0,4}"]
            .prop_map(|text| Value::Text(text.into())),
    ]
}

fn any_records() -> impl Strategy<Value = Vec<Record>> {
    let key = prop_oneof!["[a-e]", "[a-z\"\\\\.é]{1,2}"];
    let fields = (collection::btree_map(key, value(), 0..8), any::<Option<[u8; 16]>>(), any::<Option<[u8; 8]>>());
    collection::vec(fields, 1..120).prop_map(|all| {
        let records = all.into_iter().enumerate().map(|(number, (attributes, trace_id, span_id))| Record {
            attributes: attributes.into_iter().map(|(key, value)| (Text::from(key), value)).collect(),
            trace_id,
            span_id,
            ..record(number)
        });
        records.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn no_value_of_a_part_or_of_a_merged_part_is_ruled_out(one in any_records(), other in any_records()) {
        let folder = tempfile::tempdir().unwrap();
        let parts = [&one, &other].map(|records| written(folder.path(), records, Effort::Quick));
        for part in &parts {
            check(part, 1);
        }
        let passing = written(folder.path(), &one, Effort::Passing);
        prop_assert!(passing.slabs(&Wanted::Any(Vec::new())).is_none());
        // The merged part has rows with equal times and positions, which does not matter here.
        let parts = [parts[0].clone(), parts[1].clone(), passing];
        let merged = merge::merge(folder.path(), DAY, &parts, None, &mut || Ok(())).unwrap().unwrap();
        check(&opened(folder.path(), merged), 1);
    }
}

#[test]
fn a_rare_value_is_found_in_its_slab_and_nowhere_else() {
    const ROWS: usize = GROUP_ROWS + 20_000;
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<Record> = (0..ROWS)
        .map(|number| {
            let bits = random(number);
            let id = u128::from(bits) << 64 | number as u128;
            Record {
                attributes: vec![
                    ("hex".into(), Value::Text(format!("{bits:016x}").into())),
                    ("ms".into(), Value::Float((bits % 50) as f64 / 4.0)),
                    ("ok".into(), Value::Bool(bits.is_multiple_of(2))),
                    ("seq".into(), Value::Int(number as i64 * 3)),
                    ("user".into(), Value::Text(format!("u{}", bits % 100_000).into())),
                ],
                trace_id: Some(id.to_be_bytes()),
                span_id: number.is_multiple_of(50).then(|| bits.to_be_bytes()),
                ..record(number)
            }
        })
        .collect();
    let part = written(folder.path(), &records, Effort::Quick);
    assert!(check(&part, 997) > 1_000);

    // The row groups in which values may be, of two.
    let groups = |wanted: Wanted| {
        let slabs = part.slabs(&wanted).unwrap();
        (0..2).filter(|group| slabs.of_group(*group) != 0).count()
    };
    let total = |wanted: &dyn Fn(usize) -> Wanted| -> usize { (1..=1_000).map(|number| groups(wanted(number))).sum() };

    // The spans have slabs, for they are few; the traces have none.
    let span = |number: usize| one(Probe::id(Field::Span, &random(number).to_be_bytes()));
    assert!(part.slabs(&span(50 * 200)).unwrap().count() <= 2);
    let trace = part.slabs(&one(Probe::id(Field::Trace, &records[7].trace_id.unwrap()))).unwrap();
    assert_eq!(trace.of_group(0), u16::MAX);

    // All of several values must be there.
    let both = Wanted::And(vec![span(0), span(10_000)]);
    assert_eq!(part.slabs(&both).unwrap().of_group(0), 0);
    let either = Wanted::Or(vec![span(0), span(10_000)]);
    assert_eq!(part.slabs(&either).unwrap().of_group(0), 0b11);

    // A thousand values that are nowhere. One trace and two other values a row: four and two low bits.
    let traces = total(&|number: usize| one(Probe::id(Field::Trace, &random(ROWS + number).to_be_bytes().repeat(2))));
    assert!(traces <= 2 * 2 * 1_000 / 16, "{traces}");
    let hex = total(&|number: usize| attribute("hex", &format!("{:016x}", random(ROWS + number))));
    assert!(hex <= 2 * 2 * 1_000 / 4, "{hex}");
    let keys = total(&|number: usize| attribute(&format!("key-{number}"), "true"));
    assert!(keys <= 2 * 2 * 1_000 / 4, "{keys}");
    // Numbers that count up are in one row group, and elsewhere as rarely as others.
    let counted = total(&|number: usize| attribute("seq", &(3 * 150 * number).to_string()));
    assert!((1_000..=1_000 + 2 * 1_000 / 4).contains(&counted), "{counted}");
    let uncounted = total(&|number: usize| attribute("seq", &(-(number as i64)).to_string()));
    assert!(uncounted <= 2 * 2 * 1_000 / 4, "{uncounted}");
    assert!(part.slabs(&Wanted::Any(Vec::new())).unwrap().is_empty());
}

#[test]
fn more_attributes_than_columns_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<Record> = (0..300)
        .map(|number| {
            let keys = (0..4).map(|place| (number * 7 + place * 61) % 250).collect::<std::collections::BTreeSet<_>>();
            let value = |key: usize| match key % 3 {
                0 => Value::Int((number * key) as i64),
                1 => Value::Float(number as f64 / 8.0),
                _ => Value::Text(format!("{number} \"of\" {key}").into()),
            };
            let attributes = keys.into_iter().map(|key| (Text::from(format!("key-{key:03}")), value(key))).collect();
            Record { attributes, ..record(number) }
        })
        .collect();
    let part = written(folder.path(), &records, Effort::Quick);
    assert!(!part.footer().unwrap().columns.rest().is_none());
    check(&part, 1);
    let absent =
        (0..500).filter(|number| !part.slabs(&attribute("key-001", &format!("x{number}"))).unwrap().is_empty());
    assert!(absent.count() < 250);
}

#[test]
fn a_part_without_the_value_is_ruled_out_without_its_footer() {
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<Record> = (0..500).map(record).collect();
    let info = written(folder.path(), &records, Effort::Lasting).info.clone();
    let footers = Arc::new(Footers::default());
    let part = Part::new(info, folder.path(), footers.clone());
    for number in 0..100 {
        assert!(part.slabs(&one(Probe::id(Field::Trace, &[number; 16]))).unwrap().is_empty());
    }
    assert_eq!(footers.len(), 0);
    // The place of the lookup may also come from a footer that is there.
    let again = Part::new(part.info.clone(), folder.path(), footers.clone());
    again.footer().unwrap();
    assert_eq!(footers.len(), 1);
    assert!(!again.slabs(&one(Probe::text(Field::Service, "service-2"))).unwrap().is_empty());
}

#[test]
fn damage_of_any_byte_rules_out_nothing_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<Record> = (0..400)
        .map(|number| Record {
            attributes: vec![
                ("seq".into(), Value::Int(number as i64)),
                ("user".into(), Value::Text(format!("u{}", random(number) % 1_000).into())),
            ],
            trace_id: Some(u128::from(random(number)).to_be_bytes()),
            ..record(number)
        })
        .collect();
    let part = written(folder.path(), &records, Effort::Quick);
    let path = part.info.file(folder.path());
    let intact = fs::read(&path).unwrap();
    let asked: Vec<Probe> = [0, 3, 399].iter().flat_map(|number| probes(&records[*number])).collect();
    let name =
        intact.windows(schema::LOOKUP_KEY.len()).rposition(|bytes| bytes == schema::LOOKUP_KEY.as_bytes()).unwrap();
    let json = &intact[name..];
    let [from, to] = [b'{', b'}'].map(|brace| json.iter().position(|byte| *byte == brace).unwrap());
    let IndexPlace { offset, bytes } = serde_json::from_slice(&json[from..=to]).unwrap();
    assert_eq!(part.lookup().map(|(offset, _)| *offset), Some(offset));
    let mut read = 0;
    // The lookup, and its location in the footer. Damage of the rest of the footer is a matter of the whole part.
    for place in (offset as usize..(offset + bytes) as usize).chain(name..=name + to) {
        for bit in [0, 3, 7] {
            let mut damaged = intact.clone();
            damaged[place] ^= 1 << bit;
            fs::write(&path, &damaged).unwrap();
            let part = opened(folder.path(), part.info.clone());
            for probe in &asked {
                if let Some(slabs) = part.slabs(&one(probe.clone())) {
                    read += 1;
                    assert_eq!(slabs.of_group(0) & 1, 1, "bit {bit} of byte {place}: {probe:?}");
                }
            }
        }
    }
    assert!(read > 1_000, "damage of one block leaves the others readable");
    // A wrong lookup, intact in itself.
    fs::write(&path, &intact).unwrap();
    let other = PartInfo { rows: part.info.rows + 1, ..part.info.clone() };
    assert!(opened(folder.path(), other).slabs(&Wanted::Any(Vec::new())).is_none());
}
