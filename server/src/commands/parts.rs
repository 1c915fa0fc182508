//! `logboom parts`: the files that hold the records, for programs that read Parquet.

use std::{
    io::Write as _,
    path::{Path, PathBuf, absolute},
};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use engine_embedded::inspect::{self, ListedPart};
use model::{api::PartAsideView, time::format_rfc3339};
use reqwest::Method;
use serde_json::json;

use super::client::Server;

/// Which parts to list, and how.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct PartsOptions {
    #[command(subcommand)]
    pub command: Option<PartsCommand>,

    /// The data folder; a server may be using it.
    #[arg(long, env = "LOGBOOM_DATA", value_name = "DIR", default_value = "./data")]
    pub data: PathBuf,

    /// One JSON object a line, with records, bytes and times, instead of paths.
    #[arg(long)]
    pub json: bool,
}

/// What can be done with parts that are missing or damaged.
#[derive(Debug, Subcommand)]
pub(crate) enum PartsCommand {
    /// List the parts that a running server has set aside: name, times, records and reason.
    /// Put a part's file back in its place and start the server again to get it back.
    Aside(AsideOptions),
    /// Give up parts that a running server has set aside: their records are lost for good.
    GiveUp(GiveUpOptions),
}

/// How to list them.
#[derive(Debug, Args)]
pub(crate) struct AsideOptions {
    #[command(flatten)]
    pub server: Server,

    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// Which to give up.
#[derive(Debug, Args)]
pub(crate) struct GiveUpOptions {
    /// The parts' names, as `logboom parts aside` lists them.
    #[arg(value_name = "NAME", required_unless_present = "all")]
    pub names: Vec<String>,

    /// All that are set aside.
    #[arg(long, conflicts_with = "names")]
    pub all: bool,

    #[command(flatten)]
    pub server: Server,
}

/// # Errors
/// The data folder does not read, or the server cannot be reached or refuses.
pub(crate) async fn run(options: &PartsOptions) -> anyhow::Result<()> {
    match &options.command {
        None => list(options).await,
        Some(PartsCommand::Aside(options)) => list_aside(options).await,
        Some(PartsCommand::GiveUp(options)) => give_up(options).await,
    }
}

async fn aside(server: &Server) -> anyhow::Result<Vec<PartAsideView>> {
    let answer = server.ask(Method::GET, "/api/v1/parts/aside", &[]).await?;
    Ok(serde_json::from_slice(&answer.bytes().await?)?)
}

async fn list_aside(options: &AsideOptions) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    for part in aside(&options.server).await? {
        if options.json {
            writeln!(output, "{}", serde_json::to_string(&part)?)?;
            continue;
        }
        let PartAsideView { name, reason, records, oldest, newest, .. } = part;
        writeln!(output, "{name}\t{oldest}\t{newest}\t{records} records\t{reason}")?;
    }
    Ok(())
}

async fn give_up(options: &GiveUpOptions) -> anyhow::Result<()> {
    let mut names = options.names.clone();
    if options.all {
        names.extend(aside(&options.server).await?.into_iter().map(|part| part.name));
    }
    for name in names {
        // A name is a path and nothing more: not one that leads elsewhere.
        if name.contains(['?', '#', '%']) || name.contains("..") {
            bail!("{name:?} is no name of a part");
        }
        let path = format!("/api/v1/parts/aside/{name}");
        options.server.ask(Method::DELETE, &path, &[]).await.with_context(|| name.clone())?;
        writeln!(std::io::stdout(), "{name}: given up")?;
    }
    Ok(())
}

async fn list(options: &PartsOptions) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    for part in inspect::parts(&options.data).await? {
        let path = absolute(&part.path)?;
        if options.json {
            writeln!(output, "{}", described(&part, &path))?;
        } else {
            writeln!(output, "{}", path.display())?;
        }
    }
    Ok(())
}

fn described(part: &ListedPart, path: &Path) -> serde_json::Value {
    json!({
        "path": path.display().to_string(),
        "records": part.records,
        "bytes": part.bytes,
        "oldest": format_rfc3339(part.oldest).to_string(),
        "newest": format_rfc3339(part.newest).to_string(),
    })
}
