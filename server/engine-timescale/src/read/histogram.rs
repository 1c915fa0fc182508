//! Counts over time by level class.

use std::pin::pin;

use futures::TryStreamExt;
use model::{LevelClass, Query, time::Nanos};
use pipeline::{Error, Histogram, Result, TimeRange};
use sqlx::Row;

use super::{
    Readers, minutes,
    row::{columns_for, stored_record},
};
use crate::{error::classify, session::Session, sql::Statement, types::Instant};

/// The most buckets that are answered.
const BUCKETS: i128 = 10_000;

/// See [`pipeline::LogStore::histogram`].
pub(crate) async fn histogram(readers: &Readers, query: &Query, range: TimeRange, bucket: i64) -> Result<Histogram> {
    let mut buckets = Buckets::new(range, bucket)?;
    if range.from >= range.to {
        return Ok(buckets.into_histogram());
    }
    let mut session = Session::open(&readers.pool).await?;
    // A bucket of whole minutes has whole minutes.
    if !readers.have_minutes || !query.is_by_service_and_class() || bucket % minutes::MINUTE != 0 {
        count_records(&mut session, query, range, &mut buckets).await?;
        session.end();
        return Ok(buckets.into_histogram());
    }
    let split = minutes::split(&mut session, range).await?;
    if !split.counted.is_empty() {
        let statement = Statement::matching(query).during(&split.counted);
        count_in_server(&mut session, statement, MINUTES, &mut buckets).await?;
    }
    for range in split.afresh {
        count_records(&mut session, query, range, &mut buckets).await?;
    }
    minutes::end(session).await?;
    Ok(buckets.into_histogram())
}

async fn count_records(session: &mut Session, query: &Query, range: TimeRange, buckets: &mut Buckets) -> Result<()> {
    let statement = Statement::matching(query).within(range);
    // The server counts by microseconds; finer edges have to be looked at in Rust.
    if statement.exact && buckets.bucket % 1_000 == 0 {
        return count_in_server(session, statement, LOGS, buckets).await;
    }
    let exact = statement.exact;
    let mut rows = pin!(session.stream(statement.select(&columns_for(query, None), "")?)?);
    while let Some(row) = rows.try_next().await? {
        let record = stored_record(&row)?.record;
        if exact || query.matches(&record) {
            buckets.add(i128::from(record.time), record.severity.class().index(), 1);
        }
    }
    Ok(())
}

/// What can be counted: a table, its time, and what counts the records of its rows.
#[derive(Clone, Copy)]
struct Counted {
    table: &'static str,
    time: &'static str,
    records: &'static str,
}

const LOGS: Counted = Counted { table: "logs", time: "time", records: "count(*)" };
const MINUTES: Counted = Counted { table: "minutes", time: "minute", records: "sum(records)::bigint" };

async fn count_in_server(
    session: &mut Session,
    mut statement: Statement,
    Counted { table, time, records }: Counted,
    buckets: &mut Buckets,
) -> Result<()> {
    let step = statement.parameters.bind(format!("{} microseconds", buckets.bucket / 1_000));
    let origin = statement.parameters.bind(Instant::from_unix_micros((buckets.start / 1_000) as i64));
    let columns =
        format!("date_bin({step}::text::interval, {time}, {origin}) as bucket, (severity - 1) / 4 as class, {records}");
    for row in session.rows(statement.select_from(table, &columns, "group by bucket, class")?).await? {
        let time: Instant = row.try_get(0).map_err(classify)?;
        let class: i32 = row.try_get(1).map_err(classify)?;
        let count: i64 = row.try_get(2).map_err(classify)?;
        buckets.add(i128::from(time.unix_micros()) * 1_000, class.unsigned_abs() as usize, count.unsigned_abs());
    }
    Ok(())
}

/// The counts, and where they begin: before the first time there is, perhaps.
struct Buckets {
    start: i128,
    bucket: i64,
    counts: Vec<[u64; LevelClass::ALL.len()]>,
}

impl Buckets {
    fn new(range: TimeRange, bucket: i64) -> Result<Self> {
        if bucket <= 0 {
            return Err(Error::invalid(format!("a bucket of {bucket} ns: it has to be longer than nothing")));
        }
        let width = i128::from(bucket);
        let start = i128::from(range.from).div_euclid(width) * width;
        let span = i128::from(range.to.max(range.from)) - start;
        let number = (span + width - 1) / width;
        if number > BUCKETS {
            return Err(Error::invalid(format!("{number} buckets are too many: at most {BUCKETS}; make them longer")));
        }
        Ok(Self { start, bucket, counts: vec![Default::default(); number as usize] })
    }

    fn add(&mut self, time: i128, class: usize, count: u64) {
        let place = usize::try_from((time - self.start).div_euclid(i128::from(self.bucket)));
        if let Some(counter) = place.ok().and_then(|place| self.counts.get_mut(place)?.get_mut(class)) {
            *counter += count;
        }
    }

    fn into_histogram(self) -> Histogram {
        let start = Nanos::try_from(self.start).unwrap_or(Nanos::MIN);
        Histogram { start, bucket: self.bucket, counts: self.counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_aligned_and_cover_the_range() {
        for (from, to, bucket, start, number) in [
            (0, 10, 10, 0, 1),
            (5, 11, 10, 0, 2),
            (-5, 5, 10, -10, 2),
            (7, 7, 10, 0, 1),
            (10, 10, 10, 10, 0),
            (i64::MIN, i64::MAX, i64::MAX, i64::MIN, 3),
        ] {
            let histogram = Buckets::new(TimeRange { from, to }, bucket).unwrap().into_histogram();
            assert_eq!((histogram.start, histogram.counts.len()), (start, number), "{from}..{to} by {bucket}");
        }
        assert!(Buckets::new(TimeRange { from: 0, to: 10_001 }, 1).is_err());
        assert!(Buckets::new(TimeRange { from: 0, to: 1 }, 0).is_err());
    }
}
