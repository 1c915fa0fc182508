//! Several parts of one day into one, column by column.
//!
//! The rows of each part are in the order of the result already, so this is the merge of
//! sorted runs: of each part one decoded batch is in memory, the next row is the first of
//! those that stand at their heads. What was picked is copied column by column, but for long
//! stretches of one part, which are written as they were read.
//! Memory: a batch of [`RUN_ROWS`] for each part, the picked rows of another, and the
//! row group that the writer encodes.

mod layout;
mod run;
mod spill;

use std::{path::Path, sync::Arc};

use arrow_array::RecordBatch;
use arrow_select::interleave::interleave;
use pipeline::{Error, Result};

use self::{
    layout::Merged,
    run::{Picked, Run, Runs},
};
use super::{
    PartInfo,
    reader::Part,
    writer::{Effort, PartWriter},
};

/// Rows of a part that are decoded at once; as many are gathered at once.
const RUN_ROWS: usize = 1_024;

/// Tells which rows stay, by service and time.
pub type Keep = dyn Fn(&str, i64) -> bool + Send + Sync;

/// Merges the parts, which are of one day. `None` where no row stayed.
///
/// `pause` is called between batches: it may wait, and an error ends the work.
///
/// # Errors
/// `Corrupt` where a part does not read, `Unavailable` where the disk refuses.
pub fn merge(
    folder: &Path,
    day: &str,
    parts: &[Arc<Part>],
    keep: Option<&Keep>,
    pause: &mut dyn FnMut() -> Result<()>,
) -> Result<Option<PartInfo>> {
    let merged = Merged::of(parts)?;
    let mut runs =
        parts.iter().map(|part| Run::open(part, &merged, keep)).collect::<Result<Vec<_>>>().map(Runs::new)?;
    let mut writer = None;
    let mut info: Option<PartInfo> = None;
    while let Some(picked) = runs.pick()? {
        pause()?;
        let batch = match picked {
            Picked::Stretch(batch) => batch,
            Picked::Mixed { batches, rows } => gather(&merged, &batches, &rows)?,
        };
        info = Some(extended(info, parts, &batch)?);
        let writer = match &mut writer {
            Some(writer) => writer,
            None => writer.insert(PartWriter::create(folder, day, &merged.layout, Effort::Lasting)?),
        };
        writer.append(&batch)?;
    }
    match (writer, info) {
        (Some(writer), Some(info)) => writer.finish(info).map(Some),
        _ => Ok(None),
    }
}

/// The picked rows as one batch.
fn gather(merged: &Merged, batches: &[RecordBatch], rows: &[(usize, usize)]) -> Result<RecordBatch> {
    let columns = (0..merged.layout.schema.fields().len())
        .map(|place| {
            let arrays: Vec<_> = batches.iter().map(|batch| batch.column(place).as_ref()).collect();
            interleave(&arrays, rows).map_err(refused)
        })
        .collect::<Result<_>>()?;
    RecordBatch::try_new(merged.layout.schema.clone(), columns).map_err(refused)
}

/// What is known of the rows so far. The bounds of ids are those of the parts: wide
/// enough, also where rows did not stay.
fn extended(info: Option<PartInfo>, parts: &[Arc<Part>], rows: &RecordBatch) -> Result<PartInfo> {
    let ids = || parts.iter().map(|part| &part.info);
    let mut info = info.unwrap_or(PartInfo {
        path: String::new(),
        rows: 0,
        bytes: 0,
        min_time: i64::MAX,
        max_time: i64::MIN,
        min_position: i64::MAX,
        max_position: i64::MIN,
        min_id: ids().map(|info| info.min_id).min().unwrap_or_default(),
        max_id: ids().map(|info| info.max_id).max().unwrap_or_default(),
    });
    let (times, positions) = run::keys(rows)?;
    for (time, position) in times.iter().zip(positions) {
        info.min_time = info.min_time.min(*time);
        info.max_time = info.max_time.max(*time);
        info.min_position = info.min_position.min(*position);
        info.max_position = info.max_position.max(*position);
    }
    info.rows += times.len() as u64;
    Ok(info)
}

fn refused(error: arrow_schema::ArrowError) -> Error {
    Error::internal(format!("parts do not merge: {error}"))
}
