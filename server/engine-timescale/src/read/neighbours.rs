//! One record by its id, and its neighbours.

use model::{RecordId, StoredRecord};
use pipeline::{Context, Result};
use sqlx::{PgPool, Row};

use super::row::{COLUMNS, cursor_of, stored_record};
use crate::{
    error::classify,
    session::Session,
    sql::Statement,
    types::{Instant, Uuid},
};

/// See [`pipeline::Ask::get`].
///
/// Records have no index by id. The ids of a run are consecutive, so the run yields the position and bounds of the
/// time.
pub(crate) async fn get(pool: &PgPool, id: RecordId) -> Result<Option<StoredRecord>> {
    let run = sqlx::query(include_str!("../../queries/select_run_of_record.sql"))
        .bind(Uuid(id))
        .fetch_optional(pool)
        .await
        .map_err(classify)?;
    let Some(run) = run else { return Ok(None) };
    let first_position: i64 = run.try_get(0).map_err(classify)?;
    let records: i32 = run.try_get(1).map_err(classify)?;
    let Uuid(first_id) = run.try_get(2).map_err(classify)?;
    let place = id.0.wrapping_sub(first_id.0);
    if place >= u128::from(records.unsigned_abs()) {
        return Ok(None);
    }
    let row = sqlx::query(include_str!("../../queries/select_record.sql"))
        .bind(first_position.saturating_add(place as i64))
        .bind(run.try_get::<Instant, _>(3).map_err(classify)?)
        .bind(run.try_get::<Instant, _>(4).map_err(classify)?)
        .fetch_optional(pool)
        .await
        .map_err(classify)?;
    row.as_ref().map(stored_record).transpose()
}

/// See [`pipeline::Ask::context`].
pub(crate) async fn context(pool: &PgPool, id: RecordId, before: usize, after: usize) -> Result<Option<Context>> {
    let Some(record) = get(pool, id).await? else { return Ok(None) };
    let mut session = Session::open(pool).await?;
    let mut older = neighbours_of(&mut session, &record, before, true).await?;
    older.reverse();
    let newer = neighbours_of(&mut session, &record, after, false).await?;
    session.end();
    Ok(Some(Context { before: older, record, after: newer }))
}

/// The neighbours of the same service and node, nearest first.
async fn neighbours_of(
    session: &mut Session,
    center: &StoredRecord,
    limit: usize,
    older: bool,
) -> Result<Vec<StoredRecord>> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let statement = Statement::matching(&model::Query::default());
    let cursor = cursor_of(center);
    let mut statement = if older { statement.before(cursor) } else { statement.after(cursor) };
    let service = statement.parameters.bind(center.record.service.to_string());
    let node = statement.parameters.bind(center.record.node.to_string());
    let limit = statement.parameters.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let order = if older { "desc" } else { "asc" };
    let statement = statement.and(format!("service = {service} and node = {node}"));
    let rest = format!("order by time {order}, time_ns {order}, position {order} limit {limit}");
    let rows = session.rows(statement.select(COLUMNS, &rest)?).await?;
    rows.iter().map(stored_record).collect()
}
