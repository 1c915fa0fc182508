//! `logboom redaction`: lists the redaction rules of a running server, and tries out another one.

use std::io::Write as _;

use clap::{Args, Subcommand};
use model::api::{RedactionPreviewView, RedactionView};
use reqwest::Method;
use serde_json::json;

use super::{client::Server, printable};

/// Actions on redaction rules.
#[derive(Debug, Subcommand)]
pub(crate) enum RedactionCommand {
    /// List the rules: name, pattern, fields, action and the number of matches since the server started.
    List(ListOptions),
    /// Show what a rule would have changed in the newest records. Nothing is changed.
    Preview(PreviewOptions),
}

/// Options of the list.
#[derive(Debug, Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    pub server: Server,

    /// Print the answer of the API.
    #[arg(long)]
    pub json: bool,
}

/// Options of the preview.
#[derive(Debug, Args)]
pub(crate) struct PreviewOptions {
    /// The rule, as for `logboom serve --redact`.
    #[arg(value_name = "RULE")]
    pub rule: String,

    /// Look only at records that match.
    #[arg(long, value_name = "QUERY", default_value = "", hide_default_value = true)]
    pub query: String,

    /// The number of newest records to look at.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub limit: usize,

    #[command(flatten)]
    pub server: Server,

    /// Print the answer of the API.
    #[arg(long)]
    pub json: bool,
}

/// # Errors
/// The server cannot be reached or refuses the call.
pub(crate) async fn run(command: &RedactionCommand) -> anyhow::Result<()> {
    match command {
        RedactionCommand::List(options) => list(options).await,
        RedactionCommand::Preview(options) => preview(options).await,
    }
}

async fn list(options: &ListOptions) -> anyhow::Result<()> {
    let answer = options.server.call(Method::GET, "/api/v1/redaction", &[]).await?;
    let view: RedactionView = serde_json::from_slice(&answer.bytes().await?)?;
    let mut output = std::io::stdout().lock();
    if options.json {
        writeln!(output, "{}", printable::json(&serde_json::to_string(&view)?))?;
        return Ok(());
    }
    for rule in view.rules {
        let fields = if rule.fields.is_empty() { "*".to_owned() } else { rule.fields.join(",") };
        let columns = [rule.name, rule.pattern, fields, rule.action, rule.count.to_string()];
        writeln!(output, "{}", columns.each_ref().map(|text| printable::field(text)).join("\t"))?;
    }
    Ok(())
}

async fn preview(options: &PreviewOptions) -> anyhow::Result<()> {
    let body = json!({ "rule": options.rule, "query": options.query, "limit": options.limit });
    let answer =
        options.server.send(Method::POST, "/api/v1/redaction/preview", &[], serde_json::to_vec(&body)?).await?;
    let view: RedactionPreviewView = serde_json::from_slice(&answer.bytes().await?)?;
    let mut output = std::io::stdout().lock();
    if options.json {
        writeln!(output, "{}", printable::json(&serde_json::to_string(&view)?))?;
        return Ok(());
    }
    for example in &view.examples {
        writeln!(output, "{} {}", printable::field(&example.time), printable::field(&example.field))?;
        writeln!(output, "  - {}", printable::field(&example.before))?;
        match &example.after {
            Some(after) => writeln!(output, "  + {}", printable::field(after))?,
            None => writeln!(output, "  (the field goes)")?,
        }
    }
    writeln!(output, "matches {} in {} of {} records", view.matches, view.changed, view.examined)?;
    Ok(())
}
