//! A merge keeps the records and their order, whatever the parts are like.

mod forms;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use model::{Record, RecordId, Severity, StoredRecord, Text, Value};
use proptest::{collection::vec, prelude::*};
use testkit::records;

use super::merge;
use crate::{
    PartInfo,
    builder::Row,
    decode, position_of,
    reader::{Footers, Part},
    reading::Reading,
    schema,
    writer::{self, Effort},
};

const DAY: &str = "2026-01-02";

/// Writes a part of these records. Their batch is that of the frame `frame`.
fn part(folder: &Path, frame: u64, records: &[Record], effort: Effort) -> Arc<Part> {
    let id_base = records[0].id;
    let row = |(place, record)| Row { record, position: position_of(frame, place), id_base };
    let mut rows: Vec<Row<'_>> = records.iter().enumerate().map(row).collect();
    rows.sort_unstable_by_key(|row| std::cmp::Reverse((row.record.time, row.position)));
    opened(folder, writer::write(folder, DAY, &rows, effort).unwrap())
}

fn opened(folder: &Path, info: PartInfo) -> Arc<Part> {
    Arc::new(Part::new(info, folder, Arc::new(Footers::default())))
}

fn merged(folder: &Path, parts: &[Arc<Part>]) -> Arc<Part> {
    opened(folder, merge(folder, DAY, parts, None, &mut || Ok(())).unwrap().unwrap())
}

fn read(part: &Part) -> Vec<StoredRecord> {
    let footer = part.footer().unwrap();
    let mut found = Vec::new();
    for (number, group) in footer.groups.iter().enumerate() {
        let what = Reading { columns: footer.all_columns(), ..Reading::default() };
        for batch in part.read(&footer, number, std::slice::from_ref(&(0..group.rows)), what).unwrap() {
            found.extend(decode::records(&batch.unwrap(), &footer.columns).unwrap());
        }
    }
    found
}

/// The records of all parts, newest first.
fn sorted(parts: &[Arc<Part>]) -> Vec<StoredRecord> {
    let mut all: Vec<StoredRecord> = parts.iter().flat_map(|part| read(part)).collect();
    all.sort_by_key(|stored| std::cmp::Reverse((stored.record.time, stored.position)));
    all
}

/// Record `number` of a part: its time in milliseconds, and its attributes.
fn record(number: usize, millis: i64, attributes: Vec<(Text, Value)>) -> Record {
    Record {
        id: RecordId::base(1_767_323_045_000, 7).nth(number),
        time: 1_767_323_045_000_000_000 + millis * 1_000_000,
        observed_time: 1_767_323_045_000_000_000,
        severity: Severity::INFO,
        level: "info".into(),
        service: format!("service-{}", number % 5).into(),
        node: Text::default(),
        message: format!("record {number}"),
        attributes,
        trace_id: None,
        span_id: None,
    }
}

