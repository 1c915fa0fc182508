//! The catalogue is the authority on what is stored.
//!
//! A SQLite file. It lists the parts, holds the ledger of batch ids, the dead letters and the documents, and records
//! which frames of the write-ahead log are in parts. Parts, ledger ids and this cursor change in one transaction,
//! synced before it returns (invariants C2 and C8): after a crash, records are either in listed parts, or their frames
//! are replayed and unlisted parts are deleted.

pub(crate) mod aside;
mod dead_letters;
mod documents;
mod leases;
pub(crate) mod ledger;
mod migrations;

use std::{path::Path, time::Duration};

use crash_points::{crash_point, full_disk_point};
use model::RecordId;
use parking_lot::Mutex;
use parts::PartInfo;
use pipeline::{BatchId, DeadLettersStatus, Error, Result};
use sqlx::{
    Row, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};
use tokio::sync::watch;

use self::leases::Leases;

/// An open catalogue.
pub(crate) struct Catalogue {
    pool: SqlitePool,
    format: i64,
    /// A copy of the counts in the file.
    dead_letters: Mutex<DeadLettersStatus>,
    leases: Leases,
    /// Signals a change of documents, of any kind.
    documents_changed: watch::Sender<()>,
}

/// What a flush commits in one transaction.
#[derive(Debug, Default)]
pub(crate) struct Commit {
    pub(crate) parts: Vec<PartInfo>,
    /// Batch ids to remember, with their day.
    pub(crate) ids: Vec<(i64, BatchId)>,
    /// The last frame that is in the parts.
    pub(crate) frame: u64,
}

/// How far the write-ahead log was processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Frames up to this one are in parts.
    pub(crate) frame: u64,
    /// Frames up to this one have their dead letters in the catalogue.
    pub(crate) dead: u64,
}

impl Catalogue {
    /// Opens the catalogue, creating or migrating it.
    ///
    /// # Errors
    /// `Corrupt` if the file is not a catalogue or of a newer format, `Unavailable` if it cannot be opened.
    pub(crate) async fn open(path: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // After each commit the write-ahead log releases frames, so each is synced.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(30));
        let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await.map_err(failed)?;
        let format = migrations::run(&pool).await?;
        let dead_letters = dead_letters::status(&pool).await?;
        Ok(Self::new(pool, format, dead_letters))
    }

    /// Opens the catalogue for reading, even while another process writes it.
    ///
    /// # Errors
    /// `Unavailable` if it does not exist, `Corrupt` if it is of a newer format.
    pub(crate) async fn open_read_only(path: &Path) -> Result<Self> {
        if !path.is_file() {
            return Err(Error::unavailable(format!("there is no data folder here: {} is missing", path.display())));
        }
        let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(Duration::from_secs(30));
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.map_err(failed)?;
        let format = migrations::refuse_newer(&pool).await?;
        Ok(Self::new(pool, format, DeadLettersStatus::default()))
    }

    fn new(pool: SqlitePool, format: i64, dead_letters: DeadLettersStatus) -> Self {
        Self {
            pool,
            format,
            dead_letters: Mutex::new(dead_letters),
            leases: Leases::default(),
            documents_changed: watch::Sender::new(()),
        }
    }

    pub(crate) fn watch_documents(&self) -> watch::Receiver<()> {
        self.documents_changed.subscribe()
    }

    /// The faults of the file that SQLite finds.
    pub(crate) async fn verify(&self) -> Result<Vec<String>> {
        let findings: Vec<String> =
            sqlx::query_scalar(include_str!("sql/verify.sql")).fetch_all(&self.pool).await.map_err(failed)?;
        Ok(findings.into_iter().filter(|finding| finding != "ok").collect())
    }

    pub(crate) async fn progress(&self) -> Result<Progress> {
        let row = sqlx::query(include_str!("sql/cursor_read.sql")).fetch_one(&self.pool).await.map_err(failed)?;
        let number = |place| row.try_get::<i64, _>(place).map(|number| number as u64).map_err(failed);
        Ok(Progress { frame: number(0)?, dead: number(1)? })
    }

