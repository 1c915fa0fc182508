//! Metadata of a part that is known without its file.

use std::path::{Path, PathBuf};

use model::RecordId;

/// The catalogue entry of a part. Bounds are inclusive.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartInfo {
    /// The file, relative to the folder of parts: `2026-11-21/<uuid>.parquet`.
    pub path: String,
    pub rows: u64,
    pub bytes: u64,
    pub min_time: i64,
    pub max_time: i64,
    pub min_position: i64,
    pub max_position: i64,
    pub min_id: RecordId,
    pub max_id: RecordId,
}

impl PartInfo {
    pub fn file(&self, folder: &Path) -> PathBuf {
        folder.join(&self.path)
    }
}

/// The kind of damage of a part's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// The file is missing or cannot be opened.
    Missing,
    /// The file has another length.
    Size,
    /// The content cannot be read.
    Content,
}
