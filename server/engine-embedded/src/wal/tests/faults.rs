//! A disk that fails, fills up or writes partially.

use std::io::ErrorKind;

use pipeline::ErrorClass;

use super::*;

#[tokio::test]
async fn short_writes_are_finished() {
    let file_system = Faulty::default();
    file_system.set_write_bytes(Some(7));
    let (wal, _) = open(&file_system, from_disk(), 0).await;
    let appended = append_all(&wal, 1..=50, 900).await;
    assert_holds(&wal, 0, &appended).await;
}

#[tokio::test]
async fn after_a_failed_sync_nothing_of_it_is_promised_and_its_numbers_stay_void() {
    let file_system = Faulty::default();
    let (wal, _) = open(&file_system, from_disk(), 0).await;
    let mut appended = append_all(&wal, 1..=3, 100).await;
    file_system.fail_syncs(1);
    let error = wal.append(batch(4, 100)).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Unavailable);
    assert!(wal.status().trouble.is_some());
    // The next append goes to a new segment, without a restart.
    let more = append_all(&wal, 5..=6, 100).await;
    assert_eq!(wal.status().trouble, None);
    assert!(more.keys().all(|number| *number > 4), "{:?}", more.keys());
    appended.extend(more);
    assert_holds(&wal, 0, &appended).await;
    drop(wal);
    for kept in [false, true] {
        let (wal, recovery) = open(&file_system.crash(|| kept), from_disk(), 0).await;
        assert_eq!(recovery.damaged_frames, 0);
        assert_holds(&wal, 0, &appended).await;
    }
}

#[tokio::test]
async fn after_a_panic_of_the_writer_nothing_is_promised_and_what_was_is_kept() {
    let file_system = Faulty::default();
    let (wal, _) = open(&file_system, from_disk(), 0).await;
    let appended = append_all(&wal, 1..=3, 100).await;
    file_system.panic();
    for number in 4..=6 {
        let error = wal.append(batch(number, 100)).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Unavailable);
    }
    assert!(wal.status().trouble.unwrap().contains("restart the server"));
    assert_holds(&wal, 0, &appended).await;
    assert!(try_open(&file_system, from_disk(), 0).await.is_err(), "the folder is still this log's");
    wal.close().await;
    let (wal, recovery) = open(&file_system, from_disk(), 0).await;
    assert_eq!(recovery.damaged_frames, 0);
    assert_holds(&wal, 0, &appended).await;
    append_all(&wal, 7..=8, 100).await;
}

#[tokio::test]
async fn a_full_disk_is_overload_and_ends_by_itself() {
    let file_system = Faulty::default();
    file_system.set_capacity(Some(100 << 10));
    let (wal, _) = open(&file_system, from_disk(), 0).await;
    let mut appended = BTreeMap::new();
    let error = loop {
        let number = appended.len() as u64 + 1;
        match wal.append(batch(number, 900)).await {
            Ok(frame) => appended.insert(frame, batch(number, 900)),
            Err(error) => break error,
        };
    };
    assert_eq!(error.class, ErrorClass::Overloaded);
    assert!(error.message.contains("disk") && error.message.contains(FOLDER), "{}", error.message);
    assert_holds(&wal, 0, &appended).await;
    // A log without room for appends can still be opened and read.
    drop(wal);
    let (wal, _) = open(&file_system, from_disk(), 0).await;
    assert_holds(&wal, 0, &appended).await;
    assert!(wal.status().trouble.is_some());

    file_system.set_capacity(None);
    // Without appends, the writer's probe notices it.
    while wal.status().trouble.is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    appended.extend(append_all(&wal, 900..=910, 900).await);
    assert_holds(&wal, 0, &appended).await;
}

/// Whichever file system call fails, and however often: acknowledged batches stay readable under their numbers, now,
/// after a restart and after a crash; no number identifies two batches.
#[tokio::test]
async fn whichever_step_fails_what_was_acknowledged_is_there() {
    for (times, kind) in [(1, ErrorKind::StorageFull), (1, ErrorKind::Other), (5, ErrorKind::Other)] {
        for after in 0.. {
            let file_system = Faulty::default();
            file_system.fail(after, times, kind);
            let Ok((wal, _)) = try_open(&file_system, from_disk(), 0).await else { continue };
            let mut appended = BTreeMap::new();
            let mut released = 0;
            for number in 1..=70 {
                if let Ok(frame) = wal.append(batch(number, 900)).await {
                    assert!(appended.insert(frame, batch(number, 900)).is_none(), "frame {frame} named twice");
                }
                if number == 50 {
                    released = wal.last();
                    wal.release(released);
                }
            }
            let due = file_system.is_fault_due();
            let fresh = wal.append(batch(1_000, 100)).await;
            assert!(due || fresh.is_ok(), "after {after} calls and {times} failures: {fresh:?}");
            appended.extend(fresh.into_iter().map(|frame| (frame, batch(1_000, 100))));
            let last = *appended.keys().last().unwrap();
            let expected = appended.split_off(&(released + 1));
            assert_holds(&wal, released, &expected).await;
            if after % 2 == 0 {
                wal.close().await
            } else {
                drop(wal)
            }

            let mut flip = after % 3 == 0;
            let crashed = file_system.crash(|| {
                flip = !flip;
                flip
            });
            for found in [crashed, file_system] {
                let (wal, _) = open(&found, from_disk(), released).await;
                assert_holds(&wal, released, &expected).await;
                assert!(wal.append(batch(2_000, 100)).await.unwrap() > last);
            }
            if due {
                break;
            }
        }
    }
}
