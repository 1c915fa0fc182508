//! Damaged parts yield rows or an error that names the part, and never end the process.

use std::{fs, panic, path::Path, sync::Arc};

use arrow_array::{BooleanArray, RecordBatch};
use model::StoredRecord;
use pipeline::{Batch, ErrorClass, Result};
use proptest::{collection::vec, prelude::*, sample::Index};
use testkit::records;

use super::{
    PartInfo,
    builder::Row,
    decode,
    message_index::Wanted,
    position_of,
    reader::{Footers, Part},
    reading::{Condition, Reading, RowTest},
    scan::{MessageTest, Page},
    schema, writer,
};

/// A part of some hundred records of all kinds, and the bytes of its file.
fn intact(folder: &Path) -> (PartInfo, Vec<u8>) {
    let info = written(folder, &records::corpus(5, 20));
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
            part.may_hold(&footer, group, *column, &[vec![0; 16]])?;
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
        let what = Reading { columns, ..Reading::default() };
        for batch in part.read(&footer, group, std::slice::from_ref(&all), what)? {
            found.extend(decode::records(&batch?, &footer.columns)?);
        }
    }
    part.message_index(&footer);
    Ok(found)
}

#[test]
fn an_intact_part_reads() {
    let folder = tempfile::tempdir().unwrap();
    let (info, _) = intact(folder.path());
    assert_eq!(read(folder.path(), &info).unwrap().len() as u64, info.rows);
}

#[test]
fn the_bytes_of_a_part_tell_which_traces_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let mut batches = records::corpus(20, 100);
    let mut traces = Vec::new();
    for record in batches.iter_mut().flat_map(|batch| &mut batch.records) {
        let id: [u8; 16] = std::array::from_fn(|byte| (traces.len() >> (byte % 2 * 8)) as u8 ^ byte as u8);
        record.trace_id = Some(id);
        traces.push(id);
    }
    let info = written(folder.path(), &batches);
    let part = Part::new(info, folder.path(), Arc::new(Footers::default()));
    let footer = part.footer().unwrap();
    let column = footer.columns.place(schema::TRACE_ID);
    let holds = |id: &[u8]| part.may_hold(&footer, 0, column, &[id.to_vec()]).unwrap();
    for trace in &traces {
        assert!(part.may_have(&footer, 0, column, trace.as_slice()).unwrap());
        assert!(holds(trace));
        assert!(!holds(&trace.map(|byte| !byte)));
    }
    let others = (0..1_000_u32).map(|number| [(!number).to_le_bytes(); 4].concat());
    let wrong = others.filter(|id| part.may_have(&footer, 0, column, id.as_slice()).unwrap()).count();
    assert!(wrong < 150, "{wrong} of 1,000 ids that are nowhere");
    // Other columns are compressed, so any value may be in them.
    assert!(part.may_hold(&footer, 0, footer.columns.place(schema::MESSAGE), &[vec![0; 16]]).unwrap());
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
