//! The parts' reader: a Parquet file that was written and then damaged at a place is verified
//! without a panic and without an end to the memory.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    time::Duration,
};

use engine_embedded::{Options, inspect};
use model::{Record, RecordId, Severity, Text, Value};
use parts::{PartInfo, decode, reader::Part};
use pipeline::{Batch, BatchId, Content, Delivery, Receipt};
use tempfile::TempDir;
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

const RECORDS: usize = 200;

/// A data folder with one part, and what that holds.
struct Folder {
    folder: TempDir,
    part: PathBuf,
    content: Vec<u8>,
}

static FOLDER: LazyLock<Folder> = LazyLock::new(|| RUNTIME.block_on(written()));

async fn written() -> Folder {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options { flush_interval: Duration::ZERO, ..Options::default() };
    let store = engine_embedded::open_store(folder.path(), options).await.expect("a new store");
    let base = RecordId::base(1, 0);
    let records = (0..RECORDS).map(|number| Record {
        id: base.nth(number),
        time: 1_767_323_045_000_000_000 + number as i64,
        observed_time: 0,
        severity: Severity::INFO,
        level: "info".into(),
        service: format!("service-{}", number % 7).into(),
        node: "a1".into(),
        message: format!("message {number} of many"),
        attributes: attributes(number),
        trace_id: (number % 2 == 0).then_some([number as u8; 16]),
        span_id: None,
    });
    let batch = Batch {
        id: BatchId([1; 16]),
        client_id: false,
        producer: "fuzz".into(),
        observed_time: 0,
        records: records.collect(),
    };
    let delivery = Delivery { receipt: Receipt(1), content: Content::Batch(batch.into()) };
    store.append(&[delivery]).await.expect("a store that takes it");
    store.close().await;
    let part = inspect::parts(folder.path()).await.expect("a catalogue").remove(0).path;
    let content = std::fs::read(&part).expect("the part");
    Folder { folder, part, content }
}

/// Two that have columns, and rare ones of all types, which are in maps.
fn attributes(number: usize) -> Vec<(Text, Value)> {
    let mut attributes = vec![
        ("hex".into(), Value::Text(format!("{:08x}", (number as u32).wrapping_mul(0x9e37_79b9)).into())),
        ("ip".into(), Value::Text(format!("10.0.0.{number}").into())),
        ("ms".into(), Value::Float(number as f64 / 4.0)),
        ("n".into(), Value::Int(number as i64)),
        ("ok".into(), Value::Bool(true)),
        ("user".into(), Value::Text(format!("u{number}").into())),
    ];
    let rare = match number % 50 {
        0 => Value::Int(7),
        1 => Value::Float(0.5),
        2 => Value::Bool(false),
        3 => Value::Text("deadbeef".into()),
        4 => Value::Text("rarely".into()),
        _ => return attributes,
    };
    // In the order of the keys.
    attributes.insert(5, (format!("rare {number}").into(), rare));
    attributes
}

pub fn run(bytes: &[u8]) {
    let Some((place, damage)) = bytes.split_first_chunk::<3>() else { return };
    let Folder { folder, part, content } = &*FOLDER;
    let mut content = content.clone();
    let place = u32::from_le_bytes([place[0], place[1], place[2], 0]) as usize % content.len();
    for (byte, damage) in content.iter_mut().skip(place).zip(damage) {
        *byte = *damage;
    }
    std::fs::write(part, content).expect("the part");
    // What is wrong is reported, and not an error of looking.
    RUNTIME.block_on(inspect::check(folder.path(), false, |_| {}, |_| {})).expect("a folder that can be looked at");
    // Damage is an error, or there are rows that nobody wrote.
    let _ = read_single_rows(part);
}

/// Reads some rows of each row group in the way of a search.
fn read_single_rows(file: &Path) -> pipeline::Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let bytes = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
    let info = PartInfo { path: name, rows: RECORDS as u64, bytes, ..PartInfo::default() };
    let part = Part::new(info, file.parent().unwrap_or(file), Arc::default());
    let footer = part.footer()?;
    for (number, group) in footer.groups.iter().enumerate() {
        let rows: Vec<usize> = (0..group.rows).step_by(7).collect();
        let batch = part.rows(&footer, number, &rows, &footer.all_columns())?;
        decode::records(&batch, &footer.columns)?;
    }
    Ok(())
}

/// Damage of one byte at many places, most of them in the footer, of a few bytes, and of all from a
/// place on; where, the first three bytes say.
pub fn seeds() -> Vec<Vec<u8>> {
    let end = FOLDER.content.len() as u32;
    let at = |place: u32, damage: &[u8]| [&place.to_le_bytes()[..3], damage].concat();
    let footer = end - end / 4;
    let one = (0..end).step_by(211).chain((footer..end).step_by(23)).map(|place| at(place, &[0xff]));
    // The last two are the footer's length, and the mark at the end.
    one.chain([
        at(0, b""),
        at(0, b"PAR2"),
        at(4, &[0; 16]),
        at(end / 2, &[0x5a; 4096]),
        at(end - 8, &[0xff; 4]),
        at(end - 4, b"XXXX"),
    ])
    .collect()
}
