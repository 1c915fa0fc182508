//! Downloads a part.

use futures::TryStreamExt as _;
use object_store::ObjectStoreExt as _;
use pipeline::{Error, Result};
use sha2::{Digest as _, Sha256};
use tokio::{fs::File, io::AsyncWriteExt as _};

use crate::{
    day::Day,
    local::{self, LocalPart},
    manifest::PartEntry,
    place::Archive,
};

impl Archive {
    /// Downloads a part to a temporary file, and opens it.
    ///
    /// # Errors
    /// `NotFound` if it is missing, `Corrupt` if its length or checksum differ or it is no part, `Unavailable` if the
    /// archive or the temporary folder cannot be used.
    pub(crate) async fn fetch(&self, day: Day, entry: &PartEntry) -> Result<LocalPart> {
        let path = self.path(day, &entry.name);
        let failed = |error: object_store::Error| self.failed("read", path.as_ref(), &error);
        let found = self.store.get(&path).await.map_err(failed)?;
        // Before the download: a longer file could fill the disk.
        if found.meta.size != entry.bytes {
            return Err(Error::corrupt(format!("it has {} bytes instead of {}", found.meta.size, entry.bytes)));
        }
        let folder = local::folder(&self.scratch)?;
        let file = folder.path().join("part.parquet");
        let full = |error: std::io::Error| Error::unavailable(format!("cannot write {}: {error}", file.display()));
        let mut output = File::create(&file).await.map_err(full)?;
        let mut digest = Sha256::new();
        let mut chunks = found.into_stream();
        while let Some(chunk) = chunks.try_next().await.map_err(failed)? {
            digest.update(&chunk);
            output.write_all(&chunk).await.map_err(full)?;
        }
        output.flush().await.map_err(full)?;
        if model::hex::encode(&digest.finalize()) != entry.sha256 {
            return Err(Error::corrupt("its checksum differs"));
        }
        let records = entry.records;
        blocking(move || LocalPart::open(folder, &file, records)).await
    }
}

/// Runs blocking work off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Error::internal(format!("reading or writing a part failed: {error}"))))
}