    /// Commits a flush.
    pub(crate) async fn commit(&self, commit: &Commit) -> Result<()> {
        // An immediate transaction takes the write lock first: it waits at the start instead of failing in the middle.
        let mut transaction = self.pool.begin_with("begin immediate").await.map_err(failed)?;
        add_parts(&mut transaction, &commit.parts).await?;
        crash_point!("catalogue::parts-added");
        full_disk_point!("catalogue::commit", |error| failed(sqlx::Error::Io(error)));
        ledger::add(&mut transaction, &commit.ids).await?;
        sqlx::query(include_str!("sql/cursor_advance.sql"))
            .bind(commit.frame as i64)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        crash_point!("catalogue::cursor-moved");
        transaction.commit().await.map_err(failed)
    }

    /// Replaces some parts by others in the list.
    pub(crate) async fn replace(&self, removed: &[String], added: &[PartInfo]) -> Result<()> {
        let paths = serde_json::to_string(removed).map_err(|error| Error::internal(error.to_string()))?;
        let mut transaction = self.pool.begin_with("begin immediate").await.map_err(failed)?;
        let gone = sqlx::query(include_str!("sql/parts_remove.sql"))
            .bind(paths)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?
            .rows_affected();
        if gone != removed.len() as u64 {
            // After a panic between a transaction and its snapshot, the caller works with a part that was replaced
            // already. To add another one for it would double its records.
            return Err(Error::internal(format!(
                "of {} parts to replace, the catalogue lists {gone}; nothing was changed, restart the program",
                removed.len()
            )));
        }
        add_parts(&mut transaction, added).await?;
        crash_point!("catalogue::parts-replaced");
        full_disk_point!("catalogue::replace", |error| failed(sqlx::Error::Io(error)));
        transaction.commit().await.map_err(failed)
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

/// Adds parts to the list.
async fn add_parts(connection: &mut SqliteConnection, parts: &[PartInfo]) -> Result<()> {
    for part in parts {
        sqlx::query(include_str!("sql/parts_add.sql"))
            .bind(&part.path)
            .bind(part.rows as i64)
            .bind(part.bytes as i64)
            .bind(part.min_time)
            .bind(part.max_time)
            .bind(part.min_position)
            .bind(part.max_position)
            .bind(part.min_id.to_bytes().to_vec())
            .bind(part.max_id.to_bytes().to_vec())
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
    }
    Ok(())
}

fn part(row: &SqliteRow) -> Result<PartInfo> {
    let number = |name: &str| row.try_get::<i64, _>(name).map_err(failed);
    let id = |name: &str| {
        let bytes: Vec<u8> = row.try_get(name).map_err(failed)?;
        let bytes = bytes.try_into().map_err(|_| Error::corrupt(format!("the catalogue's {name} is no record id")))?;
        Ok::<_, Error>(RecordId::from_bytes(bytes))
    };
    Ok(PartInfo {
        path: row.try_get("path").map_err(failed)?,
        rows: number("rows")? as u64,
        bytes: number("bytes")? as u64,
        min_time: number("min_time")?,
        max_time: number("max_time")?,
        min_position: number("min_position")?,
        max_position: number("max_position")?,
        min_id: id("min_id")?,
        max_id: id("max_id")?,
    })
}

/// Classifies a failure of SQLite.
fn failed(error: sqlx::Error) -> Error {
    let text = format!("the catalogue fails: {error}");
    match &error {
        // SQLITE_CORRUPT and SQLITE_NOTADB, <https://www.sqlite.org/rescode.html>.
        sqlx::Error::Database(database) if matches!(database.code().as_deref(), Some("11" | "26")) => {
            Error::corrupt(text)
        }
        sqlx::Error::Database(_) | sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
            Error::unavailable(text)
        }
        _ => Error::internal(text),
    }
}
