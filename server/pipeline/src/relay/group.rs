//! Groups: the deliveries that are sent as one batch.
//!
//! A group that may have been sent is formed again in the same way: its boundaries depend on the deliveries and on the
//! stored last delivery, never on how many of them came at once.

use std::{collections::VecDeque, sync::Arc};

use model::{Position, StoredRecord};

use crate::{
    Batch, Content, Delivery, Receipt,
    follow::{BYTES, Outgoing, RECORDS},
};

/// The name from which the ids of batches are derived. It is the same for all destinations: two of them may be nodes
/// of one Logboom.
pub(super) const NAME: &str = "agent";
/// The bits of a position below the receipt; more than the records of a batch need.
const PLACE_BITS: u32 = 16;

/// The first deliveries of those that wait.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) last: Receipt,
    /// The number of deliveries.
    pub(super) deliveries: usize,
    pub(super) content: Sendable,
}

#[derive(Debug)]
pub(super) enum Sendable {
    Batch(Outgoing),
    /// Bytes of the queue that no destination can get.
    Undecodable {
        bytes: Vec<u8>,
        reason: String,
    },
}

impl Sendable {
    /// The number of records; `None` if it is unknown.
    pub(super) fn records(&self) -> Option<usize> {
        match self {
            Self::Batch(batch) => Some(batch.records.len()),
            Self::Undecodable { .. } => None,
        }
    }
}

/// The next group; `None` if nothing waits. `sending` is the last delivery of a group that may have been sent. No
/// delivery after `most` joins others.
pub(super) fn next(pending: &VecDeque<Delivery>, sending: Option<Receipt>, most: Option<Receipt>) -> Option<Group> {
    let first = pending.front()?;
    let batch = match &first.content {
        Content::Batch(batch) => batch,
        Content::Undecodable { bytes, reason } => {
            let content = Sendable::Undecodable { bytes: bytes.clone(), reason: reason.clone() };
            return Some(Group { last: first.receipt, deliveries: 1, content });
        }
    };
    if batch.client_id {
        let outgoing = Outgoing { id: batch.id, records: stored(first.receipt, batch).collect() };
        return Some(Group { last: first.receipt, deliveries: 1, content: Sendable::Batch(outgoing) });
    }
    let (mut records, mut weight, mut last, mut deliveries) = (Vec::new(), 0, first.receipt, 0);
    for Delivery { receipt, content } in pending {
        let Content::Batch(batch) = content else { break };
        let heavier = weight + batch.weight();
        let fits = match sending {
            Some(sending) => *receipt <= sending,
            None => records.len() + batch.records.len() <= RECORDS && heavier <= BYTES,
        };
        let is_beyond = most.is_some_and(|most| *receipt > most);
        if batch.client_id || (deliveries > 0 && (!fits || is_beyond)) {
            break;
        }
        records.extend(stored(*receipt, batch));
        (weight, last, deliveries) = (heavier, *receipt, deliveries + 1);
    }
    Some(Group { last, deliveries, content: Sendable::Batch(Outgoing::new(NAME, records)) })
}

/// The records with positions that follow from the delivery, so that they are the same after a restart.
fn stored(receipt: Receipt, batch: &Arc<Batch>) -> impl Iterator<Item = StoredRecord> {
    let base = (receipt.0 << PLACE_BITS) as i64;
    batch
        .records
        .iter()
        .enumerate()
        .map(move |(place, record)| StoredRecord { position: Position(base + place as i64), record: record.clone() })
}
