//! Frames whose bytes are to go from disk.

use std::{collections::BTreeSet, io::ErrorKind};

use pipeline::{ErrorClass, envelope};

use super::*;
use crate::wal::frame::{Frame, HEADER_BYTES};

/// The numbers of the frames whose bytes are anywhere in the files, also behind the end of a segment.
fn bytes_of(file_system: &Faulty) -> BTreeSet<u64> {
    let mut numbers = BTreeSet::new();
    for path in file_system.paths() {
        let bytes = file_system.bytes(&path);
        for start in 0..bytes.len() {
            let Some(frame) = Frame::parse(&bytes[start..]) else { continue };
            let payload = start + HEADER_BYTES;
            let is_batch = |payload| envelope::decode(payload).is_ok();
            if bytes.get(payload..payload + frame.length).is_some_and(is_batch) {
                numbers.insert(frame.number);
            }
        }
    }
    numbers
}

#[tokio::test]
async fn forgotten_frames_leave_no_bytes_and_later_ones_stay() {
    let file_system = Faulty::default();
    let (wal, _) = open(&file_system, from_disk(), 0).await;
    // Several segments: released ones become spare files and are reused.
    let mut appended = append_all(&wal, 1..=200, 900).await;
    wal.release(150);
    appended.extend(append_all(&wal, 201..=230, 900).await);
    assert!(bytes_of(&file_system).contains(&140), "released frames leave bytes");

    assert_eq!(wal.forget(140).await.unwrap(), Some(230), "their files have frames that are not released");
    appended.extend(append_all(&wal, 231..=240, 900).await);
    assert_eq!(wal.forget(140).await.unwrap(), Some(230), "the log is sealed once");
    wal.release(229);
    assert_eq!(wal.forget(140).await.unwrap(), Some(230));
    wal.release(230);
    assert_eq!(wal.forget(140).await.unwrap(), None);
    assert_eq!(bytes_of(&file_system).first(), Some(&231));

    appended.retain(|number, _| *number > 230);
    assert_holds(&wal, 230, &appended).await;
    drop(wal);
    let (wal, recovery) = open(&file_system, from_disk(), 230).await;
    assert_eq!((recovery.last_frame, recovery.damaged_frames), (240, 0));
    assert_holds(&wal, 230, &appended).await;
    assert!(append_all(&wal, 241..=241, 900).await.into_keys().all(|number| number > 240));
}

#[tokio::test]
async fn a_log_without_new_frames_is_sealed_again_without_reusing_a_number() {
    let file_system = Faulty::default();
    let mut released = 0;
    for round in 1..=3 {
        let (wal, _) = open(&file_system, from_disk(), released).await;
        if round < 3 {
            let last = append_all(&wal, round..=round, 100).await.into_keys().max().unwrap();
            assert!(last > released, "{last} after {released}");
            released = last;
        }
        wal.release(released);
        for _ in 0..2 {
            assert_eq!(wal.forget(released).await.unwrap(), None);
        }
        assert_eq!(bytes_of(&file_system), BTreeSet::new(), "round {round}");
        wal.close().await;
    }
}

#[tokio::test]
async fn a_fault_at_any_call_of_forgetting_loses_nothing_and_is_made_good_by_the_next_try() {
    for after in 0..20 {
        let file_system = Faulty::default();
        let (wal, _) = open(&file_system, from_disk(), 0).await;
        let mut appended = append_all(&wal, 1..=100, 900).await;
        wal.release(60);
        appended.extend(append_all(&wal, 101..=103, 900).await);
        file_system.fail(after, 1, ErrorKind::Other);
        let first = wal.forget(60).await;
        if file_system.is_fault_due() {
            assert!(after > 0, "forgetting changes nothing");
            break;
        }
        if let Err(error) = first {
            assert_eq!(error.class, ErrorClass::Unavailable, "{after}: {error}");
        }
        appended.extend(append_all(&wal, 104..=105, 900).await);
        appended.retain(|number, _| *number > 60);
        assert_holds(&wal, 60, &appended).await;
        for kept in [false, true] {
            let (wal, _) = open(&file_system.crash(|| kept), from_disk(), 60).await;
            assert_holds(&wal, 60, &appended).await;
        }
        wal.release(105);
        assert_eq!(wal.forget(60).await.unwrap(), None, "{after}");
        assert!(bytes_of(&file_system).first().is_none_or(|first| *first > 60), "{after}");
    }
}
