//! Where the records of each minute are counted.

use sqlx::PgConnection;

use crate::types::Instant;

/// What counts the records of each minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Minutes {
    /// `logboom.minutes`, a continuous aggregate of TimescaleDB's community edition.
    Aggregate,
    /// `logboom.minute_counts`, a table that upkeep adds to.
    Table,
}

impl Minutes {
    /// The table in the schema `logboom`. It has the columns `minute`, `service`, `severity` and `records`.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Aggregate => "minutes",
            Self::Table => "minute_counts",
        }
    }

    /// The statement for the times whose records are not counted yet, or no longer right.
    pub(crate) fn changed_times(self) -> &'static str {
        match self {
            Self::Aggregate => include_str!("../queries/select_changed_times.sql"),
            Self::Table => include_str!("../queries/select_changed_counts.sql"),
        }
    }

    /// Notes, in the transaction that deletes records, that minutes from `earliest` to `latest` have to be counted
    /// afresh. It becomes visible together with the deletion, so counts are equal to the records at any time.
    pub(crate) async fn note_deletion(
        self,
        connection: &mut PgConnection,
        earliest: Instant,
        latest: Instant,
    ) -> sqlx::Result<()> {
        if self == Self::Aggregate {
            sqlx::query("insert into logboom.minutes_changed (earliest, latest) values ($1, $2)")
                .bind(earliest)
                .bind(latest)
                .execute(&mut *connection)
                .await?;
        }
        sqlx::query(include_str!("../queries/note_changed_counts.sql"))
            .bind(earliest)
            .bind(latest)
            .bind(self == Self::Table)
            .execute(connection)
            .await?;
        Ok(())
    }
}
