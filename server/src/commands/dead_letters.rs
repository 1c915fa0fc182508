//! `logboom dead-letters`: lists, deletes and replays batches that could not be stored.

use std::io::Write as _;

use anyhow::bail;
use clap::{Args, Subcommand};
use futures::StreamExt as _;
use reqwest::Method;
use serde::Deserialize;

use super::{client::Server, printable};

/// The number of letters per request.
const PAGE: &str = "1000";

/// Actions on dead letters; without a command: list them.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct DeadLetterOptions {
    #[command(subcommand)]
    pub command: Option<DeadLetterCommand>,
    #[command(flatten)]
    pub list: ListOptions,
}

/// The actions.
#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetterCommand {
    /// List them, newest first: id, time, records, sender and reason.
    List(ListOptions),
    /// Print one with its records as JSON, or its original payload.
    Show(ShowOptions),
    /// Print the matching letters with their records, one JSON object per line.
    Download(DownloadOptions),
    /// Delete letters permanently: by id, by filter, or all.
    Delete(SomeOptions),
    /// Store letters again: by id, by filter, or all.
    Replay(SomeOptions),
}

/// The filter of dead letters; without options, it selects all.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Filter {
    /// Text in the reason.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,

    /// Text in the sender: the door and the client's address, such as http or 10.0.0.1.
    #[arg(long, value_name = "TEXT")]
    pub door: Option<String>,

    /// A service of its records.
    #[arg(long, value_name = "SERVICE")]
    pub service: Option<String>,

    /// Letters from this time on, such as -1d or 2026-01-02T03:04:05Z.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<String>,

    /// Letters before this time.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub to: Option<String>,
}

impl Filter {
    fn parameters(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("reason", &self.reason),
            ("door", &self.door),
            ("service", &self.service),
            ("from", &self.from),
            ("to", &self.to),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
    }
}

/// Options of the list.
#[derive(Debug, Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    pub filter: Filter,

    #[command(flatten)]
    pub server: Server,

    /// Print one JSON object per line.
    #[arg(long)]
    pub json: bool,
}

/// Options of `show`.
#[derive(Debug, Args)]
pub(crate) struct ShowOptions {
    /// The id of the letter, as listed by `logboom dead-letters`.
    #[arg(value_name = "ID")]
    pub id: i64,

    /// Print only the original payload.
    #[arg(long)]
    pub raw: bool,

    #[command(flatten)]
    pub server: Server,
}

/// Options of the download.
#[derive(Debug, Args)]
pub(crate) struct DownloadOptions {
    #[command(flatten)]
    pub filter: Filter,

    #[command(flatten)]
    pub server: Server,
}

/// The letters of an action.
#[derive(Debug, Args)]
pub(crate) struct SomeOptions {
    /// The ids of the letters, as listed by `logboom dead-letters`.
    #[arg(value_name = "ID")]
    pub ids: Vec<i64>,

    /// All letters.
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,

    #[command(flatten)]
    pub filter: Filter,

    #[command(flatten)]
    pub server: Server,
}

impl SomeOptions {
    /// The selected ids, newest letter first.
    async fn selected_ids(&self) -> anyhow::Result<Vec<String>> {
        let is_filtered = !self.filter.parameters().is_empty();
        match (self.ids.is_empty(), self.all || is_filtered) {
            (false, false) => Ok(self.ids.iter().map(i64::to_string).collect()),
            (false, true) => bail!("select letters by id or by filter, not both"),
            (true, false) => bail!("select letters by id, by a filter such as --reason, or with --all"),
            (true, true) => {
                let letters = letters(&self.server, &self.filter).await?;
                letters.into_iter().map(|letter| Ok(serde_json::from_value::<Letter>(letter)?.id)).collect()
            }
        }
    }
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
/// The server cannot be reached or refuses the call.
pub(crate) async fn run(options: &DeadLetterOptions) -> anyhow::Result<()> {
    match &options.command {
        None => list(&options.list).await,
        Some(DeadLetterCommand::List(options)) => list(options).await,
        Some(DeadLetterCommand::Show(options)) => show(options).await,
        Some(DeadLetterCommand::Download(options)) => download(options).await,
        Some(DeadLetterCommand::Delete(options)) => delete(options).await,
        Some(DeadLetterCommand::Replay(options)) => replay(options).await,
    }
}

async fn list(options: &ListOptions) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    for letter in letters(&options.server, &options.filter).await? {
        if options.json {
            writeln!(output, "{}", printable::json(&letter.to_string()))?;
            continue;
        }
        writeln!(output, "{}", row(serde_json::from_value(letter)?))?;
    }
    Ok(())
}

