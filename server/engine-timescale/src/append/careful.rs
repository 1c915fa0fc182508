//! Stores the valid records when the server refuses some of them.

use std::collections::BTreeSet;

use pipeline::{Batch, BatchId, NewDeadLetter, envelope};
use sqlx::PgConnection;

use super::plan::Plan;
use crate::{error::data_refusal, insert, piece::Piece};

/// The index of a new batch, and a piece of it.
type Numbered<'b> = (usize, Piece<'b>);

/// The records that were refused.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// Indexes of the batch among the new ones, and of the record in the batch.
    pub(super) places: BTreeSet<(usize, usize)>,
    pub(super) letters: Vec<NewDeadLetter>,
}

/// Stores the records, bisecting refused pieces down to single records. Returns the refused records with the server's
/// reasons.
///
/// One refused record among many batches costs about twenty extra statements, not one per batch.
pub(super) async fn store_valid(connection: &mut PgConnection, plan: &Plan<'_>) -> sqlx::Result<Refused> {
    let mut refused = Refused::default();
    // A stack with the next piece last, so that positions are stored in order.
    let mut waiting: Vec<Vec<Numbered<'_>>> = vec![plan.pieces().into_iter().enumerate().collect()];
    while let Some(pieces) = waiting.pop() {
        let only: Vec<_> = pieces.iter().map(|(_, piece)| piece.clone()).collect();
        sqlx::query("savepoint piece").execute(&mut *connection).await?;
        let Err(error) = insert::store(connection, &only).await else {
            sqlx::query("release savepoint piece").execute(&mut *connection).await?;
            continue;
        };
        let Some(reason) = data_refusal(&error) else { return Err(error) };
        sqlx::query("rollback to savepoint piece").execute(&mut *connection).await?;
        match &pieces[..] {
            [(batch, piece)] if piece.places.len() <= 1 => {
                let place = piece.places.start;
                tracing::warn!("a record of batch {} becomes a dead letter: {reason}", piece.batch.id);
                refused.letters.push(dead_letter(piece.batch, place, reason));
                refused.places.insert((*batch, place));
            }
            [(batch, piece)] => {
                let (one, other) = piece.halves();
                waiting.extend([vec![(*batch, other)], vec![(*batch, one)]]);
            }
            several => {
                let (one, other) = several.split_at(several.len() / 2);
                waiting.extend([other.to_vec(), one.to_vec()]);
            }
        }
    }
    Ok(refused)
}

/// The record as a batch of its own, for replay. The ledger knows the batch's id, so the new id is derived from the
/// record's: a UUID of version 8, since record ids have version 7.
fn dead_letter(batch: &Batch, place: usize, reason: String) -> NewDeadLetter {
    let records = batch.records.get(place..=place).unwrap_or_default().to_vec();
    let mut id = records.first().map(|record| record.id.to_bytes()).unwrap_or_default();
    id[6] = id[6] & 0x0f | 0x80;
    let alone = Batch { id: BatchId(id), records, ..batch.clone() };
    NewDeadLetter {
        reason,
        producer: batch.producer.to_string(),
        batch_id: Some(batch.id),
        records: 1,
        payload: envelope::encode(&alone),
    }
}
