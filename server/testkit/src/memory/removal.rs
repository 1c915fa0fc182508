//! Deletions of the reference store.

use std::sync::Arc;

use model::{Position, StoredRecord};
use pipeline::{Batch, Block, Error, Removal, RemovalStep, Result, Tally};

/// The blocks of one step: few, so that callers must call again.
const STEP: usize = 3;

pub(super) fn count(blocks: &[Block], removal: &Removal) -> Tally {
    let mut tally = Tally::default();
    for stored in blocks.iter().flat_map(records).filter(|stored| removal.takes(stored)) {
        tally.add(&stored.record);
    }
    tally
}

/// A pass goes on after the position in `from`.
pub(super) fn remove(blocks: &mut Vec<Block>, removal: &Removal, from: Option<&str>) -> Result<RemovalStep> {
    let from = match from {
        None => i64::MIN,
        Some(text) => text.parse().map_err(|error| Error::invalid(format!("from is {text:?}: {error}")))?,
    };
    let start = blocks.partition_point(|block| block.last() <= Position(from));
    let end = (start + STEP).min(blocks.len());
    let next = (end < blocks.len()).then(|| blocks[end - 1].last().to_string());
    let removed = blocks[start..end].iter().flat_map(records).filter(|stored| removal.takes(stored)).count();
    let left: Vec<Block> = blocks[start..end].iter().flat_map(|block| without(block, removal)).collect();
    blocks.splice(start..end, left);
    Ok(RemovalStep { removed: removed as u64, next })
}

fn records(block: &Block) -> impl Iterator<Item = StoredRecord> + '_ {
    (0..).map_while(|place| block.stored(place))
}

/// The rest of a block: its records keep their positions, so a gap makes another block.
fn without(block: &Block, removal: &Removal) -> Vec<Block> {
    let left: Vec<StoredRecord> = records(block).filter(|stored| !removal.takes(stored)).collect();
    let runs = left.chunk_by(|one, next| one.position.0 + 1 == next.position.0);
    let of_run = |run: &[StoredRecord]| {
        let records = run.iter().map(|stored| stored.record.clone()).collect();
        let batch = Batch { records, ..block.batch.as_ref().clone() };
        Some(Block { first: run.first()?.position, batch: Arc::new(batch) })
    };
    runs.filter_map(of_run).collect()
}