/// A letter as fields between tabs.
fn row(letter: Letter) -> String {
    let Letter { id, time, reason, producer, records } = letter;
    let fields = [id, time, printable::counted(records, "record"), producer, reason];
    fields.each_ref().map(|text| printable::field(text)).join("\t")
}

async fn show(options: &ShowOptions) -> anyhow::Result<()> {
    let path = format!("/api/v1/dead-letters/{}{}", options.id, if options.raw { "/raw" } else { "" });
    let body = options.server.call(Method::GET, &path, &[]).await?.bytes().await?;
    if options.raw {
        let mut output = printable::Output::stdout();
        output.write_all(&body)?;
        output.flush()?;
    } else {
        let letter: serde_json::Value = serde_json::from_slice(&body)?;
        writeln!(std::io::stdout(), "{}", printable::json(&format!("{letter:#}")))?;
    }
    Ok(())
}

async fn download(options: &DownloadOptions) -> anyhow::Result<()> {
    let parameters = options.filter.parameters();
    let answer = options.server.call(Method::GET, "/api/v1/dead-letters/download", &parameters).await?;
    let mut body = answer.bytes_stream();
    let mut output = printable::Output::stdout();
    while let Some(bytes) = body.next().await {
        output.write_all(&bytes?)?;
    }
    Ok(output.flush()?)
}

async fn delete(options: &SomeOptions) -> anyhow::Result<()> {
    each(options, Method::DELETE, "", "deleted").await
}

async fn replay(options: &SomeOptions) -> anyhow::Result<()> {
    each(options, Method::POST, "/replay", "replayed").await
}

/// One call per letter, so that each has its own result.
async fn each(options: &SomeOptions, method: Method, call: &str, done: &str) -> anyhow::Result<()> {
    let ids = options.selected_ids().await?;
    let mut failed = 0;
    for id in &ids {
        let path = format!("/api/v1/dead-letters/{id}{call}");
        match options.server.call(method.clone(), &path, &[]).await {
            Ok(_) => writeln!(std::io::stdout(), "{}: {done}", printable::field(id))?,
            Err(error) => {
                failed += 1;
                writeln!(std::io::stderr(), "{}", printable::text(&format!("{id}: {error:#}")))?;
            }
        }
    }
    if failed > 0 {
        let letters = printable::counted(ids.len() as u64, "dead letter");
        bail!("{failed} of {letters} could not be {done} and remain");
    }
    Ok(())
}

/// All letters that pass the filter, newest first.
async fn letters(server: &Server, filter: &Filter) -> anyhow::Result<Vec<serde_json::Value>> {
    let mut letters: Vec<serde_json::Value> = Vec::new();
    loop {
        let before = letters.last().and_then(|letter| letter["id"].as_str()).map(str::to_owned);
        let mut parameters = vec![("limit", PAGE)];
        parameters.extend(filter.parameters());
        parameters.extend(before.as_deref().map(|before| ("before", before)));
        let answer = server.call(Method::GET, "/api/v1/dead-letters", &parameters).await?;
        let page: Vec<serde_json::Value> = serde_json::from_slice(&answer.bytes().await?)?;
        if page.is_empty() {
            return Ok(letters);
        }
        letters.extend(page);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_one_line_without_controls() {
        let letter = Letter {
            id: "7".to_owned(),
            time: "2026-11-19T14:00:00Z".to_owned(),
            reason: "no\tlevel\n\x1b]0;title\x07".to_owned(),
            producer: "http \u{2066}10.0.0.1".to_owned(),
            records: 2,
        };
        let reason = "no\\tlevel\\n\\u{1b}]0;title\\u{7}";
        assert_eq!(row(letter), format!("7\t2026-11-19T14:00:00Z\t2 records\thttp \\u{{2066}}10.0.0.1\t{reason}"));
    }
}
