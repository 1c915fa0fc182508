//! A part as a temporary file.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use model::StoredRecord;
use parts::{
    PartInfo, decode,
    reader::{Footer, Footers, Part},
    reading::Reading,
};
use pipeline::{Error, Result};
use tempfile::TempDir;

/// A new folder for one part. It is deleted when it is dropped.
pub(crate) fn folder(scratch: &Path) -> Result<TempDir> {
    tempfile::Builder::new()
        .prefix("part-")
        .tempdir_in(scratch)
        .map_err(|error| Error::unavailable(format!("cannot create a folder in {}: {error}", scratch.display())))
}

/// A part in a temporary folder. Its methods block.
pub(crate) struct LocalPart {
    part: Part,
    footer: Arc<Footer>,
    /// Deletes the file when it is dropped.
    _folder: TempDir,
}

impl LocalPart {
    /// Opens the only file of the folder.
    ///
    /// # Errors
    /// `Corrupt` if the file is no part, or has another number of records.
    pub(crate) fn open(folder: TempDir, file: &Path, records: u64) -> Result<Self> {
        let bytes = fs::metadata(file).map_err(|error| failed(file, &error))?.len();
        let path = file.strip_prefix(folder.path()).map_or_else(|_| file.to_owned(), PathBuf::from);
        let info = PartInfo { path: path.display().to_string(), rows: records, bytes, ..PartInfo::default() };
        let part = Part::new(info, folder.path(), Arc::new(Footers::default()));
        let footer = part.footer()?;
        Ok(Self { part, footer, _folder: folder })
    }

    /// The number of rows of each row group.
    pub(crate) fn groups(&self) -> Vec<usize> {
        self.footer.groups.iter().map(|group| group.rows).collect()
    }

    /// The records of these rows of a row group, newest first.
    pub(crate) fn records(&self, group: usize, rows: Range<usize>) -> Result<Vec<StoredRecord>> {
        let what = Reading { columns: self.footer.all_columns(), ..Reading::default() };
        let mut records = Vec::with_capacity(rows.len());
        for batch in self.part.read(&self.footer, group, std::slice::from_ref(&rows), what)? {
            let batch = batch?;
            records.extend(self.part.guarded(|| decode::records(&batch, &self.footer.columns))?);
        }
        Ok(records)
    }
}

fn failed(file: &Path, error: &std::io::Error) -> Error {
    Error::unavailable(format!("cannot read {}: {error}", file.display()))
}
