//! How many records match.

use std::pin::pin;

use futures::TryStreamExt;
use model::Query;
use pipeline::{Result, TimeRange};
use sqlx::Row;

use super::{
    Readers, minutes,
    row::{columns_for, stored_record},
};
use crate::{error::classify, session::Session, sql::Statement};

/// See [`pipeline::LogStore::count`].
pub(crate) async fn count(readers: &Readers, query: &Query, range: TimeRange) -> Result<u64> {
    if range.from >= range.to {
        return Ok(0);
    }
    let mut session = Session::open(&readers.pool).await?;
    if !readers.have_minutes || !query.is_by_service_and_class() {
        let count = count_records(&mut session, query, range).await?;
        session.end();
        return Ok(count);
    }
    let split = minutes::split(&mut session, range).await?;
    let mut count = 0;
    if !split.counted.is_empty() {
        let statement = Statement::matching(query).during(&split.counted);
        let sum = session.rows(statement.select_from("minutes", "coalesce(sum(records), 0)::bigint", "")?).await?;
        for row in sum {
            count += row.try_get::<i64, _>(0).map_err(classify)?.unsigned_abs();
        }
    }
    for range in split.afresh {
        count += count_records(&mut session, query, range).await?;
    }
    minutes::end(session).await?;
    Ok(count)
}

async fn count_records(session: &mut Session, query: &Query, range: TimeRange) -> Result<u64> {
    let statement = Statement::matching(query).within(range);
    let mut count = 0;
    if statement.exact {
        for row in session.rows(statement.select("count(*)", "")?).await? {
            count = row.try_get::<i64, _>(0).map_err(classify)?.unsigned_abs();
        }
    } else {
        let mut rows = pin!(session.stream(statement.select(&columns_for(query, None), "")?)?);
        while let Some(row) = rows.try_next().await? {
            count += u64::from(query.matches(&stored_record(&row)?.record));
        }
    }
    Ok(count)
}
