//! Maps errors of PostgreSQL and its driver to the pipeline's classes.
//!
//! The messages contain the server's text, but never a URL, which may hold a password.

use pipeline::Error;
use sqlx::{error::DatabaseError, postgres::PgDatabaseError};

/// The SQLSTATE, if the server returned the error (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
pub(crate) fn sqlstate(error: &sqlx::Error) -> Option<&str> {
    server_error(error).map(PgDatabaseError::code)
}

fn server_error(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error.as_database_error().and_then(<dyn DatabaseError>::try_downcast_ref)
}

/// The reason, if the server refuses some of the data. Retrying fails again, but the other records can be stored.
pub(crate) fn data_refusal(error: &sqlx::Error) -> Option<String> {
    let error = server_error(error)?;
    // 22: data exception. 23: constraint violation. 54: limit exceeded, such as that of jsonb.
    let refused = matches!(error.code().get(..2), Some("22" | "23" | "54"));
    refused.then(|| format!("postgresql refuses the record: {}", error.message()))
}

/// The SQLSTATE raised by `logboom.hold_lease`.
const LEASE_LOST: &str = "LB001";

/// Whether a transaction failed because its lease is lost.
pub(crate) fn is_lease_lost(error: &sqlx::Error) -> bool {
    sqlstate(error) == Some(LEASE_LOST)
}

/// Classifies an error of the driver.
pub(crate) fn classify(error: sqlx::Error) -> Error {
    use sqlx::Error as Driver;
    match &error {
        Driver::Database(_) => classify_server(&error),
        Driver::Io(_) | Driver::Tls(_) | Driver::PoolClosed | Driver::WorkerCrashed | Driver::BeginFailed => {
            Error::unavailable(format!("postgresql cannot be reached: {error}"))
        }
        Driver::PoolTimedOut => Error::unavailable("postgresql cannot be reached: no connection became free in time"),
        // The driver cannot parse the messages of a connection that broke.
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
        // Cancelled; in this program only by the statement timeout.
        "57014" => Error::overloaded(
            "the search took too long and was stopped; narrow the time range or the filter",
            std::time::Duration::from_secs(1),
        ),
        // Read-only, a serialization failure, a deadlock or a lock timeout: a retry may succeed.
        "25006" | "40001" | "40P01" | "55P03" => Error::unavailable(format!("postgresql cannot store now: {message}")),
        LEASE_LOST => Error::conflict(format!(
            "{message}: it ran out or was taken over; nothing was written, and its holder must stop"
        )),
        code => match code.get(..2) {
            // Connection, resources (disk, memory, connections), operator intervention, I/O.
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
