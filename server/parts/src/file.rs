//! The folder of parts: durable directory entries, and removal of orphans.

use std::{collections::HashSet, fs, io, path::Path};

use pipeline::{Error, Result};

pub fn failed(verb: &str, path: &Path, error: &io::Error) -> Error {
    Error::unavailable(format!("cannot {verb} {}: {error}", path.display()))
}

/// Syncs the entries of a folder to disk.
pub fn sync_folder(folder: &Path) -> Result<()> {
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed("sync", folder, &error))
}

/// Creates `folder` in `parent` durably, unless it exists.
pub fn create_folder(parent: &Path, folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(|error| failed("create", folder, &error))?;
    sync_folder(parent)
}

/// Removes files that are not listed: those that a crash left before their catalogue transaction. Returns their
/// number.
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
        // Fails if the folder is not empty, as intended.
        let _ = fs::remove_dir(day.path());
    }
    Ok(removed)
}

fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>> {
    fs::read_dir(folder)
        .and_then(|entries| entries.collect::<io::Result<_>>())
        .map_err(|error| failed("list", folder, &error))
}
