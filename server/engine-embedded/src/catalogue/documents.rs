//! Documents: small JSON values by kind and name.

use pipeline::{Document, Expected, Json, Kind, Lease, Listing, Result, Version};
use sqlx::{Row, Sqlite, SqliteConnection, Transaction, sqlite::SqliteRow};

use super::{Catalogue, failed};

impl Catalogue {
    pub(crate) async fn document(&self, kind: &Kind, name: &str) -> Result<Option<Document>> {
        let row = sqlx::query(include_str!("sql/documents_get.sql"))
            .bind(kind.name)
            .bind(name)
            .fetch_optional(&self.pool)
            .await
            .map_err(failed)?;
        row.as_ref().map(document).transpose()
    }

    /// The documents, sorted by name, with the version of the kind.
    pub(crate) async fn documents(&self, kind: &Kind) -> Result<Listing> {
        // Reads both in one snapshot.
        let mut transaction = self.pool.begin().await.map_err(failed)?;
        let version = version(&mut transaction, kind).await?;
        let rows = sqlx::query(include_str!("sql/documents_list.sql"))
            .bind(kind.name)
            .fetch_all(&mut *transaction)
            .await
            .map_err(failed)?;
        let documents = rows.iter().map(document).collect::<Result<_>>()?;
        Ok(Listing { version, documents })
    }

    /// The version of the kind.
    pub(crate) async fn documents_version(&self, kind: &Kind) -> Result<Version> {
        let mut connection = self.pool.acquire().await.map_err(failed)?;
        version(&mut connection, kind).await
    }

    pub(crate) async fn put_document(
        &self,
        kind: &Kind,
        name: &str,
        body: &Json,
        expected: Expected,
        fence: Option<&Lease>,
    ) -> Result<Version> {
        kind.check_limits(name, body)?;
        let _fence = self.leases.check(fence).await?;
        let mut transaction = self.pool.begin_with("begin immediate").await.map_err(failed)?;
        let (stored, count) = state(&mut transaction, kind, name).await?;
        expected.check(kind, name, stored)?;
        if stored.is_none() {
            kind.check_room(count)?;
        }
        let version = change(&mut transaction, kind).await?;
        sqlx::query(include_str!("sql/documents_put.sql"))
            .bind(kind.name)
            .bind(name)
            .bind(version.0 as i64)
            .bind(body.as_str())
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        self.commit_documents(transaction).await?;
        Ok(version)
    }

    /// Returns whether the document existed.
    pub(crate) async fn delete_document(
        &self,
        kind: &Kind,
        name: &str,
        expected: Expected,
        fence: Option<&Lease>,
    ) -> Result<bool> {
        let _fence = self.leases.check(fence).await?;
        let mut transaction = self.pool.begin_with("begin immediate").await.map_err(failed)?;
        let (stored, _) = state(&mut transaction, kind, name).await?;
        expected.check(kind, name, stored)?;
        if stored.is_none() {
            return Ok(false);
        }
        change(&mut transaction, kind).await?;
        sqlx::query(include_str!("sql/documents_delete.sql"))
            .bind(kind.name)
            .bind(name)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        self.commit_documents(transaction).await?;
        Ok(true)
    }

    /// Commits a change of documents and wakes every watch. A failed commit wakes them as well, because its outcome is
    /// unknown.
    async fn commit_documents(&self, transaction: Transaction<'_, Sqlite>) -> Result<()> {
        let committed = transaction.commit().await.map_err(failed);
        self.documents_changed.send_replace(());
        committed
    }
}

/// The version of a document, and the number of documents of its kind.
async fn state(connection: &mut SqliteConnection, kind: &Kind, name: &str) -> Result<(Option<Version>, usize)> {
    let row = sqlx::query(include_str!("sql/documents_state.sql"))
        .bind(kind.name)
        .bind(name)
        .fetch_one(connection)
        .await
        .map_err(failed)?;
    let stored: Option<i64> = row.try_get(0).map_err(failed)?;
    let count: i64 = row.try_get(1).map_err(failed)?;
    Ok((stored.map(|version| Version(version as u64)), count as usize))
}

async fn change(connection: &mut SqliteConnection, kind: &Kind) -> Result<Version> {
    let change = sqlx::query_scalar(include_str!("sql/kinds_change.sql")).bind(kind.name);
    let version: i64 = change.fetch_one(connection).await.map_err(failed)?;
    Ok(Version(version as u64))
}

async fn version(connection: &mut SqliteConnection, kind: &Kind) -> Result<Version> {
    let version = sqlx::query_scalar(include_str!("sql/kinds_version.sql")).bind(kind.name);
    let version: i64 = version.fetch_one(connection).await.map_err(failed)?;
    Ok(Version(version as u64))
}

fn document(row: &SqliteRow) -> Result<Document> {
    let text = |place: usize| row.try_get::<String, _>(place).map_err(failed);
    let version: i64 = row.try_get(1).map_err(failed)?;
    Ok(Document { name: text(0)?, version: Version(version as u64), body: Json::from_stored(text(2)?), file: None })
}
