//! Records that the destinations refused for good: lines of JSON in a bounded file.
//!
//! When the file has reached half of its limit, it becomes the older of two, and the older one before it is removed.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use model::{Nanos, Record, hex, time};
use serde_json::{Map, Value, json};
use tokio::task::spawn_blocking;

use crate::{Error, Result, follow::attempts::Refusal};

/// The limit of one of the two files, except for its last write.
const FILE_BYTES: u64 = 32 << 20;

pub(super) struct RefusedFile {
    path: PathBuf,
    most: u64,
}

impl RefusedFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, most: FILE_BYTES }
    }

    /// Appends the records, durably. After a crash some may be there twice.
    ///
    /// # Errors
    /// `Unavailable` if the file cannot be written.
    pub(super) async fn append(&self, refused: &[Refusal], now: Nanos) -> Result<()> {
        let lines = refused.iter().map(|(stored, reason)| line(now, reason, "record", record(&stored.record)));
        self.write(lines.collect()).await
    }

    /// Appends bytes that are not a batch.
    ///
    /// # Errors
    /// As [`RefusedFile::append`].
    pub(super) async fn append_bytes(&self, bytes: &[u8], reason: &str, now: Nanos) -> Result<()> {
        self.write(line(now, reason, "hex", hex::encode(bytes).into())).await
    }

    async fn write(&self, lines: String) -> Result<()> {
        let (path, most) = (self.path.clone(), self.most);
        let written = spawn_blocking(move || write(&path, lines.as_bytes(), most)).await;
        written.map_err(io::Error::other).flatten().map_err(|error| {
            Error::unavailable(format!("cannot write refused records to {}: {error}", self.path.display()))
        })
    }
}

fn line(now: Nanos, reason: &str, name: &str, content: Value) -> String {
    let mut line = json!({ "refused_at": time::format_rfc3339(now), "reason": reason, name: content }).to_string();
    line.push('\n');
    line
}

/// The record, in a form that the door for JSON takes back.
fn record(record: &Record) -> Value {
    let attributes: Map<String, Value> =
        record.attributes.iter().map(|(name, value)| (name.to_string(), attribute(value))).collect();
    json!({
        "time": time::format_rfc3339(record.time),
        "level": record.level.as_str(),
        "service": record.service.as_str(),
        "node": record.node.as_str(),
        "message": record.message,
        "trace_id": record.trace_id.map(|id| hex::encode(&id)),
        "span_id": record.span_id.map(|id| hex::encode(&id)),
        "attributes": attributes,
    })
}

fn attribute(value: &model::Value) -> Value {
    match value {
        model::Value::Bool(value) => (*value).into(),
        model::Value::Int(value) => (*value).into(),
        model::Value::Float(value) => (*value).into(),
        model::Value::Text(text) => text.as_str().into(),
    }
}

fn write(path: &Path, lines: &[u8], most: u64) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() >= most) {
        fs::rename(path, path.with_extension("old.ndjson"))?;
    }
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(lines)?;
    file.sync_all()?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_file_is_bounded_and_keeps_the_newest_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("refused.ndjson");
        let file = RefusedFile { path: path.clone(), most: 300 };
        for n in 0..20 {
            file.append_bytes(&[n], "damaged", 0).await.unwrap();
        }
        let older = fs::read_to_string(folder.path().join("refused.old.ndjson")).unwrap();
        let newer = fs::read_to_string(&path).unwrap();
        assert!(older.len() < 400 && newer.len() < 400, "{} {}", older.len(), newer.len());
        assert!(newer.ends_with("\n") && newer.lines().last().unwrap().contains("\"hex\":\"13\""), "{newer}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
