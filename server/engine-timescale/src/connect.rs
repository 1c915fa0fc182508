//! Connects to the server: its URL, the pools, and retries.

use std::{str::FromStr, time::Duration};

use pipeline::{Error, Result};
use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool, Row,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{
    Options,
    error::{classify, sqlstate},
};

/// The interval of attempts to reach a server that does not answer, and of the warnings about it.
const TRY_EVERY: Duration = Duration::from_millis(500);
const WARN_EVERY: Duration = Duration::from_secs(3);
/// The time limit of one attempt.
const ONE_TRY: Duration = Duration::from_secs(10);

/// The time limit for a caller to get a connection from the pool; then its call fails.
const ACQUIRE: Duration = Duration::from_secs(10);
/// Connections for appends, the horizon and its listener, upkeep and summaries with their leases, a deletion, and small
/// statements.
const WRITE_CONNECTIONS: u32 = 9;

/// The connections to the server. Writes have their own pool, so that searches never delay them.
#[derive(Debug, Clone)]
pub(crate) struct Pools {
    pub(crate) write: PgPool,
    pub(crate) read: PgPool,
    /// The version of the server, such as `15.18`.
    pub(crate) version: String,
}

/// Waits for the server and connects.
///
/// # Errors
/// `Invalid` for a malformed URL, and if the server refuses the connection: a wrong password, or a database that does
/// not exist or has an unsuitable encoding.
pub(crate) async fn connect(url: &str, options: &Options) -> Result<Pools> {
    let server = parse(url)?;
    let (version, encoding) = wait_for(&server).await?;
    // UTF8 has every character, and SQL_ASCII stores bytes unchanged. All other encodings lack most characters.
    if !matches!(encoding.as_str(), "UTF8" | "SQL_ASCII") {
        return Err(Error::invalid(format!(
            "the database's encoding is {encoding}, which cannot hold every log; make one that can: create database \
             logboom encoding 'UTF8' template template0"
        )));
    }
    Ok(Pools {
        // The open transaction of a vanished node blocks all readers, so the server must end it soon.
        write: pool(
            &server,
            WRITE_CONNECTIONS,
            vec![
                ("idle_in_transaction_session_timeout", "30s".to_owned()),
                ("tcp_keepalives_idle", "15".to_owned()),
                ("tcp_keepalives_interval", "5".to_owned()),
                ("tcp_keepalives_count", "3".to_owned()),
            ],
        ),
        read: pool(
            &server,
            options.read_connections.max(1),
            vec![
                ("statement_timeout", options.read_timeout.as_millis().to_string()),
                ("client_connection_check_interval", "500".to_owned()),
            ],
        ),
        version,
    })
}

/// Parses the URL. An error does not contain the URL, because it may hold a password.
fn parse(url: &str) -> Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(url).map_err(|_| {
        Error::invalid(
            "the store's url is not one of postgresql; write postgres://user:password@host:5432/database?sslmode=prefer",
        )
    })?;
    Ok(options.application_name("logboom").disable_statement_logging())
}

/// The name of the server in logs, without the password.
fn name(server: &PgConnectOptions) -> String {
    let database = server.get_database().unwrap_or(server.get_username());
    match server.get_socket() {
        Some(folder) => format!("{} (database {database})", folder.display()),
        None => format!("{}:{} (database {database})", server.get_host(), server.get_port()),
    }
}

/// Retries until the server answers; returns its version and the database's encoding.
async fn wait_for(server: &PgConnectOptions) -> Result<(String, String)> {
    let name = name(server);
    let mut warned: Option<std::time::Instant> = None;
    loop {
        let failure = match tokio::time::timeout(ONE_TRY, version(server)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => {
                // 28: authentication failed. 3D: no such database. Waiting does not help.
                if matches!(sqlstate(&error).and_then(|code| code.get(..2)), Some("28" | "3D")) {
                    return Err(Error::invalid(format!("postgresql at {name} refuses the connection: {error}")));
                }
                classify(error).message
            }
            Err(_) => format!("no answer within {ONE_TRY:?}"),
        };
        if warned.is_none_or(|warned| warned.elapsed() >= WARN_EVERY) {
            tracing::warn!("waiting for postgresql at {name}: {failure}");
            warned = Some(std::time::Instant::now());
        }
        tokio::time::sleep(TRY_EVERY).await;
    }
}

async fn version(server: &PgConnectOptions) -> sqlx::Result<(String, String)> {
    let mut connection = PgConnection::connect_with(server).await?;
    let version: String = sqlx::query("show server_version").fetch_one(&mut connection).await?.try_get(0)?;
    let encoding = sqlx::query("show server_encoding").fetch_one(&mut connection).await?.try_get(0)?;
    connection.close().await?;
    // Debian appends its package version after a space.
    Ok((version.split(' ').next().unwrap_or_default().to_owned(), encoding))
}

/// A pool whose connections have these settings. Settings that the server does not know are skipped.
fn pool(server: &PgConnectOptions, connections: u32, settings: Vec<(&'static str, String)>) -> PgPool {
    let (names, values): (Vec<_>, Vec<_>) = settings.into_iter().unzip();
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE)
        .after_connect(move |connection, _| {
            let set = sqlx::query(include_str!("../queries/settings.sql")).bind(names.clone()).bind(values.clone());
            Box::pin(async move { set.execute(connection).await.map(drop) })
        })
        .connect_lazy_with(server.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_repeated() {
        let error = parse("postgres://me:hunter2@[bad/db").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        let server = parse("postgres://me:hunter2@db.example:5433/logs").unwrap();
        assert_eq!(name(&server), "db.example:5433 (database logs)");
    }
}
