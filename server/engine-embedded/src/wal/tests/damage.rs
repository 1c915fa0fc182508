//! Torn ends and damaged bytes.

use super::*;
use crate::wal::segment::{FRAMES_AT, segment_path};

/// A folder with one closed segment, and its frames.
async fn closed_log(frames: u64, bytes: usize) -> (Faulty, std::path::PathBuf, BTreeMap<u64, Arc<Batch>>) {
    let file_system = Faulty::default();
    let (wal, _) = open(&file_system, from_disk(), 0).await;
    let appended = append_all(&wal, 1..=frames, bytes).await;
    wal.close().await;
    (file_system, segment_path(Path::new(FOLDER), 1), appended)
}

/// The offset of a frame, counted from the first in the file.
fn offset_of(bytes: &[u8], frame: u64) -> usize {
    (1..frame).fold(FRAMES_AT as usize, |offset, _| {
        let length: [u8; 4] = bytes[offset..offset + 4].try_into().unwrap();
        offset + 20 + u32::from_le_bytes(length) as usize
    })
}

#[tokio::test]
async fn a_frame_torn_at_any_byte_is_cut_and_said_so() {
    let (file_system, path, mut appended) = closed_log(3, 30).await;
    let whole = file_system.bytes(&path);
    let last_at = offset_of(&whole, 3);
    appended.remove(&3);
    for end in last_at..whole.len() {
        // The file ends there, or is padded with zeros to the reserved length.
        for length in [end, options().segment_bytes as usize] {
            let mut bytes = whole[..end].to_vec();
            bytes.resize(length, 0);
            file_system.set_bytes(&path, bytes);
            let found = file_system.crash(|| true);
            let (wal, recovery) = open(&found, from_disk(), 0).await;
            assert_eq!((recovery.last_frame, recovery.damaged_frames), (2, 0), "torn at {end}");
            // Trailing zero bytes of the torn part look like free space.
            assert!(recovery.torn_bytes_cut <= (end - last_at) as u64, "torn at {end}: {recovery:?}");
            assert_eq!(recovery.torn_bytes_cut > 0, end > last_at, "torn at {end}: {recovery:?}");
            assert_holds(&wal, 0, &appended).await;
            let next = wal.append(batch(9, 30)).await.unwrap();
            assert!(next > 2 && (end == last_at || next > 3), "a number that may have been given is not given again");
        }
    }
}

#[tokio::test]
async fn damage_before_a_later_write_is_delivered_as_what_cannot_be_read() {
    let (file_system, path, appended) = closed_log(5, 100).await;
    let bytes = file_system.bytes(&path);
    for frame in 1..=4 {
        for place in [0, 4, 8, 16, 25] {
            let mut damaged = bytes.clone();
            damaged[offset_of(&bytes, frame) + place] ^= 0x40;
            file_system.set_bytes(&path, damaged);
            let (wal, recovery) = open(&file_system.crash(|| true), from_disk(), 0).await;
            assert_eq!((recovery.damaged_frames, recovery.torn_bytes_cut), (1, 0));
            let found = read_all(&wal, 0).await;
            assert_eq!(found.len(), 5);
            for (number, content) in &found {
                match content {
                    Content::Batch(batch) => assert_eq!(*batch, appended[number]),
                    Content::Undecodable { bytes, reason } => {
                        assert_eq!(*number, frame);
                        assert!(reason.contains(&format!("frame {frame} ")), "{reason}");
                        assert!(bytes.len() > 100);
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn damage_in_an_older_segment_is_found_when_it_is_read() {
    let file_system = Faulty::default();
    let (wal, _) = open(&file_system, from_disk(), 0).await;
    let appended = append_all(&wal, 1..=100, 900).await;
    wal.close().await;
    let path = segment_path(Path::new(FOLDER), 1);
    let mut bytes = file_system.bytes(&path);
    // The length of a frame, and the offset of the last one.
    let last = offset_of(&bytes, 10) - offset_of(&bytes, 9);
    let frames = (bytes.len() - FRAMES_AT as usize) / last;
    for frame in [4, 5, frames as u64] {
        let place = offset_of(&bytes, frame.min(7)) + (frame - frame.min(7)) as usize * last + 40;
        bytes[place] ^= 1;
    }
    file_system.set_bytes(&path, bytes);
    let (wal, _) = open(&file_system, from_disk(), 0).await;
    let found = read_all(&wal, 0).await;
    assert!(as_batch(&found[&5]).is_none() && !found.contains_key(&4), "one delivery stands for both");
    for (number, content) in &found {
        assert!(as_batch(content).is_none_or(|batch| *batch == appended[number]));
    }
    assert!(found.values().filter(|content| as_batch(content).is_some()).count() >= 96);
}

#[tokio::test]
async fn one_damaged_header_costs_nothing_and_two_are_one_delivery() {
    let (file_system, path, appended) = closed_log(5, 100).await;
    let intact = file_system.bytes(&path);
    for copy in [0, 2048] {
        let mut bytes = intact.clone();
        bytes[copy..copy + 512].fill(0xaa);
        file_system.set_bytes(&path, bytes);
        let (wal, recovery) = open(&file_system.crash(|| true), from_disk(), 0).await;
        assert_eq!(recovery.damaged_headers, 0);
        assert_holds(&wal, 0, &appended).await;
    }
    let mut bytes = intact.clone();
    bytes[..FRAMES_AT as usize].fill(0xaa);
    file_system.set_bytes(&path, bytes.clone());
    let found = file_system.crash(|| true);
    let (wal, recovery) = open(&found, from_disk(), 0).await;
    assert_eq!(recovery.damaged_headers, 1);
    assert_eq!(read_all(&wal, 0).await.values().filter(|content| as_batch(content).is_none()).count(), 1);
    assert!(wal.append(batch(9, 10)).await.unwrap() > 5);
    assert_eq!(found.bytes(&path), bytes, "what is damaged is kept as it is");
}

#[tokio::test]
async fn a_batch_that_does_not_decode_is_delivered_with_its_bytes() {
    let (file_system, path, _) = closed_log(2, 50).await;
    let bytes = file_system.bytes(&path);
    let mut forged = bytes[..offset_of(&bytes, 2)].to_vec();
    let header = crate::wal::segment::Header::decode(&bytes).unwrap();
    crate::wal::frame::put(&mut forged, header.salt, 2, 0, b"no envelope");
    file_system.set_bytes(&path, forged);
    let (wal, _) = open(&file_system, from_disk(), 0).await;
    let found = read_all(&wal, 0).await;
    assert!(matches!(&found[&2], Content::Undecodable { bytes, .. } if bytes == b"no envelope"));
}
