//! The append rate of the real disk: `cargo test -p engine-embedded rates -- --ignored --nocapture`. Prints figures,
//! asserts nothing.

use std::time::Instant;

use super::*;
use crate::filesystem::Disk;

async fn rate(name: &str, records: usize, callers: u64, appends: u64) {
    let folder = tempfile::tempdir().unwrap();
    let (wal, _) = Wal::open(folder.path(), Arc::new(Disk), WalOptions::default(), 0).await.unwrap();
    let started = Instant::now();
    let callers = (0..callers).map(|_| {
        let wal = wal.clone();
        tokio::spawn(async move {
            let batch = Arc::new(testkit::records::batch(1, records));
            for _ in 0..appends {
                wal.append(batch.clone()).await.unwrap();
            }
        })
    });
    futures::future::join_all(callers.collect::<Vec<_>>()).await;
    let (frames, seconds) = (wal.last(), started.elapsed().as_secs_f64());
    let bytes = wal.status().bytes;
    #[expect(clippy::print_stdout, reason = "the figure is the purpose")]
    {
        println!("{name}: {:.0} appends/s, {frames} frames in {seconds:.2} s, {bytes} bytes", frames as f64 / seconds);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn appends_per_second() {
    rate("1 record, 1 caller", 1, 1, 2_000).await;
    rate("1 record, 256 callers", 1, 256, 200).await;
    rate("1000 records, 1 caller", 1_000, 1, 300).await;
    rate("1000 records, 8 callers", 1_000, 8, 100).await;
}
