//! Migrates the schema. Nodes that start together take turns.
//!
//! There are three tracks, each with its own numbers. `plain` is all that PostgreSQL alone needs. `timescale` follows
//! if the extension is available and nothing is stored yet. `community` follows that, unless the extension is the
//! Apache edition, which has no columnstore and no continuous aggregates. A store that began as plain stays plain,
//! because its rows would have to be moved.

use pipeline::{Error, Result};
use sqlx::{PgConnection, PgPool, Row};

use crate::{Options, error::classify, minutes::Minutes};

/// A migration of a track. Its index in the track, from 1, is its version.
struct Migration {
    name: &'static str,
    sql: &'static str,
}

macro_rules! migrations {
    ($($name:literal),+ $(,)?) => {
        &[$(Migration { name: $name, sql: include_str!(concat!("../migrations/", $name, ".sql")) }),+]
    };
}

const PLAIN: &[Migration] = migrations![
    "plain/0001_logs",
    "plain/0002_blocks",
    "plain/0003_values",
    "plain/0004_days",
    "plain/0005_upkeep",
    "plain/0006_views",
    "plain/0007_dead_letters",
    "plain/0008_documents",
    "plain/0009_runs_removed",
    "plain/0010_minute_counts",
    "plain/0011_attribute_text",
    "plain/0012_summaries",
];
const TIMESCALE: &[Migration] = migrations!["timescale/0001_hypertable", "timescale/0002_trace_id"];
const COMMUNITY: &[Migration] =
    migrations!["community/0001_columnstore", "community/0002_minutes", "community/0003_minutes_changed"];

/// Locks out other nodes that migrate. The key is "LN" and six zero bytes.
const TURN: &str = "select pg_advisory_xact_lock(x'4c4e000000000000'::bigint)";

/// How the records are divided by time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Native partitions, and why it is not a hypertable.
    Partitions { reason: String },
    /// A hypertable, the version of TimescaleDB, and whether it is the community edition.
    Hypertable { version: String, community: bool },
}

impl Layout {
    /// What counts the records of each minute.
    pub(crate) fn minutes(&self) -> Minutes {
        match self {
            Self::Hypertable { community: true, .. } => Minutes::Aggregate,
            Self::Hypertable { community: false, .. } | Self::Partitions { .. } => Minutes::Table,
        }
    }
}

/// Applies missing migrations; returns the layout.
pub(crate) async fn migrate(pool: &PgPool, options: &Options) -> Result<Layout> {
    let extension = if options.timescale { have_extension(pool).await } else { Err("it is switched off".to_owned()) };
    bring_up(pool, extension).await.map_err(|error| match error {
        Failure::Database(error) => classify(error),
        Failure::Newer(error) => error,
    })
}

enum Failure {
    Database(sqlx::Error),
    Newer(Error),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

async fn bring_up(pool: &PgPool, extension: Result<Extension, String>) -> Result<Layout, Failure> {
    let mut transaction = pool.begin().await?;
    // A migration may take long.
    sqlx::query("set local statement_timeout = 0").execute(&mut *transaction).await?;
    sqlx::query(TURN).execute(&mut *transaction).await?;
    sqlx::raw_sql(include_str!("../migrations/0000_track.sql")).execute(&mut *transaction).await?;
    apply(&mut transaction, "plain", PLAIN).await?;

    let is_hypertable: bool =
        sqlx::query(include_str!("../queries/is_hypertable.sql")).fetch_one(&mut *transaction).await?.try_get(0)?;
    let layout = match extension {
        Ok(extension) => {
            let empty: bool = sqlx::query("select not exists (select from logboom.logs)")
                .fetch_one(&mut *transaction)
                .await?
                .try_get(0)?;
            if is_hypertable || empty {
                sqlx::query("select set_config('search_path', $1, true)")
                    .bind(&extension.schema)
                    .execute(&mut *transaction)
                    .await?;
                apply(&mut transaction, "timescale", TIMESCALE).await?;
                if extension.community {
                    apply(&mut transaction, "community", COMMUNITY).await?;
                }
                Layout::Hypertable { version: extension.version, community: extension.community }
            } else {
                Layout::Partitions { reason: "the store was begun without it".to_owned() }
            }
        }
        Err(reason) if is_hypertable => {
            Layout::Hypertable { version: format!("of an earlier start ({reason})"), community: false }
        }
        Err(reason) => Layout::Partitions { reason },
    };
    transaction.commit().await?;
    Ok(layout)
}

/// Applies the missing migrations of a track.
async fn apply(connection: &mut PgConnection, track: &str, migrations: &[Migration]) -> Result<(), Failure> {
    let applied: i32 = sqlx::query("select coalesce(max(version), 0) from logboom.migrations where track = $1")
        .bind(track)
        .fetch_one(&mut *connection)
        .await?
        .try_get(0)?;
    let applied = usize::try_from(applied).unwrap_or_default();
    if applied > migrations.len() {
        return Err(Failure::Newer(Error::invalid(format!(
            "the store is of a newer logboom: its {track} schema is version {applied}, this program knows {}; \
             start a newer logboom",
            migrations.len()
        ))));
    }
    for (version, migration) in (1_i32..).zip(migrations).skip(applied) {
        sqlx::raw_sql(migration.sql).execute(&mut *connection).await?;
        sqlx::query("insert into logboom.migrations (track, version, name) values ($1, $2, $3)")
            .bind(track)
            .bind(version)
            .bind(migration.name)
            .execute(&mut *connection)
            .await?;
        tracing::info!("applied the migration {}", migration.name);
    }
    Ok(())
}

/// The extension as it is installed in this database.
struct Extension {
    version: String,
    /// The schema of its functions.
    schema: String,
    community: bool,
}

/// Installs the extension if it is available; otherwise returns why it is not.
///
/// Uses a connection of its own, because a server that has not preloaded the extension ends the session.
async fn have_extension(pool: &PgPool) -> Result<Extension, String> {
    if let Some(extension) = installed(pool).await? {
        return Ok(extension);
    }
    let available: bool = sqlx::query("select exists (select from pg_available_extensions where name = 'timescaledb')")
        .fetch_one(pool)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(refusal)?;
    if !available {
        return Err("the extension is not installed on the server".to_owned());
    }
    let create = async {
        let mut transaction = pool.begin().await?;
        sqlx::query(TURN).execute(&mut *transaction).await?;
        sqlx::raw_sql("create extension if not exists timescaledb").execute(&mut *transaction).await?;
        transaction.commit().await
    };
    create.await.map_err(refusal)?;
    installed(pool).await?.ok_or_else(|| "the extension went away".to_owned())
}

fn refusal(error: sqlx::Error) -> String {
    classify(error).message
}

async fn installed(pool: &PgPool) -> Result<Option<Extension>, String> {
    let row = sqlx::query(include_str!("../queries/extension.sql")).fetch_optional(pool).await.map_err(refusal)?;
    row.map(|row| Ok(Extension { version: row.try_get(0)?, schema: row.try_get(1)?, community: row.try_get(2)? }))
        .transpose()
        .map_err(refusal)
}
