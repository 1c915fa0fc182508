//! Follows a file that grows, is rotated or truncated.

use std::{
    io::SeekFrom,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use tokio::{
    fs::File,
    io::{AsyncBufReadExt as _, AsyncSeekExt as _, BufReader},
};

/// The maximum length of a line, in bytes; a longer line is split.
const LINE_BYTES: usize = 1 << 20;

/// Reads lines appended to a file.
pub(super) struct Follow {
    path: PathBuf,
    reader: BufReader<File>,
    inode: u64,
    /// The offset of the next byte.
    position: u64,
    /// The start of an incomplete line.
    begun: Vec<u8>,
}

impl Follow {
    /// # Errors
    /// The file cannot be read.
    pub(super) async fn open(path: &Path, from_start: bool) -> anyhow::Result<Self> {
        let (mut file, inode) =
            open_with_inode(path).await.with_context(|| format!("cannot read {}", path.display()))?;
        let position = if from_start { 0 } else { file.seek(SeekFrom::End(0)).await? };
        Ok(Self { path: path.to_owned(), reader: BufReader::new(file), inode, position, begun: Vec::new() })
    }

    /// The next complete line; `None` if there is none yet.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) async fn line(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        loop {
            let piece = self.reader.fill_buf().await.with_context(|| format!("cannot read {}", self.path.display()))?;
            if piece.is_empty() {
                if self.reopen_if_replaced().await? {
                    // An incomplete line of the old file is complete now.
                    if !self.begun.is_empty() {
                        return Ok(Some(std::mem::take(&mut self.begun)));
                    }
                    continue;
                }
                return Ok(None);
            }
            let end = memchr::memchr(b'\n', piece).map(|place| place + 1);
            let length = end.unwrap_or(piece.len());
            self.begun.extend_from_slice(&piece[..length]);
            self.reader.consume(length);
            self.position += length as u64;
            if end.is_some() || self.begun.len() >= LINE_BYTES {
                return Ok(Some(std::mem::take(&mut self.begun)));
            }
        }
    }

    /// Whether the file was replaced or truncated. It is then read from its start.
    async fn reopen_if_replaced(&mut self) -> anyhow::Result<bool> {
        // During a rotation the file may be missing.
        let Ok(metadata) = tokio::fs::metadata(&self.path).await else { return Ok(false) };
        if metadata.ino() == self.inode && metadata.len() >= self.position {
            return Ok(false);
        }
        let Ok((file, inode)) = open_with_inode(&self.path).await else { return Ok(false) };
        self.reader = BufReader::new(file);
        self.inode = inode;
        self.position = 0;
        Ok(true)
    }
}

async fn open_with_inode(path: &Path) -> std::io::Result<(File, u64)> {
    let file = File::open(path).await?;
    let inode = file.metadata().await?.ino();
    Ok((file, inode))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[tokio::test]
    async fn lines_come_across_rotation_and_truncation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "old\n").unwrap();
        let mut follow = Follow::open(&path, false).await.unwrap();
        let append = |text: &str| {
            let mut file = std::fs::OpenOptions::new().append(true).create(true).open(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        async fn next(follow: &mut Follow) -> Option<String> {
            follow.line().await.unwrap().map(|line| String::from_utf8(line).unwrap())
        }
        assert_eq!(next(&mut follow).await, None);
        append("one\ntw");
        assert_eq!(next(&mut follow).await.as_deref(), Some("one\n"));
        assert_eq!(next(&mut follow).await, None);
        append("o\n");
        assert_eq!(next(&mut follow).await.as_deref(), Some("two\n"));
        std::fs::rename(&path, folder.path().join("log.1")).unwrap();
        assert_eq!(next(&mut follow).await, None);
        append("three\n");
        assert_eq!(next(&mut follow).await.as_deref(), Some("three\n"));
        std::fs::write(&path, "4\n").unwrap();
        assert_eq!(next(&mut follow).await.as_deref(), Some("4\n"));
        assert_eq!(next(&mut follow).await, None);
    }
}
