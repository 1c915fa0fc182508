//! Forgets what was derived from records that are deleted, in the transaction that deletes them.

use sqlx::PgConnection;

use crate::types::Instant;

/// Held by deletions, shared. The key is "LN", five zero bytes and 3. The setting is for the trigger `logs_forget_all`.
const SHARED: &str = "select pg_advisory_xact_lock_shared(x'4c4e000000000003'::bigint), \
                      set_config('logboom.noted', 'on', true)";
/// Whether no deletion is under way, and none can begin before the transaction ends.
const ALONE: &str = "select pg_try_advisory_xact_lock(x'4c4e000000000003'::bigint)";

/// Keeps blocks from being sealed until the transaction ends, which notes what it deletes. Must come before the deletion.
pub(crate) async fn hold(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query(SHARED).execute(connection).await.map(drop)
}

/// Keeps deletions out until the transaction ends. `false` if one is under way.
pub(super) async fn hold_alone(connection: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::Row::try_get(&sqlx::query(ALONE).fetch_one(connection).await?, 0)
}

/// Records at these positions are deleted.
pub(crate) async fn positions(connection: &mut PgConnection, positions: &[i64]) -> sqlx::Result<()> {
    if positions.is_empty() {
        return Ok(());
    }
    let forget = sqlx::query(include_str!("../../queries/forget_positions.sql")).bind(positions);
    forget.execute(connection).await.map(drop)
}

/// Records from before a time are deleted.
pub(crate) async fn before(connection: &mut PgConnection, end: Instant) -> sqlx::Result<()> {
    sqlx::query(include_str!("../../queries/forget_before.sql")).bind(end).execute(connection).await.map(drop)
}

/// Records of a service are deleted, from `begin` on and before `end`.
pub(crate) async fn of_service(
    connection: &mut PgConnection,
    service: &str,
    begin: Instant,
    end: Instant,
) -> sqlx::Result<()> {
    // As it is written in the totals of a block.
    let json = serde_json::to_string(service).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    let forget = sqlx::query(include_str!("../../queries/forget_service.sql")).bind(json).bind(begin).bind(end);
    forget.execute(connection).await.map(drop)
}

/// The block cannot be used: what was derived is damaged, or the records are others.
pub(super) async fn block(connection: &mut PgConnection, first: i64) -> sqlx::Result<()> {
    let forget = sqlx::query("select logboom.forget_summaries(array[$1::bigint])").bind(first);
    forget.execute(connection).await.map(drop)
}
