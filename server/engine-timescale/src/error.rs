//! From what PostgreSQL and the driver say to the pipeline's classes.
//!
//! The texts hold what the server said, never a URL: those may carry a password.

use pipeline::Error;
use sqlx::{error::DatabaseError, postgres::PgDatabaseError};

/// The five characters that say what the server refused, where it was the server
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
pub(crate) fn sqlstate(error: &sqlx::Error) -> Option<&str> {
    server_error(error).map(PgDatabaseError::code)
}

fn server_error(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error.as_database_error().and_then(<dyn DatabaseError>::try_downcast_ref)
}

/// Why the server will not take some of the data, where that is what went wrong: the
/// same again would fail again, and the other records can be stored.
pub(crate) fn data_refusal(error: &sqlx::Error) -> Option<String> {
    let error = server_error(error)?;
    // 22: data exception. 23: a constraint. 54: beyond a limit, such as jsonb's.
    let refused = matches!(error.code().get(..2), Some("22" | "23" | "54"));
    refused.then(|| format!("postgresql refuses the record: {}", error.message()))
}

/// Raised by `logboom.hold_lease`.
const LEASE_LOST: &str = "LB001";

/// Whether a transaction failed because its lease is lost.
pub(crate) fn is_lease_lost(error: &sqlx::Error) -> bool {
    sqlstate(error) == Some(LEASE_LOST)
}

/// Gives an error of the driver its class.
pub(crate) fn classify(error: sqlx::Error) -> Error {
    use sqlx::Error as Driver;
    match &error {
        Driver::Database(_) => classify_server(&error),
        Driver::Io(_) | Driver::Tls(_) | Driver::PoolClosed | Driver::WorkerCrashed | Driver::BeginFailed => {
            Error::unavailable(format!("postgresql cannot be reached: {error}"))
        }
        Driver::PoolTimedOut => Error::unavailable("postgresql cannot be reached: no connection became free in time"),
        // What the driver cannot make sense of comes with a connection that broke.
        Driver::Protocol(_) => Error::unavailable(format!("the connection to postgresql broke: {error}")),
        Driver::ColumnDecode { .. } | Driver::Decode(_) => {
            Error::corrupt(format!("a row does not read back as written: {error}"))
        }
        _ => Error::internal(format!("postgresql: {error}")),
    }
}

fn classify_server(error: &sqlx::Error) -> Error {
    let Some(server) = server_error(error) else { return Error::internal(format!("postgresql: {error}")) };
    let message = server.message();
    match server.code() {
        // Cancelled: by the statement timeout, as far as this program goes.
        "57014" => Error::overloaded(
            "the search took too long and was stopped; narrow the time range or the filter",
            std::time::Duration::from_secs(1),
        ),
        // Read-only, a deadlock or a lock not had: later it will do.
        "25006" | "40001" | "40P01" | "55P03" => Error::unavailable(format!("postgresql cannot store now: {message}")),
        LEASE_LOST => Error::conflict(format!(
            "{message}: it ran out or was taken over; nothing was written, and its holder must stop"
        )),
        code => match code.get(..2) {
            // Connection, resources (disk, memory, connections), operator's intervention, I/O.
            Some("08" | "53" | "57" | "58") => Error::unavailable(format!("postgresql cannot answer now: {message}")),
            _ => Error::internal(format!("postgresql: {message} ({code})")),
        },
    }
}

#[cfg(test)]
mod tests {
    use pipeline::ErrorClass;

    use super::*;

    #[test]
    fn a_lost_connection_is_worth_another_try() {
        for error in [sqlx::Error::PoolTimedOut, sqlx::Error::PoolClosed, sqlx::Error::Protocol("cut".to_owned())] {
            assert_eq!(classify(error).class, ErrorClass::Unavailable);
        }
        assert_eq!(classify(sqlx::Error::RowNotFound).class, ErrorClass::Internal);
    }
}
