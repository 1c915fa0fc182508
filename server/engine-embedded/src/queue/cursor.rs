//! The cursor file: the frame up to which everything is acknowledged.
//!
//! `"LOGBMACK"`, u64 frame number, u32 CRC32C of the sixteen bytes before; little-endian. It is replaced atomically:
//! written to a temporary file, synced, renamed.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::filesystem::FileSystem;
use crash_points::crash_point;

const MAGIC: [u8; 8] = *b"LOGBMACK";
const BYTES: usize = 20;

/// The cursor file of a folder.
#[derive(Debug, Clone)]
pub(super) struct CursorFile {
    folder: PathBuf,
    file_system: Arc<dyn FileSystem>,
}

impl CursorFile {
    pub(super) fn new(folder: &Path, file_system: Arc<dyn FileSystem>) -> Self {
        Self { folder: folder.to_path_buf(), file_system }
    }

    /// The frame up to which all are acknowledged; 0 if the file is missing or damaged, which redelivers everything in
    /// the log.
    pub(super) async fn read(&self) -> u64 {
        let cursor = self.clone();
        tokio::task::spawn_blocking(move || cursor.read_blocking()).await.unwrap_or(0)
    }

    fn read_blocking(&self) -> u64 {
        let path = self.folder.join("acknowledged");
        let read = || {
            let mut bytes = [0; BYTES + 1];
            let length = self.file_system.open(&path)?.read_full_at(&mut bytes, 0)?;
            bytes.get(..length).and_then(decode).ok_or(io::ErrorKind::InvalidData.into())
        };
        read().unwrap_or_else(|error: io::Error| {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::error!(%error, path = %path.display(), "embedded queue: the cursor cannot be read; redelivering everything in the log");
            }
            0
        })
    }

    /// Replaces the cursor durably.
    pub(super) async fn write(&self, acknowledged: u64) -> io::Result<()> {
        let cursor = self.clone();
        let writing = tokio::task::spawn_blocking(move || cursor.write_blocking(acknowledged));
        writing.await.map_err(io::Error::other)?
    }

    fn write_blocking(&self, acknowledged: u64) -> io::Result<()> {
        let (path, new) = (self.folder.join("acknowledged"), self.folder.join("acknowledged.tmp"));
        let file = self.file_system.create(&new)?;
        file.write_all_at(&encode(acknowledged), 0)?;
        crash_point!("queue::cursor-written");
        file.sync()?;
        crash_point!("queue::cursor-synced");
        self.file_system.rename(&new, &path)?;
        crash_point!("queue::cursor-named");
        self.file_system.sync_folder(&self.folder)
    }
}

fn encode(acknowledged: u64) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&acknowledged.to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<u64> {
    let number = u64::from_le_bytes(*bytes.get(8..)?.first_chunk()?);
    (bytes == encode(number)).then_some(number)
}
