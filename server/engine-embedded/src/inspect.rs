//! Read-only inspection of a data folder, also while a server uses it.
//!
//! The catalogue is opened read-only and the parts are immutable, so inspection cannot disturb a server. The
//! write-ahead log is not inspected: each start verifies its frames.

use std::path::{Path, PathBuf};

use arrow_array::types::Int64Type;
use model::time::Nanos;
use parts::{PartInfo, columns, decode, reader::Part, reading::Reading, schema};
use pipeline::{Error, Result};

use crate::catalogue::{Catalogue, aside::Listed};

/// A part in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPart {
    /// The Parquet file.
    pub path: PathBuf,
    pub records: u64,
    pub bytes: u64,
    /// The times of its oldest and newest record, in nanoseconds since the Unix epoch.
    pub oldest: Nanos,
    pub newest: Nanos,
}

/// A part that is set aside because its file is missing or damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartAside {
    /// Its row in the catalogue, with the path where an operator restores the file.
    pub part: ListedPart,
    /// A description of the damage.
    pub reason: String,
}

/// The parts that are set aside, newest first. Their records are missing.
///
/// # Errors
/// As [`parts`].
pub async fn aside(folder: &Path) -> Result<Vec<PartAside>> {
    let listed = Catalogue::open_read_only(&folder.join("catalogue.sqlite")).await?.listed().await?;
    let aside = listed.into_iter().filter_map(|listed| match listed {
        Listed::Aside(aside) => Some(PartAside { part: described(&aside.info, folder), reason: aside.reason }),
        Listed::Good(_) => None,
    });
    Ok(aside.collect())
}

fn described(part: &PartInfo, folder: &Path) -> ListedPart {
    ListedPart {
        path: part.file(&folder.join("parts")),
        records: part.rows,
        bytes: part.bytes,
        oldest: part.min_time,
        newest: part.max_time,
    }
}

/// The parts of the data folder, newest first. Unlisted files are ignored.
///
/// # Errors
/// `Unavailable` if there is no data folder, `Corrupt` if its catalogue cannot be read.
pub async fn parts(folder: &Path) -> Result<Vec<ListedPart>> {
    let listed = Catalogue::open_read_only(&folder.join("catalogue.sqlite")).await?.parts().await?;
    Ok(listed.iter().map(|part| described(part, folder)).collect())
}

/// Verifies the catalogue and every part. Calls `report` with each finding, and `progress` with each verified part.
/// `quick` skips decoding the records.
///
/// Skips a part that a server has merged or deleted meanwhile.
///
/// # Errors
/// As [`parts`].
pub async fn check(
    folder: &Path,
    quick: bool,
    mut progress: impl FnMut(&ListedPart),
    mut report: impl FnMut(String),
) -> Result<()> {
    let catalogue = Catalogue::open_read_only(&folder.join("catalogue.sqlite")).await?;
    catalogue.verify().await?.into_iter().for_each(|finding| report(format!("the catalogue: {finding}")));
    for PartAside { part, reason } in aside(folder).await? {
        report(format!("the part {} is set aside with {} records: {reason}", part.path.display(), part.records));
    }
    let listed = catalogue.parts().await?;
    let folder = folder.join("parts");
    for (info, shown) in listed.iter().zip(parts(folder.parent().unwrap_or(&folder)).await?) {
        let part = Part::new(info.clone(), &folder, std::sync::Arc::default());
        if let Err(error) = verify(&part, &folder, quick) {
            let still_listed = catalogue.parts().await?.iter().any(|listed| listed.path == info.path);
            if still_listed {
                report(error.message);
            }
        }
        progress(&shown);
    }
    Ok(())
}

/// Verifies the part against the catalogue.
pub(crate) fn verify(part: &Part, folder: &Path, quick: bool) -> Result<()> {
    let info = &part.info;
    let wrong = |what: String| Error::corrupt(format!("the part {}: {what}", info.path));
    let bytes = std::fs::metadata(info.file(folder)).map_err(|error| wrong(format!("cannot be read: {error}")))?.len();
    if bytes != info.bytes {
        return Err(wrong(format!("has {bytes} bytes instead of {}", info.bytes)));
    }
    let footer = part.footer()?;
    let rows: usize = footer.groups.iter().map(|group| group.rows).sum();
    if rows as u64 != info.rows {
        return Err(wrong(format!("has {rows} records instead of {}", info.rows)));
    }
    if quick {
        return Ok(());
    }
    let mut before: Option<(Nanos, i64)> = None;
    for (place, group) in footer.groups.iter().enumerate() {
        let reading = Reading { columns: footer.all_columns(), ..Reading::default() };
        for batch in part.read(&footer, place, std::slice::from_ref(&(0..group.rows)), reading)? {
            let batch = batch?;
            decode::records(&batch, &footer.columns)?;
            let positions = columns::numbers::<Int64Type>(&batch, schema::POSITION)?.values();
            for (time, position) in columns::times(&batch, schema::TIME)?.iter().zip(positions) {
                if before.is_some_and(|before| before <= (*time, *position)) {
                    return Err(wrong(format!("its record at position {position} is out of order or duplicate")));
                }
                before = Some((*time, *position));
                if !is_within_bounds(info, *time, *position) {
                    return Err(wrong(format!("its record at position {position} is outside of the listed bounds")));
                }
            }
        }
    }
    Ok(())
}

fn is_within_bounds(info: &PartInfo, time: Nanos, position: i64) -> bool {
    (info.min_time..=info.max_time).contains(&time) && (info.min_position..=info.max_position).contains(&position)
}
