//! Merges several parts of one day into one, column by column.
//!
//! The rows of each part are already in the order of the result, so this is a k-way merge of sorted runs. One decoded
//! batch per part is in memory, and the next row is the first among their heads. A part is opened when its newest row
//! is due and closed after its last one, so that parts that follow one another are not open at the same time. Selected
//! rows are copied column by column; long stretches of one part are written without copying. Memory: a page per column
//! and a batch of [`RUN_ROWS`] per open part, the selected rows of another, and the row group that the writer encodes.
//!
//! An attribute may have a column in one part and be in the maps of another ([`rest`](crate::rest)). In the merged part
//! it is where its number of values in all parts puts it.
//!
//! A merge may leave rows out. Nothing of them is in the new file: neither values, also not in dictionaries and
//! statistics, nor the columns of attributes that no other row has.

mod dictionaries;
mod forms;
mod layout;
mod recurring;
mod rest;
mod run;
mod spilled;
#[cfg(test)]
mod tests;
mod texts;

use std::{path::Path, sync::Arc};

use arrow_array::{Array, BooleanArray, RecordBatch, types::Int64Type};
use arrow_select::interleave::interleave;
use pipeline::{Error, Result};

use self::{
    dictionaries::Dictionaries,
    layout::Merged,
    run::{Picked, Runs},
};
use super::{
    PartInfo,
    columns::{self, Texts},
    reader::Part,
    schema::{self, RestMap},
    writer::{Effort, PAGE_ROWS, PartWriter},
};

/// The maximum of rows decoded at once per part, and of rows gathered at once.
const RUN_ROWS: usize = 1_024;

/// Whether a row is retained, by service and position.
pub type Keep = dyn Fn(&str, i64) -> bool + Send + Sync;

/// Merges parts of one day. Returns `None` if no row is retained.
///
/// `pause` is called between batches. It may block, and its error cancels the merge.
///
/// # Errors
/// `Corrupt` if a part cannot be read, `Unavailable` if the disk fails.
pub fn merge(
    folder: &Path,
    day: &str,
    parts: &[Arc<Part>],
    keep: Option<&Keep>,
    pause: &mut dyn FnMut() -> Result<()>,
) -> Result<Option<PartInfo>> {
    let merged = Merged::of(parts, keep, pause)?;
    let mut runs = Runs::of(parts, &merged, keep);
    let mut dictionaries = Dictionaries::of(&merged.schema);
    let mut writer = None;
    let mut info: Option<PartInfo> = None;
    while let Some(picked) = runs.pick()? {
        pause()?;
        let batch = match picked {
            Picked::Stretch(batch) => batch,
            Picked::Mixed { batches, rows } => gather(&merged, &mut dictionaries, &batches, &rows)?,
        };
        info = Some(extended(info, parts, &batch)?);
        let writer = match &mut writer {
            Some(writer) => writer,
            None => writer.insert(PartWriter::create(folder, day, &merged.layout, Effort::Lasting, PAGE_ROWS)?),
        };
        writer.append(&batch)?;
    }
    match (writer, info) {
        (Some(mut writer), Some(info)) => {
            writer.share(merged.shared());
            writer.finish(info).map(Some)
        }
        _ => Ok(None),
    }
}

/// Copies the selected rows to one batch.
fn gather(
    merged: &Merged,
    dictionaries: &mut Dictionaries,
    batches: &[RecordBatch],
    rows: &[(usize, usize)],
) -> Result<RecordBatch> {
    let columns = (0..merged.schema.fields().len())
        .map(|place| {
            let arrays: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(place).as_ref()).collect();
            match (dictionaries.of_column(place), RestMap::named(merged.schema.field(place).name())) {
                (Some(names), Some(map)) => rest::gather(map, names, &arrays, rows),
                (Some(dictionary), None) => dictionary.gather(&arrays, rows),
                (None, _) => interleave(&arrays, rows).map_err(refused),
            }
        })
        .collect::<Result<_>>()?;
    RecordBatch::try_new(merged.schema.clone(), columns).map_err(refused)
}

/// Extends the metadata by more rows. The bounds of ids are those of the source parts; they stay valid if rows are
/// dropped.
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

/// The rows of a batch that `keep` accepts.
fn retained(batch: &RecordBatch, keep: &Keep) -> Result<BooleanArray> {
    let positions = columns::numbers::<Int64Type>(batch, schema::POSITION)?.values();
    let services = Texts::named(batch, schema::SERVICE)?;
    let is_kept = |(row, position): (usize, &i64)| keep(services.get(row).unwrap_or_default(), *position);
    Ok(positions.iter().enumerate().map(|row| Some(is_kept(row))).collect())
}

fn refused(error: arrow_schema::ArrowError) -> Error {
    Error::internal(format!("parts cannot be merged: {error}"))
}
