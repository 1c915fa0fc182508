//! The objects of an archive.

use std::{
    fs, io,
    path::{Path as FilePath, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::TryStreamExt as _;
use object_store::{
    ClientConfigKey, ObjectStore, ObjectStoreExt as _, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    local::LocalFileSystem,
    path::Path,
};
use pipeline::{Error, ErrorClass, Result};

use crate::{
    day::Day,
    location::{Location, Place},
    manifest::Manifest,
};

const MANIFEST: &str = "manifest.json";
/// A larger file is no manifest; a part has about 300 bytes in it.
const MOST_MANIFEST_BYTES: u64 = 64 << 20;
/// The limit of one request to S3, unless `AWS_TIMEOUT` sets another.
const REQUEST: &str = "300 seconds";
/// The client repeats a request at most this often; the archiver retries the whole day after that.
const RETRIES: usize = 2;
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);

/// An archive. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Archive {
    pub(crate) store: Arc<dyn ObjectStore>,
    root: Path,
    /// Of an archive in the file system.
    folder: Option<PathBuf>,
    /// The folder for temporary files. A part is encoded and decoded there.
    pub(crate) scratch: PathBuf,
    name: String,
}

impl Archive {
    /// Opens an archive to read it. `scratch` is an existing folder for temporary files of up to some hundred MiB.
    ///
    /// # Errors
    /// `NotFound` if the folder does not exist or is a file, `Unavailable` if it cannot be opened, `Invalid` if an
    /// `AWS_*` variable is missing or wrong.
    pub fn open(location: &Location, scratch: impl Into<PathBuf>) -> Result<Self> {
        let (store, root, folder): (Arc<dyn ObjectStore>, _, _) = match &location.0 {
            Place::Folder(path) => {
                check_folder(path)?;
                let store = LocalFileSystem::new_with_prefix(path).map_err(|error| {
                    Error::unavailable(format!("cannot open the archive {}: {}", path.display(), cause(&error)))
                })?;
                let store = store.with_fsync(true).with_automatic_cleanup(true);
                (Arc::new(store), Path::default(), Some(path.clone()))
            }
            Place::Bucket { bucket, prefix } => {
                let root = Path::parse(prefix).map_err(|error| {
                    Error::invalid(format!("the prefix {prefix:?} of the bucket is refused: {error}"))
                })?;
                (Arc::new(bucket_of(bucket)?), root, None)
            }
        };
        Ok(Self { store, root, folder, scratch: scratch.into(), name: location.to_string() })
    }

    /// Opens an archive to write to it. Creates the folders of a `file:` URL and `scratch`, and deletes what an earlier
    /// process left in `scratch`.
    ///
    /// # Errors
    /// As [`Archive::open`]; `Unavailable` if a folder cannot be created.
    pub fn create(location: &Location, scratch: impl Into<PathBuf>) -> Result<Self> {
        let scratch = scratch.into();
        let failed = |path: &FilePath| {
            let path = path.to_owned();
            move |error: io::Error| Error::unavailable(format!("cannot create {}: {error}", path.display()))
        };
        if let Place::Folder(path) = &location.0 {
            fs::create_dir_all(path).map_err(failed(path))?;
        }
        if scratch.is_dir() {
            fs::remove_dir_all(&scratch).map_err(failed(&scratch))?;
        }
        fs::create_dir_all(&scratch).map_err(failed(&scratch))?;
        Self::open(location, scratch)
    }

    /// An archive in any object store.
    pub fn in_store(store: Arc<dyn ObjectStore>, scratch: impl Into<PathBuf>) -> Self {
        let name = store.to_string();
        Self { store, root: Path::default(), folder: None, scratch: scratch.into(), name }
    }

