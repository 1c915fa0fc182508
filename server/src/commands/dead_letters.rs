//! `logboom dead-letters` and `logboom replay`: what could not be stored, and another try.

use std::io::Write as _;

use anyhow::bail;
use clap::Args;
use reqwest::Method;
use serde::Deserialize;

use super::client::Server;

/// How many are asked for at once.
const PAGE: &str = "1000";

/// What to list.
#[derive(Debug, Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    pub server: Server,

    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// What to try again.
#[derive(Debug, Args)]
pub(crate) struct ReplayOptions {
    /// The letters' ids, as `logboom dead-letters` lists them.
    #[arg(value_name = "ID", required_unless_present = "all")]
    pub ids: Vec<i64>,

    /// All there are.
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,

    #[command(flatten)]
    pub server: Server,
}

#[derive(Deserialize)]
struct Letter {
    id: String,
    time: String,
    reason: String,
    producer: String,
    records: u64,
}

/// # Errors
/// The server cannot be reached or refuses.
pub(crate) async fn list(options: &ListOptions) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    for letter in letters(&options.server).await? {
        if options.json {
            writeln!(output, "{letter}")?;
            continue;
        }
        let Letter { id, time, reason, producer, records } = serde_json::from_value(letter)?;
        writeln!(output, "{id}\t{time}\t{records} records\t{producer}\t{reason}")?;
    }
    Ok(())
}

/// # Errors
/// The server cannot be reached, or one of the letters cannot be replayed; the others are.
pub(crate) async fn replay(options: &ReplayOptions) -> anyhow::Result<()> {
    let mut ids: Vec<String> = options.ids.iter().map(i64::to_string).collect();
    if options.all {
        for letter in letters(&options.server).await? {
            ids.push(serde_json::from_value::<Letter>(letter)?.id);
        }
    }
    let mut failed = 0;
    for id in &ids {
        let path = format!("/api/v1/dead-letters/{id}/replay");
        match options.server.ask(Method::POST, &path, &[]).await {
            Ok(_) => writeln!(std::io::stdout(), "{id}: replayed")?,
            Err(error) => {
                failed += 1;
                writeln!(std::io::stderr(), "{id}: {error:#}")?;
            }
        }
    }
    if failed > 0 {
        bail!("{failed} of {} dead letters could not be replayed, and stay", ids.len());
    }
    Ok(())
}

/// All of them, newest first.
async fn letters(server: &Server) -> anyhow::Result<Vec<serde_json::Value>> {
    let mut letters: Vec<serde_json::Value> = Vec::new();
    loop {
        let before = letters.last().and_then(|letter| letter["id"].as_str()).map(str::to_owned);
        let mut parameters = vec![("limit", PAGE)];
        parameters.extend(before.as_deref().map(|before| ("before", before)));
        let answer = server.ask(Method::GET, "/api/v1/dead-letters", &parameters).await?;
        let page: Vec<serde_json::Value> = serde_json::from_slice(&answer.bytes().await?)?;
        if page.is_empty() {
            return Ok(letters);
        }
        letters.extend(page);
    }
}
