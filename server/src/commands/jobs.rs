//! What the commands for replays and deletions have in common: the list, and cancelling.

use std::io::{self, Write as _};

use clap::Args;
use reqwest::Method;
use serde::{Serialize, de::DeserializeOwned};

use super::{client::Server, printable};

/// Options of the list.
#[derive(Debug, Args)]
pub(crate) struct ListOptions {
    /// Print one JSON object per line.
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub server: Server,
}

/// The one to cancel.
#[derive(Debug, Args)]
pub(crate) struct CancelOptions {
    /// The id, as listed by the action `list`.
    #[arg(value_name = "ID")]
    pub id: String,

    #[command(flatten)]
    pub server: Server,
}

/// Prints all of a path of the API, each as a line.
///
/// # Errors
/// The server cannot be reached or refuses the call, or the standard output is closed.
pub(super) async fn list<T: Serialize + DeserializeOwned>(
    options: &ListOptions,
    path: &str,
    row: fn(T) -> String,
) -> anyhow::Result<()> {
    let answer = options.server.call(Method::GET, path, &[]).await?;
    let items: Vec<T> = serde_json::from_slice(&answer.bytes().await?)?;
    let mut output = io::stdout().lock();
    for item in items {
        let line = if options.json { printable::json(&serde_json::to_string(&item)?).into_owned() } else { row(item) };
        writeln!(output, "{line}")?;
    }
    Ok(())
}

/// Cancels one. `count` is its id, and the number of records until then.
///
/// # Errors
/// The server cannot be reached or refuses the call, or the standard output is closed.
pub(super) async fn cancel<T: DeserializeOwned>(
    options: &CancelOptions,
    path: &str,
    count: fn(T) -> (String, u64),
) -> anyhow::Result<()> {
    let answer = options.server.call(Method::DELETE, &format!("{path}/{}", options.id), &[]).await?;
    let (id, records) = count(serde_json::from_slice(&answer.bytes().await?)?);
    let records = printable::counted(records, "record");
    writeln!(io::stdout(), "{}: cancelled after {records}", printable::text(&id))?;
    Ok(())
}
