//! Search statements: the conditions shared by all readers.

use model::Query;
use pipeline::{Cursor, Result, TimeRange};
use sqlx::{Postgres, postgres::PgArguments, query::Query as Prepared};

use super::{Parameters, Places, filter::compile};
use crate::types::Instant;

/// A statement on `logboom.logs` under construction.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) parameters: Parameters,
    conditions: Vec<String>,
    /// Whether the conditions select exactly the records that match the query.
    pub(crate) exact: bool,
}

impl Statement {
    /// Selects all records that match the query.
    pub(crate) fn matching(query: &Query) -> Self {
        let mut parameters = Parameters::default();
        let condition = compile(&query.expr, false, &mut parameters);
        Self { parameters, conditions: condition.sql.into_iter().collect(), exact: condition.exact }
    }

    /// Restricts to the range. The conditions on `time` alone come first: they exclude partitions and chunks.
    pub(crate) fn within(mut self, range: TimeRange) -> Self {
        if range.from > i64::MIN {
            let (from, nanos) = Instant::split(range.from);
            let from = self.parameters.bind(from);
            self.conditions.push(format!("time >= {from}"));
            if nanos > 0 {
                let nanos = self.parameters.bind(nanos);
                self.conditions.push(format!("(time > {from} or time_ns >= {nanos})"));
            }
        }
        let (to, nanos) = Instant::split(range.to);
        let to = self.parameters.bind(to);
        if nanos == 0 {
            self.conditions.push(format!("time < {to}"));
        } else {
            let nanos = self.parameters.bind(nanos);
            self.conditions.push(format!("time <= {to} and (time < {to} or time_ns < {nanos})"));
        }
        self
    }

    /// Restricts to records older than the cursor: after it in newest-first order.
    pub(crate) fn before(self, cursor: Cursor) -> Self {
        self.compare_with(cursor, "<")
    }

    /// Restricts to records newer than the cursor: before it in newest-first order.
    pub(crate) fn after(self, cursor: Cursor) -> Self {
        self.compare_with(cursor, ">")
    }

    /// Restricts to the cursor and newer records.
    pub(crate) fn upto(self, cursor: Cursor) -> Self {
        self.compare_with(cursor, ">=")
    }

    fn compare_with(mut self, cursor: Cursor, operator: &str) -> Self {
        let (time, nanos) = Instant::split(cursor.time);
        let time = self.parameters.bind(time);
        let nanos = self.parameters.bind(nanos);
        let position = self.parameters.bind(cursor.position.0);
        let loosely = if operator.starts_with('<') { "<=" } else { ">=" };
        self.conditions.push(format!("time {loosely} {time}"));
        self.conditions.push(format!("(time, time_ns, position) {operator} ({time}, {nanos}, {position})"));
        self
    }

    /// Restricts to these ranges of whole minutes, in `logboom.minutes`.
    pub(crate) fn during(mut self, ranges: &[TimeRange]) -> Self {
        let mut of = |range: &TimeRange| {
            let from = self.parameters.bind(Instant::split(range.from).0);
            let to = self.parameters.bind(Instant::split(range.to).0);
            format!("(minute >= {from} and minute < {to})")
        };
        let ranges: Vec<String> = ranges.iter().map(&mut of).collect();
        self.conditions.push(format!("({})", ranges.join(" or ")));
        self
    }

    /// Restricts to these places.
    pub(crate) fn at(mut self, places: &Places) -> Self {
        let condition = places.condition(&mut self.parameters);
        self.and(condition)
    }

    /// Adds a condition whose values are in `parameters`.
    pub(crate) fn and(mut self, condition: String) -> Self {
        self.conditions.push(condition);
        self
    }

    /// The finished query: `select … from … where …`, followed by `rest`.
    pub(crate) fn select(self, columns: &str, rest: &str) -> Result<Prepared<'static, Postgres, PgArguments>> {
        let conditions = conditions(&self.conditions);
        self.parameters.query(format!("select {columns} from logboom.logs where {conditions} {rest}"))
    }

    /// As [`Self::select`], but materialises all matches before it applies `rest`: for selective conditions with an
    /// index.
    pub(crate) fn select_few(self, columns: &str, rest: &str) -> Result<Prepared<'static, Postgres, PgArguments>> {
        // Without the fence, the planner would scan everything in the order of `rest`.
        self.parameters.query(format!(
            "select {columns} from (select {columns} from logboom.logs where {} offset 0) as few {rest}",
            conditions(&self.conditions)
        ))
    }

    /// Groups the rows of a table, and applies `rest` to the groups.
    pub(crate) fn select_groups(
        self,
        table: &str,
        columns: &str,
        group: &str,
        rest: &str,
    ) -> Result<Prepared<'static, Postgres, PgArguments>> {
        let conditions = conditions(&self.conditions);
        self.parameters.query(format!(
            "select * from (select {columns} from logboom.{table} where {conditions} {group}) as groups {rest}"
        ))
    }
}

fn conditions(all: &[String]) -> String {
    if all.is_empty() { "true".to_owned() } else { all.join(" and ") }
}
