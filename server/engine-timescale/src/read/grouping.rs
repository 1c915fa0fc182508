//! One grouping of an aggregation, in the database where SQL is equivalent, otherwise row by row.

use std::pin::pin;

use futures::TryStreamExt;
use model::{
    LevelClass, Query,
    aggregate::{self, Cell, Group, Grouping, Groups, Key, Measure, Table},
    query::Field,
    time::Nanos,
};
use pipeline::{Error, Result, TimeRange};
use sqlx::{Row, postgres::PgRow};

use super::{
    minutes::Split,
    row::{columns_for, stored_record},
};
use crate::{
    error::classify,
    minutes::Minutes,
    session::Session,
    sql::{Parameters, Places, Statement, text_of},
    types::Instant,
};

/// The limit of groups collected in memory.
pub(super) const GROUPS: usize = 200_000;

/// One grouping of an aggregation.
pub(super) struct GroupingRun<'a> {
    pub(super) session: &'a mut Session,
    pub(super) query: &'a Query,
    pub(super) range: TimeRange,
    pub(super) grouping: &'a Grouping,
}

/// A table whose rows can be grouped.
#[derive(Clone, Copy)]
struct Source {
    table: &'static str,
    /// The name of the time column.
    time: &'static str,
    /// The SQL of a group's number of records.
    records: &'static str,
}

const LOGS: Source = Source { table: "logs", time: "time", records: "count(*)" };

impl Source {
    fn of_minutes(minutes: Minutes) -> Self {
        Self { table: minutes.table(), time: "minute", records: "sum(records)::bigint" }
    }
}