fn text(key: &str, text: String) -> (Text, Value) {
    (key.into(), Value::Text(text.into()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn parts_of_any_records_are_merged_in_order(seed in any::<u32>(), efforts in vec(any::<bool>(), 1..20)) {
        let folder = tempfile::tempdir().unwrap();
        let batches = records::corpus(u64::from(seed), efforts.len());
        let parts: Vec<_> = (1..)
            .zip(batches.iter().zip(&efforts))
            .map(|(frame, (batch, is_quick))| {
                let effort = if *is_quick { Effort::Quick } else { Effort::Passing };
                part(folder.path(), frame, &batch.records, effort)
            })
            .collect();
        let merged = merged(folder.path(), &parts);
        prop_assert_eq!(read(&merged), sorted(&parts));
        prop_assert_eq!(merged.info.rows, parts.iter().map(|part| part.info.rows).sum::<u64>());
    }
}

#[test]
fn parts_that_follow_one_another_overlap_or_mix_are_merged_in_order() {
    let folder = tempfile::tempdir().unwrap();
    // The first record of a part, and the milliseconds between two of its records.
    for begins in [[0, 2_000, 4_000, 6_000, 8_000], [0, 1_500, 1_700, 1_701, 9_000], [3, 2, 1, 0, 4]] {
        for step in [1, 5] {
            let parts: Vec<_> = (1..)
                .zip(begins)
                .map(|(frame, begin)| {
                    let attributes = |row: i64| vec![text("few", format!("{} of {frame}", row % 7))];
                    let records: Vec<_> =
                        (0..2_000).map(|row| record(row as usize, begin + row * step, attributes(row))).collect();
                    part(folder.path(), frame, &records, Effort::Passing)
                })
                .collect();
            assert_eq!(read(&merged(folder.path(), &parts)), sorted(&parts), "{begins:?}, {step}");
        }
    }
}

#[test]
fn each_part_has_other_attributes_and_all_stay() {
    let folder = tempfile::tempdir().unwrap();
    let parts: Vec<_> = (1..=12_u64)
        .map(|frame| {
            let attributes = |row: usize| {
                let mut attributes: Vec<_> = (0..20)
                    .map(|number| (Text::from(format!("own.{:02}", (row * 7 + number * 3) % 90)), row))
                    .collect();
                attributes.sort();
                attributes.dedup();
                let value = |(key, row): (Text, usize)| {
                    let value = match row % 4 {
                        0 => Value::Int(row as i64),
                        1 => Value::Float(-0.0),
                        2 => Value::Bool(true),
                        _ => Value::Text(format!("\"{row}\" of {frame}").into()),
                    };
                    // Each part has names of its own beside those of all.
                    let key = if row % 2 == 0 { Text::from(format!("part.{frame:02}.{key}")) } else { key };
                    (key, value)
                };
                attributes.into_iter().map(value).collect::<Vec<_>>()
            };
            let records: Vec<_> = (0..150).map(|row| record(row, row as i64 * 3, attributes(row))).collect();
            part(folder.path(), frame, &records, Effort::Passing)
        })
        .collect();
    let once = merged(folder.path(), &parts);
    let expected = sorted(&parts);
    assert_eq!(read(&once), expected);
    assert!(!once.footer().unwrap().columns.rest().is_none());
    // Merged parts are merged as well.
    let halves = [merged(folder.path(), &parts[..5]), merged(folder.path(), &parts[5..])];
    assert_eq!(read(&merged(folder.path(), &halves)), expected);
}

#[test]
fn texts_that_recur_get_a_dictionary_though_small_parts_had_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = 7_u64;
    let mut next = move |bound: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % bound
    };
    let parts: Vec<_> = (1..=16)
        .map(|frame| {
            let records: Vec<_> = (0..2_000)
                .map(|row| {
                    let attributes = vec![
                        // 400 in 2,000 rows are more than an eighth, 400 in 32,000 are not.
                        text("customer", format!("customer-{:04}", next(400))),
                        text("method", ["GET", "PUT"][next(2) as usize].to_owned()),
                        text("request", format!("request-{frame}-{}", row / 4)),
                    ];
                    record(row, (frame * 2_000) as i64 + row as i64, attributes)
                })
                .collect();
            part(folder.path(), frame, &records, Effort::Passing)
        })
        .collect();
    let place = |part: &Part, name: &str| {
        let footer = part.footer().unwrap();
        let column = footer.columns.attributes.iter().find(|(_, attribute)| attribute.key == name).unwrap();
        footer.has_dictionary(column.0)
    };
    for (name, before, after) in [("customer", false, true), ("method", true, true), ("request", false, false)] {
        assert!(parts.iter().all(|part| place(part, name) == before), "{name} before");
        assert_eq!(place(&merged(folder.path(), &parts), name), after, "{name} after");
    }
    let once = merged(folder.path(), &parts);
    assert_eq!(read(&once), sorted(&parts));
    // A reader gets the texts by their keys.
    let footer = once.footer().unwrap();
    let field = footer.metadata.schema().field_with_name("attr.customer").unwrap();
    assert_eq!(*field.data_type(), schema::repeated_text());
    // A merge of one part changes nothing, and one of parts with dictionaries keeps them.
    let again = merged(folder.path(), std::slice::from_ref(&once));
    assert_eq!((place(&again, "customer"), place(&again, "request")), (true, false));
    assert_eq!(read(&again), read(&once));
}

