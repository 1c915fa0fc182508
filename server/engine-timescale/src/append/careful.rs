//! Storing what is taken of records some of which are refused.

use std::collections::{BTreeSet, VecDeque};

use pipeline::{Batch, BatchId, NewDeadLetter, envelope};
use sqlx::PgConnection;

use super::plan::Plan;
use crate::{
    copy::{Piece, copy},
    error::data_refusal,
};

/// The records that were refused.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// The place of the batch among the new ones, and the record's in the batch.
    pub(super) places: BTreeSet<(usize, usize)>,
    pub(super) letters: Vec<NewDeadLetter>,
}

/// Copies the records, halving what is refused until single records are: those are
/// returned with the server's reason.
pub(super) async fn copy_what_is_taken(connection: &mut PgConnection, plan: &Plan<'_>) -> sqlx::Result<Refused> {
    let mut refused = Refused::default();
    let mut waiting: VecDeque<(usize, Piece<'_>)> = plan.pieces().into_iter().enumerate().collect();
    while let Some((batch, piece)) = waiting.pop_front() {
        sqlx::query("savepoint piece").execute(&mut *connection).await?;
        match copy(connection, std::slice::from_ref(&piece)).await {
            Ok(()) => {
                sqlx::query("release savepoint piece").execute(&mut *connection).await?;
            }
            Err(error) => {
                let Some(reason) = data_refusal(&error) else { return Err(error) };
                sqlx::query("rollback to savepoint piece").execute(&mut *connection).await?;
                if piece.places.len() <= 1 {
                    let place = piece.places.start;
                    tracing::warn!("a record of batch {} becomes a dead letter: {reason}", piece.batch.id);
                    refused.letters.push(letter(piece.batch, place, reason));
                    refused.places.insert((batch, place));
                } else {
                    let (one, other) = halves(&piece);
                    waiting.push_front((batch, other));
                    waiting.push_front((batch, one));
                }
            }
        }
    }
    Ok(refused)
}

fn halves<'b>(piece: &Piece<'b>) -> (Piece<'b>, Piece<'b>) {
    let half = piece.places.len() / 2;
    let middle = piece.places.start + half;
    (
        Piece { places: piece.places.start..middle, ..piece.clone() },
        Piece { places: middle..piece.places.end, first: piece.first + half as i64, ..piece.clone() },
    )
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
