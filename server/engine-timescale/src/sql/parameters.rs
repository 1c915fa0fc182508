//! The values of a statement, in the order of their numbers.

use pipeline::{Error, Result};
use sqlx::{
    Arguments, AssertSqlSafe, Encode, Postgres, Type, error::BoxDynError, postgres::PgArguments, query::Query,
    query_with,
};

/// Collects the values of a statement that is being written.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    arguments: PgArguments,
    count: usize,
    failed: Option<BoxDynError>,
}

impl Parameters {
    /// Adds a value; returns how the statement refers to it, such as `$3`.
    pub(crate) fn bind<'v, V: Encode<'v, Postgres> + Type<Postgres>>(&mut self, value: V) -> String {
        if let Err(error) = self.arguments.add(value) {
            self.failed.get_or_insert(error);
        }
        self.count += 1;
        format!("${}", self.count)
    }

    /// The statement, ready to run: planned for these very values, because what is a
    /// good plan for a search depends on them.
    ///
    /// `sql` holds no values: they are all in here.
    pub(crate) fn query(self, sql: String) -> Result<Query<'static, Postgres, PgArguments>> {
        match self.failed {
            Some(error) => Err(Error::internal(format!("a value cannot be sent to postgresql: {error}"))),
            None => Ok(query_with(AssertSqlSafe(sql), self.arguments).persistent(false)),
        }
    }
}