#[test]
fn each_of_many_columns_gets_a_dictionary_by_its_own_texts() {
    let folder = tempfile::tempdir().unwrap();
    let recurs = |column: usize| column.is_multiple_of(3);
    let parts: Vec<_> = (1..=8_u64)
        .map(|frame| {
            let attributes = |row: usize| {
                let of_column = |column: usize| {
                    // 200 in 1,000 rows are more than an eighth, 200 in 8,000 are not.
                    let number = if recurs(column) { row * 7 % 200 } else { row + 1_000 * frame as usize };
                    text(&format!("column.{column:02}"), format!("{number} of {column}"))
                };
                (0..40).map(of_column).collect::<Vec<_>>()
            };
            // All parts have the same times, so their rows mix.
            let records: Vec<_> = (0..1_000).map(|row| record(row, row as i64, attributes(row))).collect();
            part(folder.path(), frame, &records, Effort::Passing)
        })
        .collect();
    let once = merged(folder.path(), &parts);
    let footer = once.footer().unwrap();
    let found: Vec<bool> = footer.columns.attributes.iter().map(|(place, _)| footer.has_dictionary(*place)).collect();
    assert_eq!(found, (0..40).map(recurs).collect::<Vec<_>>());
    assert_eq!(read(&once), sorted(&parts));
}

#[test]
fn a_part_with_rows_newer_than_the_catalogue_says_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<_> = (0..10).map(|row| record(row, row as i64, Vec::new())).collect();
    let good = part(folder.path(), 1, &records, Effort::Quick);
    let info =
        PartInfo { max_time: good.info.max_time - 1, ..part(folder.path(), 2, &records, Effort::Quick).info.clone() };
    let wrong = opened(folder.path(), info);
    assert!(merge(folder.path(), DAY, &[good.clone(), wrong.clone()], None, &mut || Ok(())).is_err());
    assert!(wrong.damage().is_some() && good.damage().is_none());
}

#[test]
fn nothing_of_the_rows_left_out_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let secret = |number: usize| format!("secret-{number}-of-somebody");
    let parts: Vec<_> = (1..=3_u64)
        .map(|frame| {
            let records: Vec<_> = (0..300)
                .map(|row| {
                    let goes = row % 5 == 0;
                    let own = if goes { secret(row % 10) } else { format!("open-{}", row % 9) };
                    let mut attributes = vec![text("few", own.clone()), text("many", format!("{own} {row}"))];
                    if goes {
                        attributes.push((secret(0).into(), Value::Bool(true)));
                    }
                    record(row, row as i64, attributes)
                })
                .collect();
            part(folder.path(), frame, &records, Effort::Passing)
        })
        .collect();
    let keep = |service: &str, _: i64| service != "service-0";
    let kept = merge(folder.path(), DAY, &parts, Some(&keep), &mut || Ok(())).unwrap().unwrap();
    let file = kept.file(folder.path());
    let kept = opened(folder.path(), kept);
    let expected: Vec<_> = sorted(&parts).into_iter().filter(|stored| stored.record.service != "service-0").collect();
    assert_eq!(read(&kept), expected);
    let bytes = std::fs::read(file).unwrap();
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(holds(b"open-") && !holds(b"secret-"));
    let none = merge(folder.path(), DAY, &parts, Some(&|_: &str, _: i64| false), &mut || Ok(())).unwrap();
    assert_eq!(none, None);
}

#[test]
fn a_merge_ends_when_it_is_told_to_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    // Rows that mix are gathered in more than one step.
    let records: Vec<_> = (0..2_000).map(|row| record(row, row as i64, Vec::new())).collect();
    let parts = [1, 2].map(|frame| part(folder.path(), frame, &records, Effort::Quick));
    let files = || std::fs::read_dir(folder.path().join(DAY)).unwrap().count();
    let calls = AtomicUsize::new(0);
    let mut pause = || match calls.fetch_add(1, Ordering::Relaxed) {
        0 => Ok(()),
        _ => Err(pipeline::Error::unavailable("stopped")),
    };
    assert!(merge(folder.path(), DAY, &parts, None, &mut pause).is_err());
    assert_eq!(files(), 2);
}
