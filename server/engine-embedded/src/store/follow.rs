//! Follows the store: blocks in position order, from memory at the newest end.

use std::sync::Arc;

use model::{Position, Query, StoredRecord};
use parts::frame_of;
use pipeline::{Batch, BatchId, Block, Error, ReadLimit, Result};

use super::{
    Inner,
    search::{Order, Window, search},
    snapshot::Snapshot,
};

/// The maximum number of blocks per result.
const BLOCKS: usize = 256;
/// The maximum number of records per result from parts.
const RECORDS: usize = 8_192;

impl Inner {
    pub(super) async fn follow(&self, after: Position) -> Result<Vec<Block>> {
        let mut newest = self.newest.subscribe();
        let mut closed = self.closed.subscribe();
        loop {
            self.check_open()?;
            newest.borrow_and_update();
            // No snapshot is held while waiting: it would keep flushed memory and merged files alive.
            if self.snapshots.load().newest > after {
                let blocks = match self.after(self.snapshots.load(), after).await {
                    Err(_) if self.set_damaged_aside().await? > 0 => continue,
                    blocks => blocks?,
                };
                if !blocks.is_empty() {
                    return Ok(blocks);
                }
            }
            tokio::select! {
                changed = newest.changed() => changed.map_err(|_| store_closed())?,
                closed = closed.changed() => closed.map_err(|_| store_closed())?,
            }
        }
    }

    async fn after(&self, snapshot: Arc<Snapshot>, after: Position) -> Result<Vec<Block>> {
        let memory = snapshot.tables.iter().find_map(|view| view.first_position()).unwrap_or(i64::MAX);
        let older = snapshot.parts.iter().any(|part| part.info.max_position > after.0);
        // A frame is entirely in memory or entirely in parts, so an `after` within the first block of memory is past
        // all parts.
        if older && after.0 < memory {
            let upto = Position(memory.saturating_sub(1));
            let parts = snapshot.clone();
            let records = self
                .searches
                .run(move |cancel| {
                    let window = Window { after: after.0, upto: upto.0, ..Window::ALL };
                    search(&parts, &Query::default(), window, Order::Position, ReadLimit::of_records(RECORDS), cancel)
                })
                .await?;
            if !records.is_empty() {
                return Ok(blocks(records));
            }
        }
        let mut found = Vec::new();
        for view in &snapshot.tables {
            let entries = view.entries_after(after.0, BLOCKS - found.len());
            found.extend(entries.iter().map(|entry| records_after(&entry.block, after)));
            if found.len() >= BLOCKS {
                break;
            }
        }
        Ok(found)
    }
}

fn store_closed() -> Error {
    Error::unavailable("the store is closed")
}

/// The records of a block after the position.
fn records_after(block: &Block, after: Position) -> Block {
    if block.first > after {
        return block.clone();
    }
    let skipped = (after.0 - block.first.0 + 1) as usize;
    let records = block.batch.records.iter().skip(skipped).cloned().collect();
    let batch = Batch { records, ..header(&block.batch) };
    Block { first: Position(after.0 + 1), batch: Arc::new(batch) }
}

/// A batch without its records.
fn header(batch: &Batch) -> Batch {
    Batch {
        id: batch.id,
        client_id: batch.client_id,
        producer: batch.producer.clone(),
        observed_time: batch.observed_time,
        records: Vec::new(),
    }
}

/// Groups records in position order into blocks, one per frame. Parts do not contain the ids and producers of batches,
/// so the blocks have empty ones.
fn blocks(records: Vec<StoredRecord>) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut records = records.into_iter().peekable();
    while let Some(StoredRecord { position: first, record }) = records.next() {
        let observed_time = record.observed_time;
        let mut batch = vec![record];
        let mut last = first.0;
        while let Some(next) =
            records.next_if(|next| next.position.0 == last + 1 && frame_of(next.position.0) == frame_of(last))
        {
            last = next.position.0;
            batch.push(next.record);
        }
        let batch = Batch {
            id: BatchId([0; 16]),
            client_id: false,
            producer: model::Text::default(),
            observed_time,
            records: batch,
        };
        blocks.push(Block { first, batch: Arc::new(batch) });
    }
    blocks
}
