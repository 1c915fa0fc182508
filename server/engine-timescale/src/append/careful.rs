//! Storing what is taken of records some of which are refused.

use std::collections::BTreeSet;

use pipeline::{Batch, BatchId, NewDeadLetter, envelope};
use sqlx::PgConnection;

use super::plan::Plan;
use crate::{error::data_refusal, insert, piece::Piece};

/// A piece of a batch, with the place of the batch among the new ones.
type Numbered<'b> = (usize, Piece<'b>);

/// The records that were refused.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// The place of the batch among the new ones, and the record's in the batch.
    pub(super) places: BTreeSet<(usize, usize)>,
    pub(super) letters: Vec<NewDeadLetter>,
}

/// Stores the records, halving what is refused until single records are: those are
/// returned with the server's reason.
///
/// One refused record among many batches costs some twenty statements more, not one for
/// each batch.
pub(super) async fn store_what_is_taken(connection: &mut PgConnection, plan: &Plan<'_>) -> sqlx::Result<Refused> {
    let mut refused = Refused::default();
    // What is next stands last, so that positions are stored in their order.
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
                refused.letters.push(letter(piece.batch, place, reason));
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

/// The record as a batch of its own, so that it can be replayed. The batch's id is known
/// to the ledger, so this one is made from the record's, as a UUID of version 8: the
/// records' own are of version 7.
fn letter(batch: &Batch, place: usize, reason: String) -> NewDeadLetter {
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
