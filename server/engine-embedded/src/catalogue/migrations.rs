//! The catalogue's format: created, migrated, or refused if newer.

use crash_points::crash_point;
use pipeline::{Error, Result};
use sqlx::SqlitePool;

use super::failed;

/// One script per version, the first for version 1. A released script is never changed.
const SCRIPTS: &[&str] = &[
    include_str!("sql/0001_initial.sql"),
    include_str!("sql/0002_views.sql"),
    include_str!("sql/0003_damage.sql"),
    include_str!("sql/0004_documents.sql"),
];

/// Migrates the catalogue to the newest format, each step in a transaction of its own; returns the format.
///
/// # Errors
/// `Corrupt` if the format is newer than this program.
pub(super) async fn run(pool: &SqlitePool) -> Result<i64> {
    sqlx::query(include_str!("sql/format_create.sql")).execute(pool).await.map_err(failed)?;
    crash_point!("migration::table-made");
    let found = refuse_newer(pool).await?;
    for (version, script) in (1..).zip(SCRIPTS).skip_while(|(version, _)| *version <= found) {
        let mut transaction = pool.begin_with("begin immediate").await.map_err(failed)?;
        sqlx::raw_sql(*script).execute(&mut *transaction).await.map_err(failed)?;
        crash_point!("migration::script-run");
        sqlx::query(include_str!("sql/format_add.sql"))
            .bind(version)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        crash_point!("migration::numbered");
        transaction.commit().await.map_err(failed)?;
        crash_point!("migration::committed");
        if found > 0 {
            tracing::info!(version, "data folder migrated");
        }
    }
    Ok(SCRIPTS.len() as i64)
}

/// The catalogue's format.
///
/// # Errors
/// `Corrupt` if it is newer than this program.
pub(super) async fn refuse_newer(pool: &SqlitePool) -> Result<i64> {
    let found: i64 = sqlx::query_scalar(include_str!("sql/format_read.sql")).fetch_one(pool).await.map_err(failed)?;
    let newest = SCRIPTS.len() as i64;
    if found > newest {
        return Err(Error::corrupt(format!(
            "the data folder has format {found}, and this program reads formats up to {newest}: \
             start a newer program on it, or name another folder"
        )));
    }
    Ok(found)
}
