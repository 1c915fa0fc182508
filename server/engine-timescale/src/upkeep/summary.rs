//! Keeps `logboom.minutes`, the number of records per minute, up to date.

use std::time::Instant;

use super::one;
use crate::turn::Turn;

/// The maximum share of time spent refreshing: one part in N.
const SHARE: u32 = 10;

/// The schedule of the refreshes.
#[derive(Default)]
pub(super) struct Summary {
    /// The earliest time of the next refresh.
    next: Option<Instant>,
}

impl Summary {
    /// Counts the minutes again in which records were stored or deleted.
    pub(super) async fn refresh(&mut self, turn: &mut Turn<'_>) -> sqlx::Result<()> {
        let begun = Instant::now();
        if self.next.is_some_and(|next| begun < next) {
            return Ok(());
        }
        // Everything up to here is committed, so the refresh includes it.
        let upto: i64 = one(turn.connection(), "select logboom.final_position()").await?;
        let known: i64 = one(turn.connection(), "select position from logboom.minutes_upto").await?;
        // Each by its id: a deletion that commits during the refresh may have drawn a smaller one than the greatest.
        let changed: Vec<i64> =
            one(turn.connection(), "select coalesce(array_agg(id), '{}') from logboom.minutes_changed").await?;
        if upto == known && changed.is_empty() {
            return Ok(());
        }
        // The refresh commits several times, so no transaction can guard it: the lease is checked before. If it is lost
        // meanwhile, two nodes refresh the same minutes, which gives the same counts.
        turn.check().await?;
        sqlx::raw_sql("call refresh_continuous_aggregate('logboom.minutes', null, null)")
            .execute(turn.connection())
            .await?;
        let mut known = turn.begin().await?;
        sqlx::query("update logboom.minutes_upto set position = $1").bind(upto).execute(known.connection()).await?;
        sqlx::query("delete from logboom.minutes_changed where id = any($1)")
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
