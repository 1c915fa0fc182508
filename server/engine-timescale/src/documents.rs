//! Documents: small JSON values by kind and name.
//!
//! A change is one transaction. It locks the row of its kind first, so the versions of a kind are committed in order. A
//! reader that sees version N also sees all smaller ones.

use std::time::Duration;

use async_trait::async_trait;
use pipeline::{Document, Documents, Error, Expected, Json, Kind, Lease, Listing, Result, Version, documents::is_name};
use sqlx::{PgConnection, PgPool, Postgres, Row, Transaction, postgres::PgRow};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{error::classify, leases::hold_lease};

/// The channel on which transactions that changed a document notify all nodes.
pub(crate) const CHANNEL: &str = "logboom_documents";

/// The interval at which a watch polls, because a notification may be lost.
const LOOK: Duration = Duration::from_secs(5);

/// Wakes the watches of documents.
#[derive(Debug, Clone)]
pub(crate) struct Changes(watch::Sender<()>);

impl Changes {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    /// Signals a possible change, on this node or another one.
    pub(crate) fn hint(&self) {
        self.0.send_replace(());
    }
}

/// The documents of the database.
pub(crate) struct StoredDocuments {
    /// The pool for writes, so that a lookup does not wait for searches.
    pool: PgPool,
    changes: Changes,
    stop: CancellationToken,
}

impl StoredDocuments {
    pub(crate) fn new(pool: PgPool, changes: Changes, stop: CancellationToken) -> Self {
        Self { pool, changes, stop }
    }

    async fn version(&self, kind: &Kind) -> sqlx::Result<Version> {
        let query = sqlx::query(include_str!("../queries/select_kind_version.sql")).bind(kind.name);
        version(&query.fetch_one(&self.pool).await?, 0)
    }

    /// Begins a change: checks the lease and locks the row of the kind. Also returns the version of the change.
    async fn begin(
        &self,
        kind: &Kind,
        fence: Option<&Lease>,
    ) -> sqlx::Result<(Transaction<'static, Postgres>, Version)> {
        let mut transaction = self.pool.begin().await?;
        if let Some(lease) = fence {
            hold_lease(&mut transaction, lease).await?;
        }
        let change = sqlx::query(include_str!("../queries/change_kind.sql")).bind(kind.name);
        let version = version(&change.fetch_one(&mut *transaction).await?, 0)?;
        Ok((transaction, version))
    }

    /// Commits a change and notifies all watches.
    async fn commit(&self, kind: &Kind, mut transaction: Transaction<'static, Postgres>) -> sqlx::Result<()> {
        let notify = sqlx::query("select pg_notify($1, $2)").bind(CHANNEL).bind(kind.name);
        notify.execute(&mut *transaction).await?;
        transaction.commit().await?;
        self.changes.hint();
        Ok(())
    }
}

#[async_trait]
impl Documents for StoredDocuments {
    async fn get(&self, kind: &Kind, name: &str) -> Result<Option<Document>> {
        // PostgreSQL refuses a text with NUL, in conditions too.
        if !is_name(name) {
            return Ok(None);
        }
        let query = sqlx::query(include_str!("../queries/select_document.sql")).bind(kind.name).bind(name);
        let row = query.fetch_optional(&self.pool).await.map_err(classify)?;
        row.map(|row| document(&row, 0)).transpose().map_err(classify)
    }

    async fn list(&self, kind: &Kind) -> Result<Listing> {
        let query = sqlx::query(include_str!("../queries/select_documents.sql")).bind(kind.name);
        let rows = query.fetch_all(&self.pool).await.map_err(classify)?;
        let mut listing = Listing::default();
        for row in rows {
            listing.version = version(&row, 0).map_err(classify)?;
            if row.try_get::<Option<&str>, _>(1).map_err(classify)?.is_some() {
                listing.documents.push(document(&row, 1).map_err(classify)?);
            }
        }
        Ok(listing)
    }

    async fn put(
        &self,
        kind: &Kind,
        name: &str,
        body: &Json,
        expected: Expected,
        fence: Option<&Lease>,
    ) -> Result<Version> {
        kind.check_limits(name, body)?;
        let (mut transaction, version) = self.begin(kind, fence).await.map_err(classify)?;
        let (stored, count) = state(&mut transaction, kind, name).await.map_err(classify)?;
        expected.check(kind, name, stored)?;
        if stored.is_none() {
            kind.check_room(count)?;
        }
        sqlx::query(include_str!("../queries/put_document.sql"))
            .bind(kind.name)
            .bind(name)
            .bind(version.0 as i64)
            .bind(body.as_str())
            .execute(&mut *transaction)
            .await
            .map_err(classify)?;
        self.commit(kind, transaction).await.map_err(classify)?;
        Ok(version)
    }

    async fn delete(&self, kind: &Kind, name: &str, expected: Expected, fence: Option<&Lease>) -> Result<bool> {
        if !is_name(name) {
            return expected.check(kind, name, None).map(|()| false);
        }
        let (mut transaction, _) = self.begin(kind, fence).await.map_err(classify)?;
        let (stored, _) = state(&mut transaction, kind, name).await.map_err(classify)?;
        expected.check(kind, name, stored)?;
        if stored.is_none() {
            return Ok(false);
        }
        sqlx::query(include_str!("../queries/delete_document.sql"))
            .bind(kind.name)
            .bind(name)
            .execute(&mut *transaction)
            .await
            .map_err(classify)?;
        self.commit(kind, transaction).await.map_err(classify)?;
        Ok(true)
    }

    async fn watch(&self, kind: &Kind, seen: Version) -> Result<Version> {
        let mut changes = self.changes.0.subscribe();
        loop {
            changes.borrow_and_update();
            let version = self.version(kind).await.map_err(classify)?;
            if version != seen {
                return Ok(version);
            }
            // Waits for a change of any kind, the end of the store, or the next poll.
            tokio::select! {
                () = self.stop.cancelled() => return Err(Error::unavailable("the store is closed")),
                _ = changes.changed() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
}

/// The version of a document, and the number of documents of its kind.
async fn state(connection: &mut PgConnection, kind: &Kind, name: &str) -> sqlx::Result<(Option<Version>, usize)> {
    let query = sqlx::query(include_str!("../queries/state_of_document.sql")).bind(kind.name).bind(name);
    let row = query.fetch_one(connection).await?;
    let stored: Option<i64> = row.try_get(0)?;
    let count: i64 = row.try_get(1)?;
    Ok((stored.map(|version| Version(version as u64)), count as usize))
}

fn version(row: &PgRow, place: usize) -> sqlx::Result<Version> {
    Ok(Version(row.try_get::<i64, _>(place)? as u64))
}

/// Decodes a name, a version and a body, from this column on.
fn document(row: &PgRow, place: usize) -> sqlx::Result<Document> {
    Ok(Document {
        name: row.try_get(place)?,
        version: version(row, place + 1)?,
        body: Json::from_stored(row.try_get::<String, _>(place + 2)?),
        file: None,
    })
}
