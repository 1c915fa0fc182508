//! The folder of parts: making names durable, removing what nobody lists.

use std::{collections::HashSet, fs, io, path::Path};

use pipeline::{Error, Result};

pub fn failed(verb: &str, path: &Path, error: &io::Error) -> Error {
    Error::unavailable(format!("cannot {verb} {}: {error}", path.display()))
}

/// Makes the entries of a folder durable.
pub fn sync_folder(folder: &Path) -> Result<()> {
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed("sync", folder, &error))
}

/// Creates `folder` in `parent`, durably, if it is not there.
pub fn create_folder(parent: &Path, folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(|error| failed("create", folder, &error))?;
    sync_folder(parent)
}

/// Removes the files that no listed part names: what a crash left before the catalogue
/// knew of it. Returns how many.
pub fn remove_orphans(folder: &Path, listed: &HashSet<&str>) -> Result<usize> {
    let mut removed = 0;
    for day in entries(folder)? {
        if !day.path().is_dir() {
            continue;
        }
        for file in entries(&day.path())? {
            let name = format!("{}/{}", day.file_name().to_string_lossy(), file.file_name().to_string_lossy());
            if name.ends_with(".parquet") && !listed.contains(name.as_str()) {
                fs::remove_file(file.path()).map_err(|error| failed("remove", &file.path(), &error))?;
                removed += 1;
            }
        }
        // Fails, as it should, where something is left in it.
        let _ = fs::remove_dir(day.path());
    }
    Ok(removed)
}

fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>> {
    fs::read_dir(folder)
        .and_then(|entries| entries.collect::<io::Result<_>>())
        .map_err(|error| failed("list", folder, &error))
}
