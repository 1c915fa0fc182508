//! How many records match.

use arrow_array::RecordBatch;
use model::{LevelClass, Query, Record};
use parts::{reader::Group, schema::Columns};
use pipeline::{Result, TimeRange};

use super::{Counter, run};
use crate::store::{scans::Cancel, snapshot::Snapshot};

/// How many records match.
pub(in crate::store) fn count(snapshot: &Snapshot, query: &Query, range: TimeRange, cancel: &Cancel) -> Result<u64> {
    Ok(run(snapshot, query, range, cancel, Total(0))?.0)
}

struct Total(u64);

impl Counter for Total {
    fn fork(&self) -> Self {
        Self(0)
    }

    fn merge(&mut self, other: Self) {
        self.0 += other.0;
    }

    fn columns(&self, _: &Columns) -> Vec<usize> {
        Vec::new()
    }

    fn record(&mut self, _: &Record) {
        self.0 += 1;
    }

    fn batch(&mut self, batch: &RecordBatch, _: &Columns) -> Result<()> {
        self.0 += batch.num_rows() as u64;
        Ok(())
    }

    fn is_by_service_and_class(&self, _: &Group) -> bool {
        true
    }

    fn rows(&mut self, _: &Group, _: &str, _: LevelClass, rows: u64) {
        self.0 += rows;
    }
}
