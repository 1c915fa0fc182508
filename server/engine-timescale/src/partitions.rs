//! The days of the partitioned layout: made ahead, and on demand before records come.
//!
//! Attaching a partition waits for whoever is reading the catch-all partition, so it is
//! done outside of the storing transaction and not waited for long. Records whose day
//! could not be made are in `logs_other`, as are those far from today: a few wrong
//! clocks must not make thousands of partitions.

use std::{collections::BTreeSet, time::SystemTime};

use model::time::Nanos;
use parking_lot::Mutex;
use sqlx::{PgPool, Result};

use crate::session::with_lock_timeout;

const DAY: i64 = 86_400_000_000_000;
/// How many days back from today a partition is made for.
const PAST: i64 = 400;
/// How many days ahead of today a partition is made for.
const AHEAD: i64 = 2;

/// The days that are known to be taken care of.
#[derive(Debug, Default)]
pub(crate) struct Days {
    known: Mutex<BTreeSet<i64>>,
}

impl Days {
    /// Makes the partitions of those days that are near today.
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
                    tracing::warn!("cannot make the partition of a day now, its records go to logs_other: {error}")
                }
            }
        }
    }

    /// Makes the partitions of the days to come, and forgets days long gone.
    pub(crate) async fn prepare_ahead(&self, pool: &PgPool) {
        let today = today();
        self.known.lock().retain(|day| near(today, *day));
        self.prepare(pool, (today - 1..=today + AHEAD).collect()).await;
    }
}

/// The days, counted from 1970-01-01, that the times are in.
pub(crate) fn days_of(times: impl Iterator<Item = Nanos>) -> BTreeSet<i64> {
    let mut days = BTreeSet::new();
    let mut last = None;
    for day in times.map(|time| time.div_euclid(DAY)) {
        // Records of one day mostly come together.
        if last.replace(day) != Some(day) {
            days.insert(day);
        }
    }
    days
}

/// Whether a day is near enough to have a partition.
fn near(today: i64, day: i64) -> bool {
    (today - PAST..=today + AHEAD).contains(&day)
}

fn today() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_nanos()).unwrap_or(i64::MAX).div_euclid(DAY)
}

async fn create(pool: &PgPool, day: i64) -> Result<()> {
    let make = sqlx::query("select logboom.create_day(date '1970-01-01' + $1::integer)").bind(day as i32);
    with_lock_timeout(&mut *pool.acquire().await?, make).await.map(drop)
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
