//! The most frequent values of fields.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
    pin::pin,
};

use futures::TryStreamExt;
use model::{LevelClass, Query, query::Field};
use pipeline::{Error, Facet, Result, TimeRange};
use sqlx::{Row, postgres::PgRow};

use super::{
    Readers,
    minutes::{self, Split},
    row::{columns_for, stored_record},
};
use crate::{
    error::classify,
    session::Session,
    sql::{Parameters, Statement, text_of},
};

/// The fields of one request.
const FIELDS: usize = 64;
/// The different values of a field that are kept while counting in Rust.
const DISTINCT: usize = 200_000;

/// See [`pipeline::LogStore::facets`].
pub(crate) async fn facets(
    readers: &Readers,
    query: &Query,
    range: TimeRange,
    fields: &[String],
    limit: usize,
) -> Result<Vec<Facet>> {
    if fields.len() > FIELDS {
        return Err(Error::invalid(format!("{} fields are too many: at most {FIELDS}", fields.len())));
    }
    let mut facets = Vec::with_capacity(fields.len());
    let mut session = Session::open(&readers.pool).await?;
    let mut split = None;
    for name in fields {
        let values = match Field::parse_name(name) {
            Some(field) if range.from < range.to && limit > 0 && !name.contains('\0') => {
                let in_minutes = readers.have_minutes
                    && query.is_by_service_and_class()
                    && matches!(field, Field::Service | Field::Level);
                let wanted = if field == Field::Level { LevelClass::ALL.len() } else { limit };
                let counts = if in_minutes {
                    let split = match &mut split {
                        Some(split) => split,
                        none => none.insert(minutes::split(&mut session, range).await?),
                    };
                    count_by_minutes(&mut session, query, split, &field, wanted).await?
                } else {
                    count(&mut session, query, range, &field, wanted).await?
                };
                if field == Field::Level { by_class(counts, limit) } else { counts }
            }
            _ => Vec::new(),
        };
        facets.push(Facet { field: name.clone(), values });
    }
    match split {
        Some(_) => minutes::end(session).await?,
        None => session.end(),
    }
    Ok(facets)
}

/// As [`count`], by the table of minutes as far as that goes.
async fn count_by_minutes(
    session: &mut Session,
    query: &Query,
    split: &Split,
    field: &Field,
    limit: usize,
) -> Result<Vec<(String, u64)>> {
    let mut counts: HashMap<String, u64> = HashMap::new();
    if !split.counted.is_empty() {
        let mut statement = Statement::matching(query).during(&split.counted);
        let value = value_of(field, &mut statement.parameters);
        let columns = format!("{value} collate \"C\" as value, sum(records)::bigint as number");
        let statement = statement.and(format!("{value} <> ''")).select_from("minutes", &columns, "group by value")?;
        counts.extend(session.rows(statement).await?.iter().map(value_and_number).collect::<Result<Vec<_>>>()?);
    }
    for range in &split.afresh {
        for (value, number) in count(session, query, *range, field, DISTINCT).await? {
            *counts.entry(value).or_default() += number;
        }
    }
    Ok(most_frequent(counts, limit))
}

/// The text that is counted; of a level, the number of its class.
fn value_of(field: &Field, parameters: &mut Parameters) -> String {
    match field {
        Field::Level => "((severity - 1) / 4)::text".to_owned(),
        field => text_of(field, parameters),
    }
}

fn value_and_number(row: &PgRow) -> Result<(String, u64)> {
    let number: i64 = row.try_get(1).map_err(classify)?;
    Ok((row.try_get(0).map_err(classify)?, number.unsigned_abs()))
}

fn most_frequent(counts: HashMap<String, u64>, limit: usize) -> Vec<(String, u64)> {
    let ordered: BTreeSet<_> = counts.into_iter().map(|(value, count)| (Reverse(count), value)).collect();
    ordered.into_iter().take(limit).map(|(Reverse(count), value)| (value, count)).collect()
}

/// The most frequent values of one field; for the level, the count of each class, by its
/// number.
async fn count(
    session: &mut Session,
    query: &Query,
    range: TimeRange,
    field: &Field,
    limit: usize,
) -> Result<Vec<(String, u64)>> {
    let mut statement = Statement::matching(query).within(range);
    if !statement.exact {
        return count_here(session, query, statement, field, limit).await;
    }
    let value = value_of(field, &mut statement.parameters);
    let limit = statement.parameters.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let columns = format!("{value} collate \"C\" as value, count(*) as number");
    let rest = format!("group by value order by number desc, value limit {limit}");
    let rows = session.rows(statement.and(format!("{value} <> ''")).select(&columns, &rest)?).await?;
    rows.iter().map(value_and_number).collect()
}

/// Counts rows that have to be verified.
async fn count_here(
    session: &mut Session,
    query: &Query,
    statement: Statement,
    field: &Field,
    limit: usize,
) -> Result<Vec<(String, u64)>> {
    let mut counts: HashMap<String, u64> = HashMap::new();
    let mut rows = pin!(session.stream(statement.select(&columns_for(query, Some(field)), "")?)?);
    while let Some(row) = rows.try_next().await? {
        let record = stored_record(&row)?.record;
        if !query.matches(&record) {
            continue;
        }
        let value = match field {
            Field::Level => record.severity.class().index().to_string(),
            field => field.text(&record).unwrap_or_default().into_owned(),
        };
        if value.is_empty() {
            continue;
        }
        *counts.entry(value).or_default() += 1;
        if counts.len() > DISTINCT {
            return Err(Error::invalid(format!(
                "the field {field} has more than {DISTINCT} different values; narrow the time range or the filter"
            )));
        }
    }
    Ok(most_frequent(counts, limit))
}

/// Names the classes; in order of name where the counts are the same.
fn by_class(counts: Vec<(String, u64)>, limit: usize) -> Vec<(String, u64)> {
    let name = |number: &str| LevelClass::ALL.get(number.parse::<usize>().ok()?).map(|class| class.name().to_owned());
    let mut named: Vec<_> = counts.into_iter().filter_map(|(number, count)| Some((name(&number)?, count))).collect();
    named.sort_by(|(one, count), (other, other_count)| other_count.cmp(count).then_with(|| one.cmp(other)));
    named.truncate(limit);
    named
}
