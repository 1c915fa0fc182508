//! The write-ahead log's reader: a segment that was written and then damaged at a place opens,
//! and every batch that it still gives is one that was written.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use engine_embedded::{
    filesystem::Disk,
    wal::{Wal, WalOptions},
};
use model::{Record, RecordId, Severity};
use pipeline::{Batch, BatchId, Content};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
static LOG: LazyLock<Log> = LazyLock::new(|| RUNTIME.block_on(written()));

/// The files of a log with some batches, and those batches.
struct Log {
    files: Vec<(PathBuf, Vec<u8>)>,
    batches: Vec<Batch>,
}

fn options() -> WalOptions {
    WalOptions { segment_bytes: 32 << 10, disk_bytes: 1 << 20, memory_bytes: 0 }
}

fn batch(number: u8) -> Batch {
    let id = RecordId::base(1, u128::from(number) << 32);
    let record = Record {
        id,
        time: i64::from(number),
        observed_time: 0,
        severity: Severity::INFO,
        level: "info".into(),
        service: "shop".into(),
        node: "a1".into(),
        message: format!("message {number}"),
        attributes: Vec::new(),
        trace_id: None,
        span_id: None,
    };
    Batch {
        id: BatchId([number; 16]),
        client_id: false,
        producer: "fuzz".into(),
        observed_time: 0,
        records: vec![record],
    }
}

async fn written() -> Log {
    let folder = tempfile::tempdir().expect("a folder");
    let (wal, _) = Wal::open(folder.path(), Arc::new(Disk), options(), 0).await.expect("a new log");
    let batches: Vec<Batch> = (1..9).map(batch).collect();
    for batch in &batches {
        wal.append(Arc::new(batch.clone())).await.expect("room");
    }
    wal.close().await;
    let files = std::fs::read_dir(folder.path()).expect("the folder");
    let files = files.filter_map(|file| Some(file.ok()?.path())).filter(|path| path.is_file());
    let named = |path: PathBuf| Some((PathBuf::from(path.file_name()?), std::fs::read(&path).ok()?));
    Log { files: files.filter_map(named).collect(), batches }
}

pub fn run(bytes: &[u8]) {
    // Where to write over the first file that has content, and with what.
    let Some((place, damage)) = bytes.split_first_chunk::<2>() else { return };
    let Log { files, batches } = &*LOG;
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content) in files {
        let mut content = content.clone();
        let place = usize::from(u16::from_le_bytes(*place)) % content.len().max(1);
        for (byte, damage) in content.iter_mut().skip(place).zip(damage) {
            *byte = *damage;
        }
        std::fs::write(folder.path().join(name), content).expect("a file");
    }
    RUNTIME.block_on(read(folder.path(), batches));
}

/// Damage of one byte at many places of the frames, of a few bytes, and of all from a place on; where,
/// the first two bytes say.
pub fn seeds() -> Vec<Vec<u8>> {
    let at = |place: u16, damage: &[u8]| [&place.to_le_bytes()[..], damage].concat();
    let one = (0..1200).step_by(13).map(|place| at(place, b"x"));
    one.chain([at(0, b""), at(0, &[0]), at(40, &[0xff; 4]), at(300, &[0; 16]), at(700, &[0x5a; 4096])]).collect()
}

async fn read(folder: &Path, batches: &[Batch]) {
    // Damage is no error, save where the log is of another format or not this one's.
    let Ok((wal, recovery)) = Wal::open(folder, Arc::new(Disk), options(), 0).await else { return };
    let mut after = recovery.first_frame.saturating_sub(1);
    while after < recovery.last_frame {
        let frames = wal.read(after, 100).await.unwrap_or_default();
        let Some((last, _)) = frames.last() else { break };
        after = *last;
        for (_, content) in &frames {
            if let Content::Batch(batch) = content {
                assert!(batches.contains(batch), "a batch that nobody wrote: {batch:?}");
            }
        }
    }
    wal.close().await;
}
