//! The files in the folder when a log is opened.

use pipeline::ErrorClass;

use super::*;
use crate::wal::segment::{FRAMES_AT, segment_path};

#[tokio::test]
async fn frame_numbers_grow_over_restarts_also_when_everything_was_released() {
    let file_system = Faulty::default();
    let mut last = 0;
    for round in 1..=4 {
        let (wal, recovery) = open(&file_system, options(), last).await;
        assert!(recovery.last_frame >= last);
        for number in append_all(&wal, 1..=40, 900).await.into_keys() {
            assert!(number > last, "round {round}: {number} after {last}");
            last = number;
        }
        wal.release(last);
        match round {
            1 | 2 => wal.close().await,
            _ => drop(wal),
        }
    }
    // Even without files, if the store knows its position.
    let (wal, _) = open(&Faulty::default(), options(), last).await;
    assert!(wal.append(batch(1, 10)).await.unwrap() > last);
}

#[tokio::test]
async fn restarts_without_appends_leave_one_small_segment() {
    let file_system = Faulty::default();
    for _ in 0..5 {
        let (wal, _) = open(&file_system, options(), 0).await;
        wal.close().await;
    }
    assert_eq!(
        names(&file_system).iter().filter(|name| name.ends_with(".wal")).count(),
        1,
        "{:?}",
        names(&file_system)
    );
    let (wal, _) = open(&file_system, options(), 0).await;
    assert_eq!(wal.status().bytes, options().segment_bytes);
}

#[tokio::test]
async fn crashes_before_the_first_append_make_no_frames_out_of_unused_numbers() {
    let file_system = Faulty::default();
    let (wal, _) = open(&file_system, from_disk(), 0).await;
    let mut appended = append_all(&wal, 1..=3, 100).await;
    drop(wal);
    for start in 1..=5 {
        let (wal, recovery) = open(&file_system, from_disk(), 2).await;
        assert_eq!((recovery.first_frame, recovery.last_frame), (3, 3), "start {start}");
        assert_eq!((wal.last(), wal.status().depth), (3, 1), "start {start}");
    }
    appended.retain(|number, _| *number > 2);
    let (wal, _) = open(&file_system, from_disk(), 2).await;
    assert_holds(&wal, 2, &appended).await;
    wal.release(3);
    drop(wal);
    let (wal, _) = open(&file_system, from_disk(), 3).await;
    assert_eq!(wal.status().depth, 0);
    assert!(wal.append(batch(9, 10)).await.unwrap() > 3);
}

#[tokio::test]
async fn a_folder_has_one_owner_at_a_time() {
    let file_system = Faulty::default();
    let (wal, _) = open(&file_system, options(), 0).await;
    let error = try_open(&file_system, options(), 0).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Unavailable);
    assert!(error.message.contains("another process"), "{}", error.message);
    drop(wal);
    open(&file_system, options(), 0).await;

    let folder = tempfile::tempdir().unwrap();
    let disk = || Arc::new(crate::filesystem::Disk);
    let first = Wal::open(folder.path(), disk(), options(), 0).await.unwrap();
    assert!(Wal::open(folder.path(), disk(), options(), 0).await.is_err());
    drop(first);
    Wal::open(folder.path(), disk(), options(), 0).await.unwrap();
}

#[tokio::test]
async fn a_newer_format_is_refused_by_name_and_left_alone() {
    let file_system = Faulty::default();
    let (wal, _) = open(&file_system, options(), 0).await;
    append_all(&wal, 1..=3, 100).await;
    wal.close().await;
    let path = segment_path(Path::new(FOLDER), 1);
    let mut bytes = file_system.bytes(&path);
    for version_at in [8, 2048 + 8] {
        bytes[version_at] = 9;
    }
    file_system.set_bytes(&path, bytes.clone());
    let error = try_open(&file_system, options(), 0).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid);
    assert!(error.message.contains("format 9") && error.message.contains("up to 1"), "{}", error.message);
    assert_eq!(file_system.bytes(&path), bytes);
}

#[tokio::test]
async fn a_renamed_segment_is_refused_by_name() {
    let file_system = Faulty::default();
    let (wal, _) = open(&file_system, options(), 0).await;
    append_all(&wal, 1..=3, 100).await;
    wal.close().await;
    use crate::filesystem::FileSystem as _;
    let folder = Path::new(FOLDER);
    file_system.rename(&segment_path(folder, 1), &segment_path(folder, 2)).unwrap();
    let error = try_open(&file_system, options(), 0).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Corrupt);
    assert!(error.message.contains("00000000000000000001.wal"), "{}", error.message);
}

#[tokio::test]
async fn a_missing_segment_is_delivered_as_what_cannot_be_read() {
    let file_system = Faulty::default();
    let (wal, _) = open(&file_system, from_disk(), 0).await;
    let appended = append_all(&wal, 1..=150, 900).await;
    wal.close().await;
    let segments: Vec<_> = file_system.paths().into_iter().filter(|path| path.extension().unwrap() == "wal").collect();
    for (place, released) in [(0, 1), (2, 0)] {
        let broken = file_system.crash(|| true);
        use crate::filesystem::FileSystem as _;
        broken.remove(&segments[place]).unwrap();
        let (wal, _) = open(&broken, from_disk(), released).await;
        let found = read_all(&wal, released).await;
        let unread: Vec<_> = found.values().filter(|content| as_batch(content).is_none()).collect();
        assert_eq!(unread.len(), 1);
        assert!(found.len() < 149 && found.len() > 100, "{}", found.len());
        for (number, content) in &found {
            assert!(as_batch(content).is_none_or(|batch| *batch == appended[number]));
        }
    }
}

#[tokio::test]
async fn options_out_of_bounds_are_refused() {
    for (segment_bytes, disk_bytes) in [(FRAMES_AT, 1 << 20), (32 << 10, 63 << 10)] {
        let options = WalOptions { segment_bytes, disk_bytes, memory_bytes: 0 };
        assert_eq!(try_open(&Faulty::default(), options, 0).await.unwrap_err().class, ErrorClass::Invalid);
    }
}
