//! The parameters of a statement, numbered in order.

use pipeline::{Error, Result};
use sqlx::{
    Arguments, AssertSqlSafe, Encode, Postgres, Type, error::BoxDynError, postgres::PgArguments, query::Query,
    query_with,
};

/// Collects the parameters of a statement.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    arguments: PgArguments,
    count: usize,
    failed: Option<BoxDynError>,
}

impl Parameters {
    /// Adds a value; returns its placeholder, such as `$3`.
    pub(crate) fn bind<'v, V: Encode<'v, Postgres> + Type<Postgres>>(&mut self, value: V) -> String {
        if let Err(error) = self.arguments.add(value) {
            self.failed.get_or_insert(error);
        }
        self.count += 1;
        format!("${}", self.count)
    }

    /// The finished query. It is planned for these values, because good plans of a search depend on them.
    ///
    /// `sql` contains no values: all are parameters.
    pub(crate) fn query(self, sql: String) -> Result<Query<'static, Postgres, PgArguments>> {
        match self.failed {
            Some(error) => Err(Error::internal(format!("a value cannot be sent to postgresql: {error}"))),
            None => Ok(query_with(AssertSqlSafe(sql), self.arguments).persistent(false)),
        }
    }
}
