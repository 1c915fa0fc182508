//! The views that readers have saved.

use model::limits;
use pipeline::{Result, SavedView, too_many_views};
use sqlx::{PgPool, Row};

use crate::error::classify;

/// See [`pipeline::LogStore::views`].
pub(crate) async fn list(pool: &PgPool) -> Result<Vec<SavedView>> {
    let rows = sqlx::query("select name, address from logboom.views order by name").fetch_all(pool).await;
    rows.map_err(classify)?
        .iter()
        .map(|row| {
            let text = |place: usize| row.try_get::<String, _>(place).map_err(classify);
            Ok(SavedView { name: text(0)?, address: text(1)? })
        })
        .collect()
}

/// See [`pipeline::LogStore::save_view`].
pub(crate) async fn save(pool: &PgPool, view: &SavedView) -> Result<()> {
    let saved = sqlx::query(include_str!("../queries/save_view.sql"))
        .bind(&view.name)
        .bind(&view.address)
        .bind(limits::VIEWS as i64)
        .execute(pool)
        .await
        .map_err(classify)?;
    if saved.rows_affected() == 0 { Err(too_many_views()) } else { Ok(()) }
}

/// See [`pipeline::LogStore::remove_view`].
pub(crate) async fn remove(pool: &PgPool, name: &str) -> Result<()> {
    sqlx::query("delete from logboom.views where name = $1").bind(name).execute(pool).await.map_err(classify)?;
    Ok(())
}
