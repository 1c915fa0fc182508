//! Seals blocks: decides which positions they have.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::Row;

use super::{
    forget,
    runs::{self, Limits, Span},
};
use crate::turn::Turn;

/// The bytes of a block's records in memory, at most: its messages are in memory while it is built.
const BYTES: i64 = 32 << 20;
/// A block that is not full is sealed with this share of its records, once they are old.
const SHARE: i64 = 8;
/// The blocks sealed in one transaction. Deletions wait for it.
const BLOCKS: usize = 100;

/// When a block is sealed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// The records of a full block.
    pub(super) records: i64,
    /// The age at which a block that is not full is sealed.
    pub(super) idle: Duration,
}

/// Seals blocks up to the newest final position. Does nothing while records are being deleted.
pub(super) async fn seal(turn: &mut Turn<'_>, rules: Rules) -> sqlx::Result<()> {
    loop {
        let mut step = turn.begin().await?;
        let connection = step.connection();
        if !forget::hold_alone(connection).await? {
            return step.undo().await;
        }
        let row = sqlx::query("select position, logboom.final_position() from logboom.summaries_upto")
            .fetch_one(&mut *connection)
            .await?;
        let (known, upto): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let most = Limits { records: rules.records, bytes: BYTES };
        let (mut end, mut blocks) = (known, 0);
        while blocks < BLOCKS
            && let Some(span) = runs::next(&mut *connection, end, upto, most).await?
            && (span.is_full || is_due(&span, rules))
        {
            sqlx::query(include_str!("../../queries/insert_summary.sql"))
                .bind(span.first)
                .bind(span.last)
                .bind(span.records)
                .bind(span.earliest)
                .bind(span.latest)
                .execute(&mut *connection)
                .await?;
            (end, blocks) = (span.last, blocks + 1);
        }
        if end == known {
            return step.undo().await;
        }
        sqlx::query("update logboom.summaries_upto set position = $1").bind(end).execute(&mut *connection).await?;
        step.commit().await?;
        if blocks < BLOCKS {
            return Ok(());
        }
    }
}

/// Whether a block that is not full is sealed, so that a quiet store has few records without a summary.
fn is_due(span: &Span, rules: Rules) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let age = i128::try_from(now).unwrap_or(i128::MAX) - i128::from(span.received);
    span.records * SHARE >= rules.records && (rules.idle.is_zero() || age >= rules.idle.as_nanos() as i128)
}
