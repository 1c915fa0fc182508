//! Properties under generated damage, crashes and histories.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::wal::segment::{FRAMES_AT, segment_path};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// With any bytes damaged, no wrong batch is served and none is invented; undamaged batches are served; missing
    /// ones are reported, unless they are at the end.
    #[test]
    fn damaged_bytes_never_become_a_batch(
        sizes in vec(1_usize..400, 1..12),
        damage in vec((any::<prop::sample::Index>(), 1_u8..), 1..4),
        released in 0_u64..4,
    ) {
        block_on(async {
            let file_system = Faulty::default();
            let (wal, _) = open(&file_system, from_disk(), 0).await;
            let mut appended = BTreeMap::new();
            for (number, size) in (1..).zip(&sizes) {
                appended.insert(wal.append(batch(number, *size)).await.unwrap(), batch(number, *size));
            }
            wal.close().await;
            let path = segment_path(Path::new(FOLDER), 1);
            let mut bytes = file_system.bytes(&path);
            for (place, flip) in &damage {
                let place = place.index(bytes.len());
                bytes[place] ^= flip;
            }
            file_system.set_bytes(&path, bytes.clone());
            let opened = try_open(&file_system, from_disk(), released).await;
            let Ok((wal, recovery)) = opened else {
                // Only a version number damaged identically in both copies.
                assert!(bytes[8..12] == bytes[2056..2060]);
                return;
            };
            let found = read_all(&wal, released).await;
            let mut told = recovery.torn_bytes_cut > 0;
            for (number, content) in &found {
                match as_batch(content) {
                    Some(batch) => assert_eq!(batch, &appended[number]),
                    None => told = true,
                }
            }
            let missing = appended.range(released + 1..).filter(|(number, _)| found.get(number).and_then(as_batch).is_none()).count();
            assert!(missing <= damage.len() || recovery.damaged_headers > 0);
            assert!(missing == 0 || told || bytes[FRAMES_AT as usize..].iter().rev().take(20).all(|byte| *byte == 0));
            assert!(wal.append(batch(99, 9)).await.unwrap() > sizes.len() as u64);
        });
    }

    /// After a power failure at any moment, with any subset of unsynced sectors kept: acknowledged batches are there,
    /// and all others were really sent.
    #[test]
    fn a_crash_keeps_what_was_acknowledged(
        rounds in vec((1_usize..6, 0_usize..700, any::<u64>(), any::<bool>()), 1..6),
    ) {
        block_on(async {
            let mut file_system = Faulty::default();
            let mut acknowledged: BTreeMap<u64, Arc<Batch>> = BTreeMap::new();
            let mut sent = 0;
            let mut seen: BTreeMap<u64, Arc<Batch>> = BTreeMap::new();
            for (callers, size, mut coins, fails) in rounds {
                let (wal, _) = open(&file_system, from_disk(), 0).await;
                let found = read_all(&wal, 0).await;
                for (number, content) in &found {
                    let batch = as_batch(content).expect("nothing was damaged");
                    assert!(batch.records[0].attributes[0].1.to_string().parse::<u64>().unwrap() <= sent, "invented");
                    if let Some(before) = seen.insert(*number, batch.clone()) {
                        assert_eq!(&before, batch, "frame {number} names two batches");
                    }
                }
                for (number, batch) in &acknowledged {
                    assert_eq!(as_batch(&found[number]), Some(batch));
                }
                for group in 0..3 {
                    // The crash hits the last group; its sync may or may not report the failure.
                    if group == 2 && fails {
                        file_system.fail_syncs(1);
                    }
                    let appends = (0..callers).map(|_| {
                        sent += 1;
                        let (wal, batch) = (wal.clone(), batch(sent, size));
                        async move { (wal.append(batch.clone()).await, batch) }
                    });
                    for (answer, batch) in futures::future::join_all(appends).await {
                        if let Ok(number) = answer {
                            assert!(acknowledged.insert(number, batch).is_none(), "frame {number} given twice");
                        }
                    }
                }
                file_system.hold_syncs();
                let caught = tokio::spawn({
                    sent += 1;
                    let (wal, batch) = (wal.clone(), batch(sent, size));
                    async move { wal.append(batch).await }
                });
                tokio::task::yield_now().await;
                let crashed = file_system.crash(|| {
                    coins = coins.rotate_left(7).wrapping_mul(0x2545_f491_4f6c_dd1d);
                    coins & 1 == 0
                });
                file_system.release_syncs();
                let _ = caught.await;
                drop(wal);
                file_system = crashed;
            }
        });
    }
}
