//! How many records match.

use std::pin::pin;

use futures::TryStreamExt;
use model::Query;
use pipeline::{Result, TimeRange};
use sqlx::{PgPool, Row};

use super::row::{columns_for, stored_record};
use crate::{error::classify, session::Session, sql::Statement};

/// See [`pipeline::LogStore::count`].
pub(crate) async fn count(pool: &PgPool, query: &Query, range: TimeRange) -> Result<u64> {
    if range.from >= range.to {
        return Ok(0);
    }
    let mut session = Session::open(pool).await?;
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
    session.end();
    Ok(count)
}
