//! Damaged parts yield rows or an error that names the part, and never end the process.

use std::{fs, panic, path::Path, sync::Arc};

use arrow_array::{BooleanArray, RecordBatch};
use model::{StoredRecord, Value};
use pipeline::{Batch, ErrorClass, Result};
use proptest::{collection::vec, prelude::*, sample::Index};
use testkit::records;

use super::{
    PartInfo,
    builder::Row,
    decode,
    lookup::{self, Field, Probe},
    message_index::Wanted,
    position_of,
    reader::{Footers, Part},
    reading::{Condition, Reading, RowTest},
    scan::{MessageTest, Page},
    schema::{self, RestMap},
    writer,
};

/// A part of some hundred records of all kinds, and the bytes of its file.
fn intact(folder: &Path) -> (PartInfo, Vec<u8>) {
    let mut batches = records::corpus(5, 20);
    for (number, record) in batches.iter_mut().flat_map(|batch| &mut batch.records).enumerate() {
        let text = |key: &str, text: String| (key.into(), Value::Text(text.into()));
        let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        record.attributes.extend([
            text("form.at", format!("2026-01-02T03:04:05.{number:03}Z")),
            text("form.hex", format!("{mixed:016x}")),
            text("form.ip", format!("10.0.{}.{}", number % 200, number % 251)),
            ("form.ms".into(), Value::Float((mixed >> 44) as f64 / 100.0)),
            text("form.user", format!("u{}", mixed >> 40)),
        ]);
        // Rare attributes of all types, which are in maps.
        let rare = match number % 10 {
            0 => Some(Value::Int(number as i64)),
            1 => Some(Value::Float(number as f64 / 8.0)),
            2 => Some(Value::Bool(true)),
            3 => Some(Value::Text(format!("{number:08x}").into())),
            4 => Some(Value::Text(format!("{number} of many").into())),
            _ => None,
        };
        record.attributes.extend(rare.map(|value| (format!("rare {}", number % 400).into(), value)));
        record.attributes.sort_by(|one, other| one.0.cmp(&other.0));
    }
    let info = written(folder, &batches);
    let bytes = fs::read(info.file(folder)).unwrap();
    (info, bytes)
}

fn written(folder: &Path, batches: &[Batch]) -> PartInfo {
    let mut rows: Vec<Row<'_>> = (1..)
        .zip(batches)
        .flat_map(|(frame, batch)| {
            let id_base = batch.records[0].id;
            let row = move |(place, record)| Row { record, position: position_of(frame, place), id_base };
            batch.records.iter().enumerate().map(row)
        })
        .collect();
    rows.sort_unstable_by_key(|row| std::cmp::Reverse((row.record.time, row.position)));
    writer::write(folder, "2026-01-02", &rows, writer::Effort::Quick).unwrap()
}

/// Reads each message of a page.
struct EachMessage;

impl RowTest for EachMessage {
    fn rows(&mut self, batch: &RecordBatch) -> Result<BooleanArray> {
        Ok(BooleanArray::from(vec![true; batch.num_rows()]))
    }

    fn on_pages(&mut self) -> Option<&mut dyn MessageTest> {
        Some(self)
    }
}

impl MessageTest for EachMessage {
    fn scan(&mut self, page: &Page<'_>, passes: &mut [bool]) -> Result<()> {
        page.check()?;
        (0..passes.len()).try_for_each(|message| page.message(message).map(|_| ()))
    }
}

/// Reads everything that a search reads of a part.
fn read(folder: &Path, info: &PartInfo) -> Result<Vec<StoredRecord>> {
    let part = Part::new(info.clone(), folder, Arc::new(Footers::default()));
    let footer = part.footer()?;
    let mut found = Vec::new();
    for (group, bounds) in footer.groups.iter().enumerate() {
        let columns = footer.all_columns();
        for column in &columns {
            part.may_have(&footer, group, *column, [0; 16].as_slice())?;
            part.slabs_holding(&footer, group, *column, u16::MAX, &[vec![0; 16]])?;
            let rows = footer.rows_of_pages(group, *column, |(least, _)| least % 2 == 0);
            assert!(rows.iter().all(|rows| rows.end <= bounds.rows));
        }
        let all = 0..bounds.rows;
        let few = Reading { columns: columns.clone(), ..Reading::default() };
        for batch in part.read(&footer, group, std::slice::from_ref(&(1..bounds.rows / 2)), few)? {
            batch?;
        }
        columns.iter().for_each(|column| part.read_filters_ahead(&footer, *column, [0; 16].as_slice()));
        let message = vec![footer.columns.place(schema::MESSAGE)];
        let conditions = vec![Condition { columns: message, test: Box::new(EachMessage) }];
        let what = Reading { columns: columns.clone(), conditions, ..Reading::default() };
        for batch in part.read(&footer, group, std::slice::from_ref(&all), what)? {
            batch?;
        }
        if let Some(sets) = part.message_sets(&footer, group) {
            let _ = sets.iter().any(|sets| sets.may_contain(&Wanted::of("some text")));
        }
        let some: Vec<usize> = all.clone().step_by(37).collect();
        decode::records(&part.rows(&footer, group, &some, &columns)?, &footer.columns)?;
        let what = Reading { columns, ..Reading::default() };
        for batch in part.read(&footer, group, std::slice::from_ref(&all), what)? {
            found.extend(decode::records(&batch?, &footer.columns)?);
        }
    }
    part.message_index(&footer);
    let wanted = lookup::Wanted::Any(vec![Probe::text(Field::Service, "api"), Probe::id(Field::Trace, &[0; 16])]);
    part.slabs(&wanted);
    Ok(found)
}

#[test]
fn an_intact_part_reads() {
    let folder = tempfile::tempdir().unwrap();
    let (info, _) = intact(folder.path());
    let part = Part::new(info.clone(), folder.path(), Arc::new(Footers::default()));
    assert_eq!(part.footer().unwrap().columns.rest().columns().len(), 2 * RestMap::ALL.len());
    assert_eq!(read(folder.path(), &info).unwrap().len() as u64, info.rows);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_part_is_an_error_that_names_it_or_rows_and_no_panic(
        damage in vec((any::<Index>(), any::<u8>()), 1..6),
        // Most of a file is data, so half of the cases target the footer.
        at_the_end in any::<bool>(),
        cut in proptest::option::weighted(0.1, any::<Index>()),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (info, mut bytes) = intact(folder.path());
        let from = if at_the_end { bytes.len() - bytes.len() / 4 } else { 0 };
        for (place, byte) in &damage {
            let place = from + place.index(bytes.len() - from);
            bytes[place] = *byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        fs::write(info.file(folder.path()), &bytes).unwrap();
        match panic::catch_unwind(|| read(folder.path(), &info)) {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                prop_assert!(matches!(error.class, ErrorClass::Corrupt | ErrorClass::Unavailable), "{}", error);
            }
            Err(_) => prop_assert!(false, "a panic"),
        }
    }
}
