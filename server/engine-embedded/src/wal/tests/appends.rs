//! Appending, reading and releasing without failures.

use std::{collections::BTreeMap, time::Duration};

use pipeline::ErrorClass;
use tokio::time::Instant;

use super::*;
use crate::wal::{PENDING_BYTES, PENDING_LEAST};

#[tokio::test]
async fn frames_are_numbered_from_one_and_come_back_in_order() {
    for options in [options(), from_disk()] {
        let (wal, recovery) = open(&Faulty::default(), options, 0).await;
        assert_eq!((recovery.first_frame, recovery.last_frame), (1, 0));
        let appended = append_all(&wal, 1..=60, 900).await;
        assert_eq!(appended.keys().copied().collect::<Vec<_>>(), (1..=60).collect::<Vec<_>>());
        assert_holds(&wal, 0, &appended).await;
    }
}

#[tokio::test]
async fn a_read_waits_for_the_next_frame_and_takes_about_as_many_records_as_asked_for() {
    let (wal, _) = open(&Faulty::default(), options(), 0).await;
    let waiting = tokio::spawn({
        let wal = wal.clone();
        async move { wal.read(0, 10).await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    append_all(&wal, 1..=1, 10).await;
    assert_eq!(waiting.await.unwrap().unwrap()[0].0, 1);

    append_all(&wal, 2..=9, 10).await;
    let numbers = |found: Vec<(u64, Content)>| found.iter().map(|(number, _)| *number).collect::<Vec<_>>();
    assert_eq!(numbers(wal.read(3, 2).await.unwrap()), [4, 5]);
    assert_eq!(numbers(wal.read(3, 0).await.unwrap()), [4], "at least one");
    assert_eq!(numbers(wal.read(0, 2).await.unwrap()), [1, 2], "from disk, for memory has let go of them");
}

#[tokio::test]
async fn many_callers_share_few_syncs() {
    let file_system = Faulty::default();
    let (wal, _) = open(&file_system, WalOptions { segment_bytes: 1 << 20, disk_bytes: 2 << 20, ..options() }, 0).await;
    let before = file_system.syncs();
    file_system.hold_syncs();
    let callers: Vec<_> = (1..=256)
        .map(|number| {
            let wal = wal.clone();
            tokio::spawn(async move { wal.append(batch(number, 20)).await })
        })
        .collect();
    // All have arrived during the sync of the first.
    while wal.handle.pending.available_permits() > PENDING_BYTES - 256 * PENDING_LEAST {
        tokio::task::yield_now().await;
    }
    file_system.release_syncs();
    let mut numbers = Vec::new();
    for caller in callers {
        numbers.push(caller.await.unwrap().unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=256).collect::<Vec<_>>());
    let syncs = file_system.syncs() - before;
    assert!((1..=2).contains(&syncs), "{syncs} syncs");
}

#[tokio::test]
async fn a_reader_who_fell_behind_reads_from_disk_and_catches_up_while_others_append() {
    let (wal, _) = open(&Faulty::default(), WalOptions { memory_bytes: 8 << 10, ..options() }, 0).await;
    let mut appended = append_all(&wal, 1..=100, 500).await;
    let writing = tokio::spawn({
        let wal = wal.clone();
        async move { append_all(&wal, 101..=200, 500).await }
    });
    let mut found = BTreeMap::new();
    let mut after = 0;
    while after < 200 {
        for (number, content) in wal.read(after, 5).await.unwrap() {
            after = number;
            found.insert(number, as_batch(&content).unwrap().clone());
        }
    }
    appended.extend(writing.await.unwrap());
    assert_eq!(found, appended);
}

#[tokio::test]
async fn released_segments_are_reused_or_removed_and_what_they_held_never_comes_back() {
    let file_system = Faulty::default();
    let (wal, _) = open(&file_system, from_disk(), 0).await;
    append_all(&wal, 1..=200, 900).await;
    let full = wal.status();
    assert!(full.segments > 5 && full.bytes > 150_000, "{full:?}");

    wal.release(200);
    while wal.status().segments > 1 {
        tokio::task::yield_now().await;
    }
    // Frames with the same size as the old ones in the reused files.
    let kept = append_all(&wal, 201..=210, 900).await;
    assert!(
        names(&file_system).iter().filter(|name| name.ends_with(".spare")).count() <= 2,
        "{:?}",
        names(&file_system)
    );
    let appended = append_all(&wal, 211..=260, 900).await.into_iter().chain(kept).collect();
    drop(wal);
    let (wal, recovery) = open(&file_system, from_disk(), 200).await;
    assert_eq!(recovery, Recovery { first_frame: 201, last_frame: 260, ..recovery });
    assert_eq!((recovery.torn_bytes_cut, recovery.damaged_frames), (0, 0));
    assert_holds(&wal, 0, &appended).await;
}

#[tokio::test]
async fn the_bound_on_disk_is_answered_as_overload_until_frames_are_released() {
    let file_system = Faulty::default();
    let (wal, _) = open(&file_system, WalOptions { disk_bytes: 128 << 10, ..options() }, 0).await;
    let mut last = 0;
    let error = loop {
        match wal.append(batch(last + 1, 900)).await {
            Ok(number) => last = number,
            Err(error) => break error,
        }
    };
    assert_eq!(error.class, ErrorClass::Overloaded);
    assert!(error.retry_after.is_some());
    assert!(error.message.contains("131072"), "{}", error.message);
    assert!(wal.status().bytes <= 128 << 10);
    assert!(wal.status().trouble.is_some());
    assert_eq!(read_all(&wal, 0).await.len() as u64, last, "what was appended can be read meanwhile");

    wal.release(last);
    while wal.status().trouble.is_some() {
        tokio::task::yield_now().await;
    }
    assert_eq!(wal.append(batch(last + 1, 900)).await.unwrap(), last + 1);
}

#[tokio::test]
async fn a_frame_larger_than_a_segment_gets_one_of_its_own() {
    let (wal, _) = open(&Faulty::default(), from_disk(), 0).await;
    let mut appended = append_all(&wal, 1..=2, 100).await;
    appended.extend(append_all(&wal, 3..=3, 200 << 10).await);
    appended.extend(append_all(&wal, 4..=5, 100).await);
    assert_holds(&wal, 0, &appended).await;
}

#[tokio::test]
async fn spare_files_give_way_to_a_frame_larger_than_a_segment() {
    let file_system = Faulty::default();
    let (wal, _) = open(&file_system, WalOptions { disk_bytes: 128 << 10, ..from_disk() }, 0).await;
    let last = *append_all(&wal, 1..=60, 900).await.keys().last().unwrap();
    wal.release(last);
    while !names(&file_system).iter().any(|name| name.ends_with(".spare")) {
        tokio::task::yield_now().await;
    }
    let large = append_all(&wal, 100..=100, 90 << 10).await;
    assert!(wal.status().bytes <= 128 << 10);
    assert_holds(&wal, last, &large).await;
}

#[tokio::test]
async fn a_closed_log_refuses_and_keeps_what_it_has() {
    let file_system = Faulty::default();
    let (wal, _) = open(&file_system, options(), 0).await;
    let appended = append_all(&wal, 1..=3, 100).await;
    let waiting = tokio::spawn({
        let wal = wal.clone();
        async move { wal.read(3, 10).await }
    });
    wal.close().await;
    wal.close().await;
    assert_eq!(wal.append(batch(4, 100)).await.unwrap_err().class, ErrorClass::Unavailable);
    assert_eq!(wal.read(0, 10).await.unwrap_err().class, ErrorClass::Unavailable);
    assert_eq!(waiting.await.unwrap().unwrap_err().class, ErrorClass::Unavailable);
    // The old handle still exists but no longer locks the folder.
    let (again, _) = open(&file_system, options(), 0).await;
    assert_holds(&again, 0, &appended).await;
}

#[tokio::test(start_paused = true)]
async fn a_delay_holds_for_each_append_until_it_is_taken_back() {
    let (wal, _) = open(&Faulty::default(), options(), 0).await;
    let delay = Duration::from_secs(3600);
    wal.delay_appends(delay);
    let begun = Instant::now();
    append_all(&wal, 1..=2, 10).await;
    assert!(begun.elapsed() >= 2 * delay);
    wal.delay_appends(Duration::ZERO);
    let begun = Instant::now();
    append_all(&wal, 3..=3, 10).await;
    assert!(begun.elapsed() < delay);
}
