//! `logboom documents`: export and import of what a server keeps beside the records.

use std::{
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde::Deserialize;

use super::{client::Server, printable};

/// What to do with documents.
#[derive(Debug, Args)]
pub(crate) struct DocumentsOptions {
    #[command(subcommand)]
    pub command: DocumentsCommand,
}

/// What can be done with them.
#[derive(Debug, Subcommand)]
pub(crate) enum DocumentsCommand {
    /// Write documents to the standard output, in the format of imports and of --config-dir.
    Export(ExportOptions),
    /// Read a file of documents and store them. All are checked before one is stored.
    Import(ImportOptions),
}

/// What to export.
#[derive(Debug, Args)]
pub(crate) struct ExportOptions {
    /// One kind alone, such as view.
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,

    #[command(flatten)]
    pub server: Server,
}

/// What to import.
#[derive(Debug, Args)]
pub(crate) struct ImportOptions {
    /// The file, or - for the standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Overwrite documents that differ. Without it they are refused, and the others imported.
    #[arg(long)]
    pub replace: bool,

    #[command(flatten)]
    pub server: Server,
}

/// # Errors
/// The server cannot be reached or refuses.
pub(crate) async fn run(options: &DocumentsOptions) -> anyhow::Result<()> {
    match &options.command {
        DocumentsCommand::Export(options) => export(options).await,
        DocumentsCommand::Import(options) => import(options).await,
    }
}

async fn export(options: &ExportOptions) -> anyhow::Result<()> {
    let parameters: Vec<_> = options.kind.iter().map(|kind| ("kind", kind.as_str())).collect();
    let answer = options.server.call(Method::GET, "/api/v1/documents", &parameters).await?;
    let mut output = printable::Output::stdout();
    output.write_all(&answer.bytes().await?)?;
    Ok(output.flush()?)
}

#[derive(Deserialize)]
struct Imported {
    added: Vec<String>,
    changed: Vec<String>,
    unchanged: Vec<String>,
    refused: Vec<Refused>,
}

#[derive(Deserialize)]
struct Refused {
    document: String,
    reason: String,
}

/// # Errors
/// Also where a document was refused; the others are imported.
async fn import(options: &ImportOptions) -> anyhow::Result<()> {
    let text = content(&options.file).with_context(|| options.file.display().to_string())?;
    let parameters = [("replace", if options.replace { "true" } else { "false" })];
    let answer = options.server.send(Method::POST, "/api/v1/documents", &parameters, text).await?;
    let Imported { added, changed, unchanged, refused } = serde_json::from_slice(&answer.bytes().await?)?;
    let mut output = std::io::stdout().lock();
    for (documents, outcome) in [(&added, "added"), (&changed, "changed"), (&unchanged, "unchanged")] {
        for document in documents {
            writeln!(output, "{outcome}\t{}", printable::field(document))?;
        }
    }
    for Refused { document, reason } in &refused {
        writeln!(std::io::stderr(), "refused\t{}: {}", printable::field(document), printable::field(reason))?;
    }
    let (added, changed, unchanged) = (added.len(), changed.len(), unchanged.len());
    writeln!(std::io::stderr(), "{added} added, {changed} changed, {unchanged} unchanged, {} refused", refused.len())?;
    if !refused.is_empty() {
        let refused = printable::counted(refused.len() as u64, "document");
        bail!("the server refused {refused}; --replace overwrites those that differ");
    }
    Ok(())
}

fn content(file: &Path) -> std::io::Result<Vec<u8>> {
    if file != Path::new("-") {
        return std::fs::read(file);
    }
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text)?;
    Ok(text)
}
