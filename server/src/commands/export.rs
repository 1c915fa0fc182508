//! `logboom export`: writes records of a running server to a file.

use std::{io::Write as _, path::PathBuf};

use anyhow::Context as _;
use clap::Args;
use futures::StreamExt as _;
use reqwest::Method;
use tokio::io::AsyncWriteExt as _;

use super::{client::Server, printable};
use crate::export::Format;

/// Options of the export.
#[derive(Debug, Args)]
pub(crate) struct ExportOptions {
    /// The records to export, in the query language, such as 'level:error service:shop'; without it all.
    #[arg(default_value = "")]
    pub query: String,

    #[command(flatten)]
    pub server: Server,

    /// Only records from this time on: -1h, 2026-01-02T03:04:05Z or epoch milliseconds.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<String>,

    /// Only records before this time.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub to: Option<String>,

    /// The file format.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,

    /// The output file; it gets its name when it is complete. Without it, the output is written to the standard
    /// output.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// # Errors
/// The server cannot be reached or refuses the call, the output cannot be written, or the response ends too early.
pub(crate) async fn run(options: &ExportOptions) -> anyhow::Result<()> {
    let format = options.format.to_string();
    let mut parameters = vec![("query", options.query.as_str()), ("format", &format)];
    for (name, value) in [("from", &options.from), ("to", &options.to)] {
        parameters.extend(value.as_deref().map(|value| (name, value)));
    }
    let response = options.server.call(Method::GET, "/api/v1/export", &parameters).await?;
    let Some(path) = &options.output else { return print(response).await };
    let mut unfinished = path.clone().into_os_string();
    unfinished.push(".partial");
    let unfinished = PathBuf::from(unfinished);
    let mut file = tokio::fs::File::create(&unfinished)
        .await
        .with_context(|| format!("cannot create {}", unfinished.display()))?;
    let bytes = copy(response, &mut file).await?;
    file.sync_all().await?;
    tokio::fs::rename(&unfinished, path).await.with_context(|| format!("cannot create {}", path.display()))?;
    writeln!(std::io::stderr(), "{}: {bytes} bytes", path.display())?;
    Ok(())
}

/// Writes to the standard output.
async fn print(response: reqwest::Response) -> anyhow::Result<()> {
    let mut output = printable::Output::stdout();
    let mut pieces = response.bytes_stream();
    while let Some(piece) = pieces.next().await {
        output.write_all(&piece.map_err(reqwest::Error::without_url).context("the export is incomplete")?)?;
    }
    Ok(output.flush()?)
}

async fn copy(response: reqwest::Response, output: &mut tokio::fs::File) -> anyhow::Result<u64> {
    let mut bytes = 0;
    let mut pieces = response.bytes_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(reqwest::Error::without_url).context("the export is incomplete")?;
        output.write_all(&piece).await?;
        bytes += piece.len() as u64;
    }
    output.flush().await?;
    Ok(bytes)
}
