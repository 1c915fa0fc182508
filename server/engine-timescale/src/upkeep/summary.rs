//! Bringing `logboom.minutes`, how many records each minute has, up to date.

use std::time::Instant;

use super::{one, turn::Turn};

/// Of the time there is, the refreshing takes at most one part in so many.
const SHARE: u32 = 10;

/// When it was refreshed, and how long that took.
#[derive(Default)]
pub(super) struct Summary {
    /// Not before.
    next: Option<Instant>,
}

impl Summary {
    /// Counts the minutes that have changed, by what was stored or deleted.
    pub(super) async fn refresh(&mut self, turn: &mut Turn<'_>) -> sqlx::Result<()> {
        let begun = Instant::now();
        if self.next.is_some_and(|next| begun < next) {
            return Ok(());
        }
        // All up to here is committed, so the refresh sees it.
        let upto: i64 = one(turn.connection(), "select logboom.final_position()").await?;
        let known: i64 = one(turn.connection(), "select position from logboom.minutes_upto").await?;
        let changed: Option<i64> = one(turn.connection(), "select max(id) from logboom.minutes_changed").await?;
        if upto == known && changed.is_none() {
            return Ok(());
        }
        // It commits as it goes, so no transaction can guard it: the lease is checked before. A node
        // that loses it in the middle refreshes what another one refreshes as well, which changes
        // nothing in what the minutes count.
        turn.check().await?;
        sqlx::raw_sql("call refresh_continuous_aggregate('logboom.minutes', null, null)")
            .execute(turn.connection())
            .await?;
        let mut known = turn.begin().await?;
        sqlx::query("update logboom.minutes_upto set position = $1").bind(upto).execute(known.connection()).await?;
        sqlx::query("delete from logboom.minutes_changed where id <= $1")
            .bind(changed)
            .execute(known.connection())
            .await?;
        known.commit().await?;
        let took = begun.elapsed();
        tracing::debug!(?took, upto, "the minutes are up to date");
        self.next = Some(begun + took * SHARE);
        Ok(())
    }
}