    /// The days that have a manifest, oldest first.
    ///
    /// # Errors
    /// `Unavailable` if the archive cannot be reached.
    pub async fn days(&self) -> Result<Vec<Day>> {
        let mut days = Vec::new();
        for day in self.folders().await? {
            match self.store.head(&self.path(day, MANIFEST)).await {
                Ok(_) => days.push(day),
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.failed("read", &format!("{day}/{MANIFEST}"), &error)),
            }
        }
        Ok(days)
    }

    /// The days that have a folder, with or without a manifest, oldest first.
    ///
    /// # Errors
    /// `Unavailable` if the archive cannot be reached.
    pub async fn folders(&self) -> Result<Vec<Day>> {
        let listed = self.store.list_with_delimiter(Some(&self.root)).await;
        let listed = listed.map_err(|error| self.failed("list", "", &error))?;
        let mut days: Vec<Day> =
            listed.common_prefixes.iter().filter_map(|path| path.filename()?.parse().ok()).collect();
        days.sort_unstable();
        Ok(days)
    }

    /// The manifest of a day; `None` if the day is not archived.
    ///
    /// # Errors
    /// `Unavailable` if the archive cannot be reached, `Corrupt` if the manifest is damaged.
    pub async fn manifest(&self, day: Day) -> Result<Option<Manifest>> {
        let path = self.path(day, MANIFEST);
        let failed = |error| self.failed("read", path.as_ref(), &error);
        let found = match self.store.get(&path).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if found.meta.size > MOST_MANIFEST_BYTES {
            return Err(Error::corrupt(format!("the manifest of {day} is damaged: it has {} bytes", found.meta.size)));
        }
        Manifest::decode(&found.bytes().await.map_err(failed)?, day).map(Some)
    }

    /// Replaces the manifest of its day atomically, and reads it back.
    pub(crate) async fn put_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.put(manifest.day, MANIFEST, manifest.encode()?).await?;
        match self.manifest(manifest.day).await? {
            Some(read) if read == *manifest => Ok(()),
            _ => Err(Error::corrupt(format!("the manifest of {} does not read back as written", manifest.day))),
        }
    }

    pub(crate) async fn put(&self, day: Day, name: &str, content: Vec<u8>) -> Result<()> {
        let path = self.path(day, name);
        let done = self.store.put(&path, content.into()).await;
        done.map(drop).map_err(|error| self.failed("write", path.as_ref(), &error))
    }

    pub(crate) async fn delete_manifest(&self, day: Day) -> Result<()> {
        self.delete(day, MANIFEST).await
    }

    /// Deletes the parts of a day that `manifest` does not name, and the unfinished files of the file system. Returns
    /// the number of deleted parts.
    pub(crate) async fn delete_unlisted(&self, day: Day, manifest: Option<&Manifest>) -> Result<usize> {
        let mut deleted = 0;
        for name in self.parts_of(day).await? {
            if manifest.is_none_or(|manifest| manifest.parts.iter().all(|part| part.name != name)) {
                self.delete(day, &name).await?;
                deleted += 1;
            }
        }
        if let Some(folder) = &self.folder {
            remove_unfinished(&folder.join(day.to_string()));
        }
        Ok(deleted)
    }

    /// The names of all part files of a day, listed or not.
    pub(crate) async fn parts_of(&self, day: Day) -> Result<Vec<String>> {
        let folder = self.root.clone().join(day.to_string());
        let objects: Vec<_> = self
            .store
            .list(Some(&folder))
            .try_collect()
            .await
            .map_err(|error| self.failed("list", folder.as_ref(), &error))?;
        let names = objects.iter().filter_map(|object| object.location.filename());
        Ok(names.filter(|name| name.ends_with(".parquet")).map(str::to_owned).collect())
    }

    pub(crate) async fn delete(&self, day: Day, name: &str) -> Result<()> {
        let path = self.path(day, name);
        match self.store.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("delete", path.as_ref(), &error)),
        }
    }

    pub(crate) fn path(&self, day: Day, name: &str) -> Path {
        self.root.clone().join(day.to_string()).join(name)
    }

    pub(crate) fn failed(&self, verb: &str, path: &str, error: &object_store::Error) -> Error {
        let class = match error {
            object_store::Error::NotFound { .. } => ErrorClass::NotFound,
            _ => ErrorClass::Unavailable,
        };
        let place = if path.is_empty() { String::new() } else { format!("{path} in ") };
        let message = format!("cannot {verb} {place}the archive {}: {}", self.name, cause(error));
        Error { class, ..Error::unavailable(message) }
    }
}

/// Checks that the folder of an archive exists.
///
/// # Errors
/// `NotFound` if it does not exist or is a file, `Unavailable` if that cannot be found out.
fn check_folder(path: &FilePath) -> Result<()> {
    let folder = path.display();
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(Error::not_found(format!("the archive {folder} is not a folder; check the path in its URL"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::not_found(format!(
            "the folder of the archive {folder} does not exist; check the path in its URL, and whether its disk is \
             mounted"
        ))),
        Err(error) => Err(Error::unavailable(format!(
            "cannot open the folder of the archive {folder}: {error}; check the permissions of the folders in its path"
        ))),
    }
}

/// The cause of an error, without the name of the client library's store.
fn cause(error: &object_store::Error) -> String {
    match error {
        object_store::Error::Generic { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

/// A bucket, with the endpoint, the region and the keys of the `AWS_*` variables.
fn bucket_of(bucket: &str) -> Result<object_store::aws::AmazonS3> {
    // The HTTP client needs a default; a second call is a no-op.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_TIMEOUT, ..RetryConfig::default() };
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry);
    if std::env::var_os("AWS_TIMEOUT").is_none() {
        builder = builder.with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), REQUEST);
    }
    builder.build().map_err(|error| {
        Error::invalid(format!(
            "the bucket {bucket} cannot be used: {error}; set AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, and \
             AWS_ENDPOINT for a server other than Amazon's"
        ))
    })
}

/// Removes the files that the file system's store writes to before it renames them (`name#1`).
fn remove_unfinished(folder: &FilePath) {
    let is_unfinished = |name: &str| {
        let number = name.rsplit_once('#').map(|(_, number)| number);
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|entry| is_unfinished(&entry.file_name().to_string_lossy())) {
        // An unfinished file only wastes space; the next attempt tries again.
        let _ = fs::remove_file(entry.path());
    }
    // Fails if the folder is not empty, as intended.
    let _ = fs::remove_dir(folder);
}
