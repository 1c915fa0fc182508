//! The views that readers have saved.

use model::limits;
use pipeline::{Result, SavedView, too_many_views};
use sqlx::Row;

use super::{Catalogue, failed};

impl Catalogue {
    /// By name.
    pub(crate) async fn views(&self) -> Result<Vec<SavedView>> {
        let rows = sqlx::query(include_str!("sql/views_list.sql")).fetch_all(&self.pool).await.map_err(failed)?;
        rows.iter()
            .map(|row| {
                let text = |place: usize| row.try_get::<String, _>(place).map_err(failed);
                Ok(SavedView { name: text(0)?, address: text(1)? })
            })
            .collect()
    }

    /// Saves a view, in place of one of the same name.
    pub(crate) async fn save_view(&self, view: &SavedView) -> Result<()> {
        let saved = sqlx::query(include_str!("sql/views_save.sql"))
            .bind(&view.name)
            .bind(&view.address)
            .bind(limits::VIEWS as i64)
            .execute(&self.pool)
            .await
            .map_err(failed)?
            .rows_affected();
        if saved == 0 { Err(too_many_views()) } else { Ok(()) }
    }

    pub(crate) async fn remove_view(&self, name: &str) -> Result<()> {
        sqlx::query(include_str!("sql/views_remove.sql")).bind(name).execute(&self.pool).await.map_err(failed)?;
        Ok(())
    }
}
