//! Lists of keys, users and sessions: their options, and how they are printed.

use std::io::Write as _;

use clap::Args;
use serde::Serialize;

use super::{place::Place, printable};

/// Options of the list.
#[derive(Debug, Args)]
pub(crate) struct ListOptions {
    /// Print one JSON object per line, as in the API.
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub place: Place,
}

/// Prints each item as a line: as JSON, or as the fields of `row`.
///
/// # Errors
/// The standard output is closed.
pub(super) fn print<T: Serialize>(items: &[T], as_json: bool, row: fn(&T) -> String) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    for item in items {
        let line = if as_json { printable::json(&serde_json::to_string(item)?).into_owned() } else { row(item) };
        writeln!(output, "{line}")?;
    }
    Ok(())
}

/// A time of RFC 3339 without the fraction of its second.
pub(super) fn to_second(time: &str) -> String {
    match time.split_once('.') {
        Some((second, _)) => format!("{second}Z"),
        None => time.to_owned(),
    }
}