impl GroupingRun<'_> {
    /// Reads the records; with `places`, only those at these places, which must have all that match.
    pub(super) async fn group_records(&mut self, places: Option<&Places>) -> Result<Table> {
        let mut statement = Statement::matching(self.query).within(self.range);
        if let Some(places) = places {
            statement = statement.at(places);
        }
        if !self.is_exact(&statement) {
            let mut groups = Groups::new(self.grouping);
            if !self.add_rows(statement, &mut groups, GROUPS).await? {
                return Err(too_many_groups());
            }
            return Ok(groups.into_table());
        }
        // One more than the limit shows whether there are more.
        let limit = self.grouping.limit + 1;
        let groups = self.groups_of(statement, LOGS, Some(limit)).await?;
        Ok(self.grouping.table(groups, |keys| keys))
    }

    /// Uses the table of minutes as far as possible, and the records for the rest.
    pub(super) async fn group_minutes(&mut self, minutes: Minutes, split: &Split) -> Result<Table> {
        let mut groups = Groups::new(self.grouping);
        if !split.counted.is_empty() {
            // Of some services, other fields decide: their records are counted one by one.
            let by_service = self.query.split_by_service();
            let of_minutes = by_service.as_ref().map_or(self.query, |(others, _)| others);
            let statement = Statement::matching(of_minutes).during(&split.counted);
            for (keys, group) in self.groups_of(statement, Source::of_minutes(minutes), None).await? {
                groups.merge(keys, group);
            }
            check_group_limit(&groups)?;
            if let Some((_, named)) = &by_service {
                for range in &split.counted {
                    self.add_range(named, *range, &mut groups).await?;
                }
            }
        }
        for range in &split.recounted {
            self.add_range(self.query, *range, &mut groups).await?;
        }
        Ok(groups.into_table())
    }

    /// Adds the matching records of a range, one by one. The query matches no record that the whole one does not.
    async fn add_range(&mut self, query: &Query, range: TimeRange, groups: &mut Groups<'_>) -> Result<()> {
        let statement = Statement::matching(query).within(range);
        if self.add(statement, groups, GROUPS).await? { Ok(()) } else { Err(too_many_groups()) }
    }

    /// Adds the groups of a statement. Returns `false` if there are more than `most`.
    pub(super) async fn add(&mut self, statement: Statement, groups: &mut Groups<'_>, most: usize) -> Result<bool> {
        if !self.is_exact(&statement) {
            return self.add_rows(statement, groups, most).await;
        }
        for (keys, group) in self.groups_of(statement, LOGS, None).await? {
            groups.merge(keys, group);
        }
        Ok(groups.len() <= most)
    }

    /// Whether SQL selects the same records and keys. Its times are in microseconds.
    fn is_exact(&self, statement: &Statement) -> bool {
        let is_exact = |key: &Key| match key {
            Key::Time { width } => width % 1_000 == 0,
            Key::Field(_) => true,
        };
        statement.exact && self.grouping.keys.iter().all(is_exact)
    }

    /// Groups in the database; returns the largest `limit` groups, or all.
    async fn groups_of(
        &mut self,
        mut statement: Statement,
        source: Source,
        limit: Option<usize>,
    ) -> Result<Vec<(Vec<Cell>, Group)>> {
        let Source { table, time, records } = source;
        let (mut columns, mut order) = (Vec::new(), vec!["records desc".to_owned()]);
        for (place, key) in self.grouping.keys.iter().enumerate() {
            let value = value_of(key, time, self.range, &mut statement.parameters);
            columns.push(format!("{value} as key{place}"));
            order.push(match key {
                Key::Field(Field::Level) => format!("{} collate \"C\"", name_of_class(&format!("key{place}"))),
                _ => format!("key{place} nulls first"),
            });
        }
        let keys: Vec<String> = (0..columns.len()).map(|place| format!("key{place}")).collect();
        columns.push(format!("{records} as records"));
        columns.push(if self.measures_time() { format!("max({time}) as newest") } else { "null as newest".to_owned() });
        let group = if keys.is_empty() { String::new() } else { format!("group by {}", keys.join(", ")) };
        // Groups are named and sorted after aggregation, when few are left.
        let rest = limit.map(|limit| {
            let limit = statement.parameters.bind(i64::try_from(limit).unwrap_or(i64::MAX));
            format!("order by {} limit {limit}", order.join(", "))
        });
        let query = statement.select_groups(table, &columns.join(", "), &group, &rest.unwrap_or_default())?;
        let rows = self.session.rows(query).await?;
        let groups = rows.iter().map(|row| self.group(row)).collect::<Result<Vec<_>>>()?;
        Ok(groups.into_iter().filter(|(_, group)| group.records > 0).collect())
    }

    fn group(&self, row: &PgRow) -> Result<(Vec<Cell>, Group)> {
        let keys = self.grouping.keys.iter().enumerate().map(|(place, key)| cell(key, row, place));
        let keys = keys.collect::<Result<Vec<_>>>()?;
        let records: Option<i64> = row.try_get(keys.len()).map_err(classify)?;
        let newest: Option<Instant> =
            if self.measures_time() { row.try_get(keys.len() + 1).map_err(classify)? } else { None };
        let newest = newest.map_or(Nanos::MIN, |newest| newest.join(0));
        Ok((keys, Group::new(records.unwrap_or(0).unsigned_abs(), newest)))
    }

    fn measures_time(&self) -> bool {
        self.grouping.measures.contains(&Measure::NewestTime)
    }

    /// Groups row by row; only rows that match the query. Returns `false` if there are more groups than `most`.
    async fn add_rows(&mut self, statement: Statement, groups: &mut Groups<'_>, most: usize) -> Result<bool> {
        let exact = statement.exact;
        let fields = self.grouping.keys.iter().filter_map(|key| match key {
            Key::Field(field) => Some(field),
            Key::Time { .. } => None,
        });
        let mut rows = pin!(self.session.stream(statement.select(&columns_for(self.query, fields), "")?)?);
        while let Some(row) = rows.try_next().await? {
            let record = stored_record(&row)?.record;
            if exact || self.query.matches(&record) {
                groups.add(&record);
                if groups.len() > most {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

fn check_group_limit(groups: &Groups<'_>) -> Result<()> {
    if groups.len() > GROUPS { Err(too_many_groups()) } else { Ok(()) }
}

fn too_many_groups() -> Error {
    Error::invalid(format!("the result has more than {GROUPS} groups; narrow the time range or the filter"))
}

/// The SQL of a key: text or null, the number of a level class, or the start of a bucket.
fn value_of(key: &Key, time: &str, range: TimeRange, parameters: &mut Parameters) -> String {
    match key {
        Key::Time { width } => {
            let step = parameters.bind(format!("{} microseconds", width / 1_000));
            // The origin of the bins: at or before all times of the range.
            let width = i128::from(*width);
            let origin = i128::from(range.from).div_euclid(width) * width / 1_000;
            let origin = parameters.bind(Instant::from_unix_micros(origin as i64));
            format!("date_bin({step}::text::interval, {time}, {origin})")
        }
        Key::Field(Field::Level) => "(severity - 1) / 4".to_owned(),
        // PostgreSQL texts cannot contain NUL, so no record has such an attribute.
        Key::Field(Field::Attribute(key)) if key.contains('\0') => "null::text".to_owned(),
        // Most values are texts, whose text form is cheaper.
        Key::Field(Field::Attribute(key)) => {
            let key = parameters.bind(key.clone());
            format!(
                "nullif(case jsonb_typeof(attributes -> {key}) when 'string' then attributes ->> {key} \
                 else logboom.attribute_text(attributes -> {key}) end, '') collate \"C\""
            )
        }
        Key::Field(field) => format!("nullif({}, '') collate \"C\"", text_of(field, parameters)),
    }
}

/// The SQL of the name of a level class.
fn name_of_class(number: &str) -> String {
    let names: Vec<String> = LevelClass::ALL.iter().map(|class| format!("'{}'", class.name())).collect();
    format!("(array[{}])[{number} + 1]", names.join(", "))
}

fn cell(key: &Key, row: &PgRow, place: usize) -> Result<Cell> {
    Ok(match key {
        Key::Time { .. } => {
            let time: Instant = row.try_get(place).map_err(classify)?;
            Cell::Time(time.join(0))
        }
        Key::Field(Field::Level) => {
            let class: i32 = row.try_get(place).map_err(classify)?;
            let class = usize::try_from(class).ok().and_then(|class| LevelClass::ALL.get(class));
            let class = class.ok_or_else(|| Error::corrupt("a record has an invalid severity"))?;
            aggregate::class(*class)
        }
        Key::Field(_) => aggregate::text(row.try_get(place).map_err(classify)?),
    })
}
