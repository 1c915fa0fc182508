//! Parts that are set aside: listed, but with missing or damaged files.

use parts::{Damage, PartInfo};
use pipeline::{Error, Result};
use sqlx::{Row, sqlite::SqliteRow};

use super::{Catalogue, failed, part};

/// The first format with recorded damage.
const DAMAGE_FORMAT: i64 = 3;

/// The name of a damage kind in the catalogue.
fn name(damage: Damage) -> &'static str {
    match damage {
        Damage::Missing => "missing",
        Damage::Size => "size",
        Damage::Content => "content",
    }
}

/// A part and its damage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Aside {
    pub(crate) info: PartInfo,
    pub(crate) damage: Damage,
    /// For display.
    pub(crate) reason: String,
}

/// A row of the part list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Listed {
    Good(PartInfo),
    Aside(Aside),
}

impl Catalogue {
    /// All listed parts, newest first.
    pub(crate) async fn listed(&self) -> Result<Vec<Listed>> {
        let list = match self.format {
            ..DAMAGE_FORMAT => include_str!("sql/parts_list_before.sql"),
            _ => include_str!("sql/parts_list.sql"),
        };
        let rows = sqlx::query(list).fetch_all(&self.pool).await.map_err(failed)?;
        rows.iter().map(listed).collect()
    }

    /// The number of listed parts.
    pub(crate) async fn count_listed(&self) -> Result<usize> {
        let count: i64 =
            sqlx::query_scalar(include_str!("sql/parts_count.sql")).fetch_one(&self.pool).await.map_err(failed)?;
        Ok(count as usize)
    }

    /// The intact parts, newest first.
    pub(crate) async fn parts(&self) -> Result<Vec<PartInfo>> {
        let good = |listed| match listed {
            Listed::Good(info) => Some(info),
            Listed::Aside(_) => None,
        };
        Ok(self.listed().await?.into_iter().filter_map(good).collect())
    }

    /// Sets parts aside, and restores others, in one transaction.
    pub(crate) async fn set_aside(&self, aside: &[Aside], back: &[String]) -> Result<()> {
        let mut transaction = self.pool.begin_with("begin immediate").await.map_err(failed)?;
        let aside = aside.iter().map(|aside| (&aside.info.path, Some(name(aside.damage)), Some(aside.reason.as_str())));
        let back = back.iter().map(|path| (path, None, None));
        for (path, damage, reason) in aside.chain(back) {
            sqlx::query(include_str!("sql/parts_set_aside.sql"))
                .bind(path)
                .bind(damage)
                .bind(reason)
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)
    }
}

fn listed(row: &SqliteRow) -> Result<Listed> {
    let info = part(row)?;
    let text = |name: &str| row.try_get::<Option<String>, _>(name).map_err(failed);
    let damage = match text("damage")?.as_deref() {
        None => return Ok(Listed::Good(info)),
        Some("missing") => Damage::Missing,
        Some("size") => Damage::Size,
        Some("content") => Damage::Content,
        Some(other) => return Err(Error::corrupt(format!("the catalogue has an unknown damage {other:?}"))),
    };
    Ok(Listed::Aside(Aside { info, damage, reason: text("damage_reason")?.unwrap_or_default() }))
}
