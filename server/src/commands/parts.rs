//! `logboom parts`: lists the Parquet files of the records for other programs.

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

use super::{client::Server, printable};

/// Options of the list.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct PartsOptions {
    #[command(subcommand)]
    pub command: Option<PartsCommand>,

    /// The data folder; a server may be using it.
    #[arg(long, env = "LOGBOOM_DATA", value_name = "DIR", default_value = "./data")]
    pub data: PathBuf,

    /// Print one JSON object per line with records, bytes and times, instead of paths.
    #[arg(long)]
    pub json: bool,
}

/// Actions on missing or damaged parts.
#[derive(Debug, Subcommand)]
pub(crate) enum PartsCommand {
    /// List the parts that a running server has set aside: name, times, records and reason. To restore a part, copy
    /// its file back and restart the server.
    Aside(AsideOptions),
    /// Give up parts that a running server has set aside: their records are lost permanently.
    GiveUp(GiveUpOptions),
}

/// Options of the list.
#[derive(Debug, Args)]
pub(crate) struct AsideOptions {
    #[command(flatten)]
    pub server: Server,

    /// Print one JSON object per line.
    #[arg(long)]
    pub json: bool,
}

/// The parts to give up.
#[derive(Debug, Args)]
pub(crate) struct GiveUpOptions {
    /// The names of the parts, as listed by `logboom parts aside`.
    #[arg(value_name = "NAME", required_unless_present = "all")]
    pub names: Vec<String>,

    /// All parts that are set aside.
    #[arg(long, conflicts_with = "names")]
    pub all: bool,

    #[command(flatten)]
    pub server: Server,
}

/// # Errors
/// The data folder cannot be read, or the server cannot be reached or refuses the call.
pub(crate) async fn run(options: &PartsOptions) -> anyhow::Result<()> {
    match &options.command {
        None => list(options).await,
        Some(PartsCommand::Aside(options)) => list_aside(options).await,
        Some(PartsCommand::GiveUp(options)) => give_up(options).await,
    }
}

async fn aside(server: &Server) -> anyhow::Result<Vec<PartAsideView>> {
    let answer = server.call(Method::GET, "/api/v1/parts/aside", &[]).await?;
    Ok(serde_json::from_slice(&answer.bytes().await?)?)
}

async fn list_aside(options: &AsideOptions) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    for part in aside(&options.server).await? {
        if options.json {
            writeln!(output, "{}", printable::json(&serde_json::to_string(&part)?))?;
            continue;
        }
        let PartAsideView { name, reason, records, oldest, newest, .. } = part;
        let fields = [name, oldest, newest, printable::counted(records, "record"), reason];
        writeln!(output, "{}", fields.each_ref().map(|text| printable::field(text)).join("\t"))?;
    }
    Ok(())
}

async fn give_up(options: &GiveUpOptions) -> anyhow::Result<()> {
    let mut names = options.names.clone();
    if options.all {
        names.extend(aside(&options.server).await?.into_iter().map(|part| part.name));
    }
    for name in names {
        // A name must be a plain path within the folder.
        if name.contains(['?', '#', '%']) || name.contains("..") {
            bail!("{name:?} is not the name of a part");
        }
        let path = format!("/api/v1/parts/aside/{name}");
        options.server.call(Method::DELETE, &path, &[]).await.with_context(|| name.clone())?;
        writeln!(std::io::stdout(), "{}: given up", printable::field(&name))?;
    }
    Ok(())
}

async fn list(options: &PartsOptions) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    for part in inspect::parts(&options.data).await? {
        let path = absolute(&part.path)?;
        if options.json {
            writeln!(output, "{}", printable::json(&to_json(&part, &path).to_string()))?;
        } else {
            // For other programs: the name as it is.
            writeln!(output, "{}", path.display())?;
        }
    }
    Ok(())
}

fn to_json(part: &ListedPart, path: &Path) -> serde_json::Value {
    json!({
        "path": path.display().to_string(),
        "records": part.records,
        "bytes": part.bytes,
        "oldest": format_rfc3339(part.oldest).to_string(),
        "newest": format_rfc3339(part.newest).to_string(),
    })
}
