//! Values stay as they are, whatever form their column has in each part.

use std::{path::Path, sync::Arc};

use model::{Text, Value};
use proptest::{collection::vec, prelude::*};

use super::{DAY, merged, opened, part, read, record, sorted, text};
use crate::{form::Form, merge::merge, reader::Part, reading::Reading, schema, writer::Effort};

/// A number that is as good as random.
fn scattered(number: usize) -> u64 {
    let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// A part of 400 records with these attributes, by the number of the part and of the record.
fn part_with(folder: &Path, frame: usize, attributes: &dyn Fn(usize) -> Vec<(Text, Value)>) -> Arc<Part> {
    let records: Vec<_> =
        (0..400).map(|row| record(row, (row * 3 + frame) as i64, attributes(frame * 1_000 + row))).collect();
    part(folder, frame as u64 + 1, &records, Effort::Passing)
}

/// The forms of the columns of an attribute, with their names.
fn forms(part: &Part, key: &str) -> Vec<(String, Form)> {
    let footer = part.footer().unwrap();
    footer.columns.of_attribute(key).map(|(_, own)| (own.column.clone(), own.form.clone())).collect()
}

fn float(key: &str, value: f64) -> (Text, Value) {
    (key.into(), Value::Float(value))
}

#[test]
fn columns_of_one_form_are_copied_with_the_values_that_lack_it() {
    let folder = tempfile::tempdir().unwrap();
    let attributes = |number: usize| {
        let is_other = number % 100 == 99;
        let ip = format!("10.{}.{}.7", number / 250, number % 250);
        vec![
            text("ip", if is_other { "unknown".to_owned() } else { ip }),
            float("ms", if is_other { -0.0 } else { (scattered(number) >> 44) as f64 / 100.0 }),
            text("user", format!("u{}", scattered(number) >> 44)),
            text("uuid", format!("0190a1b2-c3d4-7000-8000-{:012x}", scattered(number) >> 16)),
        ]
    };
    let parts: Vec<_> = (0..5).map(|frame| part_with(folder.path(), frame, &attributes)).collect();
    let once = merged(folder.path(), &parts);
    let expected = sorted(&parts);
    assert_eq!(read(&once), expected);
    let number = Form::Number { prefix: "u".to_owned() };
    for part in [&parts[0], &once, &merged(folder.path(), std::slice::from_ref(&once))] {
        let named = |columns: &[(&str, &Form)]| -> Vec<(String, Form)> {
            columns.iter().map(|(name, form)| ((*name).to_owned(), (*form).clone())).collect()
        };
        assert_eq!(forms(part, "ip"), named(&[("attr.ip:ipv4", &Form::Ipv4), ("attr.ip", &Form::Plain)]));
        let decimal = Form::Decimal { scale: 2 };
        assert_eq!(forms(part, "ms"), named(&[("attr.ms", &decimal), ("attr.ms:float", &Form::Plain)]));
        assert_eq!(forms(part, "user"), named(&[("attr.user:number", &number)]));
        assert_eq!(forms(part, "uuid"), named(&[("attr.uuid:uuid", &Form::Uuid)]));
        assert_eq!(read(part).len(), part.info.rows as usize);
    }
    // The others are still few texts.
    let footer = once.footer().unwrap();
    let others = footer.columns.of_attribute("ip").find(|(_, own)| own.form.is_plain()).unwrap();
    assert!(footer.has_dictionary(others.0));
}

#[test]
fn values_of_other_forms_are_converted_to_the_one_that_most_have() {
    let folder = tempfile::tempdir().unwrap();
    let hex = |number: usize| format!("{:016x}", scattered(number));
    let attributes = |number: usize| {
        let frame = number / 1_000;
        vec![
            // Each part has another form; three of five have this one.
            text("id", if frame < 3 { hex(number) } else { format!("id-{frame}-{}", number % 1_000) }),
            // The form of too few values in the first parts, which are plain.
            text("mostly", if frame < 2 && number.is_multiple_of(5) { format!("no {number}") } else { hex(number) }),
            float("ms", (scattered(number) >> 44) as f64 / if frame == 0 { 1_000.0 } else { 100.0 }),
            text("prefix", format!("job-{frame}-{}", number % 1_000)),
            float("ratio", (number % 400) as f64 / if frame < 3 { 7.0 } else { 4.0 }),
            // A dictionary in all parts but one.
            text("user", if frame == 4 { format!("u{number}") } else { format!("u{}", number % 20) }),
        ]
    };
    let parts: Vec<_> = (0..5).map(|frame| part_with(folder.path(), frame, &attributes)).collect();
    let forms_of = |part: &Part, key: &str| forms(part, key).into_iter().map(|(_, form)| form).collect::<Vec<_>>();
    assert_eq!(forms_of(&parts[0], "mostly"), [Form::Plain]);
    assert_eq!(forms_of(&parts[4], "mostly"), [Form::Hex { bytes: 8 }]);
    assert_eq!(forms_of(&parts[4], "prefix"), [Form::Number { prefix: "job-4-".to_owned() }]);
    assert_eq!(forms_of(&parts[0], "ratio"), [Form::Plain]);
    assert_eq!(forms_of(&parts[4], "ratio"), [Form::Decimal { scale: 2 }]);
    let once = merged(folder.path(), &parts);
    let expected = sorted(&parts);
    assert_eq!(read(&once), expected);
    let hex = Form::Hex { bytes: 8 };
    assert_eq!(forms_of(&once, "id"), [hex.clone(), Form::Plain]);
    assert_eq!(forms_of(&once, "mostly"), [hex, Form::Plain]);
    assert_eq!(forms_of(&once, "ms"), [Form::Decimal { scale: 3 }, Form::Plain]);
    assert_eq!(forms_of(&once, "prefix"), [Form::Plain]);
    assert_eq!(forms_of(&once, "ratio"), [Form::Plain]);
    // Whatever is merged with it, no value changes.
    for other in [&parts[0], &parts[4]] {
        let pair = [once.clone(), other.clone()];
        assert_eq!(read(&merged(folder.path(), &pair)), sorted(&pair));
    }
}

#[test]
fn numbers_that_recur_in_all_parts_get_a_dictionary_of_their_texts() {
    let folder = tempfile::tempdir().unwrap();
    // 100 in 400 rows are more than an eighth, 100 in 6,400 are not.
    let attributes = |number: usize| vec![text("user", format!("u{}", scattered(number) % 100))];
    let parts: Vec<_> = (0..16).map(|frame| part_with(folder.path(), frame, &attributes)).collect();
    assert!(matches!(forms(&parts[0], "user")[..], [(_, Form::Number { .. })]));
    let once = merged(folder.path(), &parts);
    assert_eq!(forms(&once, "user"), [("attr.user".to_owned(), Form::Plain)]);
    let footer = once.footer().unwrap();
    let field = footer.metadata.schema().field_with_name("attr.user").unwrap();
    assert_eq!(*field.data_type(), schema::repeated_text());
    assert_eq!(read(&once), sorted(&parts));
}

#[test]
fn no_form_of_the_rows_left_out_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    // The records of one service have a prefix of their own, and another value beside those of the form.
    let attributes = |number: usize| {
        let goes = number.is_multiple_of(5);
        vec![
            text("id", if goes { "secret-of-somebody".to_owned() } else { format!("{:016x}", scattered(number)) }),
            text("user", if number < 1_000 { format!("secret-{number}") } else { format!("u{number}") }),
        ]
    };
    let parts: Vec<_> = (0..2).map(|frame| part_with(folder.path(), frame, &attributes)).collect();
    let positions: Vec<i64> = read(&parts[1]).iter().map(|stored| stored.position.0).collect();
    let keep = move |service: &str, position: i64| service != "service-0" && positions.contains(&position);
    let kept = merge(folder.path(), DAY, &parts, Some(&keep), &mut || Ok(())).unwrap().unwrap();
    let bytes = std::fs::read(kept.file(folder.path())).unwrap();
    assert!(!bytes.windows(7).any(|window| window == b"secret-"));
    let kept = opened(folder.path(), kept);
    assert_eq!(read(&kept).len(), 320);
    assert_eq!(forms(&kept, "user"), [("attr.user:number".to_owned(), Form::Number { prefix: "u".to_owned() })]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn values_of_all_forms_and_of_none_stay_as_they_are(
        kinds in vec((0_usize..8, 0_usize..40), 2..7),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let value = |kind: usize, number: usize| match kind {
            0 => Value::Text(format!("{:08x}", scattered(number) as u32).into()),
            1 => Value::Text(format!("u{}", scattered(number) >> 44).into()),
            2 => Value::Text(format!("{}", scattered(number) >> 50).into()),
            3 => Value::Text(format!("10.0.{}.{}", number % 200, number % 251).into()),
            4 => Value::Text(format!("2026-01-02T03:04:05.{:03}Z", number % 1_000).into()),
            5 => Value::Float((scattered(number) >> 50) as f64 / 10_f64.powi(number as i32 % 3)),
            6 => Value::Float(number as f64 / 7.0),
            _ => Value::Text(format!("text {number}").into()),
        };
        let parts: Vec<_> = kinds
            .iter()
            .enumerate()
            .map(|(frame, (kind, others))| {
                // Each part has a kind of its own, and some values of another one.
                let attributes = |number: usize| {
                    let is_other = scattered(number) % 100 < *others as u64;
                    vec![("x".into(), value((kind + if is_other { 3 } else { 0 }) % 8, number))]
                };
                part_with(folder.path(), frame, &attributes)
            })
            .collect();
        let once = merged(folder.path(), &parts);
        prop_assert_eq!(read(&once), sorted(&parts));
        let pair = [once, parts[0].clone()];
        prop_assert_eq!(read(&merged(folder.path(), &pair)), sorted(&pair));
    }
}

#[test]
fn single_rows_are_read_and_merged_whatever_the_steps_between_numbers_are() {
    let folder = tempfile::tempdir().unwrap();
    // Equal steps, of which some dozen pass the numbers of 32 bits, and of two the numbers of 64.
    let address = |number: usize| std::net::Ipv4Addr::from((number as u32).wrapping_mul(0x0400_0001)).to_string();
    let attributes = |number: usize| {
        vec![
            text("ip", address(number)),
            ("step".into(), Value::Int((number as i64).wrapping_mul(0x4000_0000_0000_0001))),
            text("user", format!("u{}", number as u64 % 400 * 2_000_000_000_000_001)),
        ]
    };
    let parts: Vec<_> = (0..4).map(|frame| part_with(folder.path(), frame, &attributes)).collect();
    let once = merged(folder.path(), &parts);
    assert_eq!(read(&once), sorted(&parts));
    for part in [&parts[0], &once] {
        assert_eq!(forms(part, "ip"), [("attr.ip:ipv4".to_owned(), Form::Ipv4)]);
        let (footer, all) = (part.footer().unwrap(), read(part));
        for row in [0, 1, 37, 150, 399] {
            let what = Reading { columns: footer.all_columns(), ..Reading::default() };
            let batch = part.read(&footer, 0, &std::iter::once(row..row + 1).collect::<Vec<_>>(), what).unwrap().next();
            assert_eq!(crate::decode::records(&batch.unwrap().unwrap(), &footer.columns).unwrap(), all[row..=row]);
        }
    }
}

#[test]
fn an_attribute_has_no_plain_column_because_another_part_has_maps() {
    let folder = tempfile::tempdir().unwrap();
    let hex = |number: usize| text("id", format!("{:016x}", scattered(number)));
    let with = part_with(folder.path(), 0, &|number| vec![hex(number)]);
    let without = part_with(folder.path(), 1, &|number| match number {
        1_007 => vec![text("rare", "x".to_owned())],
        _ => Vec::new(),
    });
    // One value is in a map, which the merge finds only after the columns are chosen, or before.
    let seldom = part_with(folder.path(), 2, &|number| match number {
        2_300 => vec![hex(number)],
        _ => Vec::new(),
    });
    assert!(!without.footer().unwrap().columns.rest().is_none());
    let once = merged(folder.path(), &[with.clone(), without.clone()]);
    assert_eq!(forms(&once, "id"), [("attr.id:hex".to_owned(), Form::Hex { bytes: 8 })]);
    assert!(once.footer().unwrap().columns.rest_of("id").is_none());
    let parts = [with, without, seldom];
    assert_eq!(read(&merged(folder.path(), &parts)), sorted(&parts));
}
