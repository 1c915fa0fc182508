//! Builds the summary of a block.

use std::pin::pin;

use futures::TryStreamExt;
use indexes::{FORMAT, filter};
use sqlx::{PgConnection, Row, postgres::PgRow};

use super::collect::{Built, Collector};
use crate::{turn::Turn, types::Instant};

/// A block to build.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unbuilt {
    pub(super) first: i64,
    last: i64,
    earliest: Instant,
    latest: Instant,
    /// Read before the records.
    changed: i64,
}

impl Unbuilt {
    /// The newest block to build, except these; `None` if there is none.
    pub(super) async fn newest(connection: &mut PgConnection, except: &[i64]) -> sqlx::Result<Option<Self>> {
        let row = sqlx::query(include_str!("../../queries/select_unbuilt.sql"))
            .bind(except)
            .fetch_optional(connection)
            .await?;
        row.as_ref().map(Self::read).transpose()
    }

    fn read(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            first: row.try_get(0)?,
            last: row.try_get(1)?,
            earliest: row.try_get(2)?,
            latest: row.try_get(3)?,
            changed: row.try_get(4)?,
        })
    }

    /// Reads the records and stores the summary, unless some of the records are deleted meanwhile.
    ///
    /// # Errors
    /// `Decode` if a record cannot be read, also next time.
    pub(super) async fn build(&self, turn: &mut Turn<'_>) -> sqlx::Result<()> {
        let collector = self.collect(turn.connection()).await?;
        let built = tokio::task::spawn_blocking(move || collector.finish()).await;
        // A panic would come again, like a record that cannot be read.
        let built = built.map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        let mut step = turn.begin().await?;
        match built {
            Some(built) => {
                if !self.store(step.connection(), built).await? {
                    // Some of the records are gone: it is built again.
                    return step.undo().await;
                }
            }
            None => {
                let delete = sqlx::query(include_str!("../../queries/delete_summary.sql"));
                delete.bind(self.first).bind(self.changed).execute(step.connection()).await?;
            }
        }
        step.commit().await
    }

    async fn collect(&self, connection: &mut PgConnection) -> sqlx::Result<Collector> {
        let mut collector = Collector::new();
        // Planned for these values: the bounds of time exclude partitions and chunks.
        let mut rows = pin!(
            sqlx::query(include_str!("../../queries/select_block.sql"))
                .bind(self.first)
                .bind(self.last)
                .bind(self.earliest)
                .bind(self.latest)
                .persistent(false)
                .fetch(connection)
        );
        while let Some(row) = rows.try_next().await? {
            collector.add(&row)?;
        }
        Ok(collector)
    }

    /// Returns `false` if the block was changed.
    async fn store(&self, connection: &mut PgConnection, built: Built) -> sqlx::Result<bool> {
        let id_blocks = built.ids.as_ref().map(|ids| (ids.len() / filter::BLOCK_BYTES) as i32);
        let updated = sqlx::query(include_str!("../../queries/update_summary.sql"))
            .bind(self.first)
            .bind(self.changed)
            .bind(FORMAT)
            .bind(built.records)
            .bind(built.earliest)
            .bind(built.latest)
            .bind(built.totals)
            .bind(built.places)
            .bind(built.messages)
            .bind(built.page_sets)
            .bind(built.ids)
            .bind(id_blocks)
            .bind(built.unfiltered)
            .bind(built.slots.is_some())
            .execute(&mut *connection)
            .await?;
        if updated.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query(include_str!("../../queries/insert_pages.sql"))
            .bind(self.first)
            .bind(built.pages)
            .execute(&mut *connection)
            .await?;
        let (mut slots, mut counts, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
        for slot in built.slots.into_iter().flatten() {
            slots.push(slot.slot);
            counts.push(slot.counts);
            pairs.push(slot.pairs);
        }
        sqlx::query(include_str!("../../queries/insert_values.sql"))
            .bind(self.first)
            .bind(slots)
            .bind(counts)
            .bind(pairs)
            .execute(connection)
            .await?;
        Ok(true)
    }
}
