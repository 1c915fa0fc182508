//! Daily partitions: created ahead, and on demand before records arrive.
//!
//! Attaching a partition waits for readers of the catch-all partition. So it happens outside of the storing
//! transaction, and with a short timeout. Records without a partition of their day go to `logs_other`, as do those far
//! from today: a few wrong clocks must not create thousands of partitions.

use std::{collections::BTreeSet, time::SystemTime};

use model::time::Nanos;
use parking_lot::Mutex;
use sqlx::{PgPool, Result};

use crate::session::with_lock_timeout;

const DAY: i64 = 86_400_000_000_000;
/// Partitions are created for this many past days.
const PAST: i64 = 400;
/// Partitions are created for this many future days.
const AHEAD: i64 = 2;

/// The days that are known to have a partition, or to need none.
#[derive(Debug, Default)]
pub(crate) struct Days {
    known: Mutex<BTreeSet<i64>>,
}

impl Days {
    /// Creates the partitions of those days that are near today.
    pub(crate) async fn prepare(&self, pool: &PgPool, days: BTreeSet<i64>) {
        let today = today();
        let mut wanted = days;
        {
            let known = self.known.lock();
            wanted.retain(|day| near(today, *day) && !known.contains(day));
        }
        for day in wanted {
            match create(pool, day).await {
                Ok(()) => {
                    self.known.lock().insert(day);
                }
                Err(error) => {
                    tracing::warn!("cannot create the partition of a day, its records go to logs_other: {error}")
                }
            }
        }
    }

    /// Creates the partitions of coming days, and forgets past ones.
    pub(crate) async fn prepare_ahead(&self, pool: &PgPool) {
        let today = today();
        self.known.lock().retain(|day| near(today, *day));
        self.prepare(pool, (today - 1..=today + AHEAD).collect()).await;
    }
}

/// The days of the times, counted from 1970-01-01.
pub(crate) fn days_of(times: impl Iterator<Item = Nanos>) -> BTreeSet<i64> {
    let mut days = BTreeSet::new();
    let mut last = None;
    for day in times.map(|time| time.div_euclid(DAY)) {
        // Records of one day are mostly adjacent.
        if last.replace(day) != Some(day) {
            days.insert(day);
        }
    }
    days
}

/// Whether a day is near enough to today to have a partition.
fn near(today: i64, day: i64) -> bool {
    (today - PAST..=today + AHEAD).contains(&day)
}

fn today() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_nanos()).unwrap_or(i64::MAX).div_euclid(DAY)
}

async fn create(pool: &PgPool, day: i64) -> Result<()> {
    let create = sqlx::query("select logboom.create_day(date '1970-01-01' + $1::integer)").bind(day as i32);
    with_lock_timeout(&mut *pool.acquire().await?, create).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_near_today_have_a_partition() {
        let today = 20_000;
        assert!(near(today, today) && near(today, today + AHEAD) && near(today, today - PAST));
        assert!(!near(today, today + AHEAD + 1) && !near(today, today - PAST - 1) && !near(today, 0));
    }
}
