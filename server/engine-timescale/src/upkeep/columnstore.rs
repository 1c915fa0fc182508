//! Converts old chunks to the columnstore: smaller, and faster to count.

use sqlx::{PgConnection, Row};

use crate::turn::Turn;

/// Converts the chunks that ended hours ago. Later records can still be stored in them, but more slowly.
pub(super) async fn convert(turn: &mut Turn<'_>) -> sqlx::Result<()> {
    let chunks = sqlx::query(include_str!("../../queries/select_row_chunks.sql")).fetch_all(turn.connection()).await?;
    for chunk in chunks {
        let name: String = chunk.try_get(0)?;
        let before = size(turn.connection(), &name).await?;
        turn.rows_with_lock_timeout(sqlx::query("select compress_chunk($1::regclass)").bind(&name)).await?;
        let after = size(turn.connection(), &name).await?;
        tracing::info!(chunk = name, before, after, "a chunk is in columns now; bytes before and after");
    }
    Ok(())
}

/// The size of a chunk in bytes, with its indexes and columns.
async fn size(connection: &mut PgConnection, chunk: &str) -> sqlx::Result<i64> {
    sqlx::query(include_str!("../../queries/bytes_chunk.sql")).bind(chunk).fetch_one(connection).await?.try_get(0)
}
