//! `logboom delete`: deletes the records of a running server that match a query, for good.

use std::{
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use anyhow::bail;
use clap::{Args, Subcommand};
use model::deletion::{DeletionPreviewView, DeletionView};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    client::Server,
    jobs::{self, CancelOptions, ListOptions},
    printable,
};

/// How often the progress is read.
const LOOK: Duration = Duration::from_millis(500);
/// How often it is printed where the output is not a terminal.
const PRINT: Duration = Duration::from_secs(10);
const PATH: &str = "/api/v1/deletions";
/// The most characters of a message in the preview.
const MESSAGE: usize = 120;

/// A deletion to start; or an action on deletions.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct DeleteOptions {
    #[command(subcommand)]
    pub command: Option<DeleteCommand>,
    #[command(flatten)]
    pub start: StartOptions,
}

/// The actions.
#[derive(Debug, Subcommand)]
pub(crate) enum DeleteCommand {
    /// List the deletions, newest first: id, state, times, query, records, who started it, reason and error.
    List(ListOptions),
    /// End a deletion. What it has deleted stays deleted.
    Cancel(CancelOptions),
}

/// Options of a new deletion.
#[derive(Debug, Args)]
pub(crate) struct StartOptions {
    /// The records to delete, such as 'user.id:4711'. Audit records are never deleted.
    #[arg(long, value_name = "QUERY", default_value = "", hide_default_value = true)]
    pub query: String,

    /// Delete the records of every service and kind: instead of --query.
    #[arg(long, conflicts_with = "query")]
    pub all: bool,

    /// Only records from this time on, such as 2026-11-19T08:00:00Z or -90d.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<String>,

    /// Only records before this time.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub to: Option<String>,

    /// Also delete them from the archive, which writes each of its days again.
    #[arg(long)]
    pub archives: bool,

    /// Why, for the list of deletions: at most 500 characters.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub reason: String,

    /// Show how many records of the store match, and the newest of them. Delete nothing.
    #[arg(long)]
    pub dry_run: bool,

    /// Do not ask.
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,

    /// Start the deletion, print its id, and do not wait for its end.
    #[arg(long)]
    pub no_wait: bool,

    #[command(flatten)]
    pub server: Server,
}

/// # Errors
/// The server cannot be reached or refuses the call, nobody has confirmed, or the deletion did not reach its end.
pub(crate) async fn run(options: &DeleteOptions) -> anyhow::Result<()> {
    match &options.command {
        None => start(&options.start).await,
        Some(DeleteCommand::List(options)) => jobs::list(options, PATH, row).await,
        Some(DeleteCommand::Cancel(options)) => {
            jobs::cancel(options, PATH, |deletion: DeletionView| (deletion.id, deletion.removed)).await
        }
    }
}

async fn start(options: &StartOptions) -> anyhow::Result<()> {
    if options.query.trim().is_empty() && !options.all {
        bail!("name the records to delete by --query, such as --query user.id:4711, or delete every record by --all");
    }
    let preview: DeletionPreviewView = call(&options.server, &format!("{PATH}/preview"), &selection(options)).await?;
    let records = printable::counted(preview.records, "record");
    eprint!("{}", shown(&preview, options.archives));
    if options.dry_run {
        writeln!(io::stdout(), "{}", preview.records)?;
        return Ok(());
    }
    if preview.records == 0 && !options.archives {
        return Ok(());
    }
    if !options.yes {
        confirm(preview.records)?;
    }
    let mut body = selection(options);
    body["from"] = json!(preview.from);
    body["to"] = json!(preview.to);
    body["position"] = json!(preview.position);
    body["records"] = json!(preview.records);
    body["archives"] = json!(options.archives);
    body["reason"] = json!(options.reason);
    let deletion: DeletionView = call(&options.server, PATH, &body).await?;
    let id = deletion.id;
    writeln!(io::stdout(), "{}", printable::text(&id))?;
    if options.no_wait {
        return Ok(());
    }
    tokio::select! {
        outcome = watch(&options.server, &id) => outcome,
        _ = crate::shutdown::requested() => {
            eprintln!(
                "\nthe deletion of {records} goes on in the server; `logboom delete list` shows it, `logboom delete \
                 cancel {id}` ends it"
            );
            Ok(())
        }
    }
}

/// What the preview and the deletion have in common.
fn selection(options: &StartOptions) -> Value {
    let mut body = json!({"query": options.query, "all": options.all});
    for (name, value) in [("from", &options.from), ("to", &options.to)] {
        if let Some(value) = value {
            body[name] = json!(value);
        }
    }
    body
}

async fn call<T: serde::de::DeserializeOwned>(server: &Server, path: &str, body: &Value) -> anyhow::Result<T> {
    let answer = server.send(Method::POST, path, &[], body.to_string().into_bytes()).await?;
    Ok(serde_json::from_slice(&answer.bytes().await?)?)
}

/// The preview for people: the newest records, and how many there are. `archives`: whether the archive is included.
fn shown(preview: &DeletionPreviewView, archives: bool) -> String {
    let mut text = String::new();
    for record in &preview.newest {
        let mut message: String = record.message.chars().take(MESSAGE).collect();
        if message.len() < record.message.len() {
            message.push('…');
        }
        let fields = [record.time.as_str(), &record.level, &record.service, &message];
        text.push_str(&fields.map(|field| printable::field(field).into_owned()).join("  "));
        text.push('\n');
    }
    let shown = preview.newest.len() as u64;
    let older = match preview.records.saturating_sub(shown) {
        0 => String::new(),
        _ => format!(", of which the newest {shown} are shown"),
    };
    text.push_str(&format!("{} would be deleted{older}\n", printable::counted(preview.records, "record")));
    if preview.has_archive {
        text.push_str(if archives {
            "this counts the store only; records in the archive are counted while the deletion runs\n"
        } else {
            "the archive keeps its copies unless --archives is given\n"
        });
    }
    text
}

/// Asks for the number of records.
///
/// # Errors
/// Another answer, or nobody to ask.
fn confirm(records: u64) -> anyhow::Result<()> {
    if !io::stdin().is_terminal() {
        bail!("nothing was deleted, because nobody can be asked here; add --yes");
    }
    eprint!("deleted records cannot be brought back; write {records} to delete them: ");
    io::stderr().flush()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    match line.trim().parse::<u64>() {
        Ok(written) if written == records => Ok(()),
        _ => bail!("nothing was deleted"),
    }
}

/// Prints the progress until the end.
///
/// # Errors
/// The deletion failed or was cancelled, or the server cannot be reached.
async fn watch(server: &Server, id: &str) -> anyhow::Result<()> {
    let is_terminal = io::stderr().is_terminal();
    let mut printed: Option<Instant> = None;
    loop {
        let answer = server.call(Method::GET, &format!("{PATH}/{id}"), &[]).await?;
        let deletion: DeletionView = serde_json::from_slice(&answer.bytes().await?)?;
        let is_finished = !matches!(deletion.state.as_str(), "running" | "cancelling");
        let line = progress(&deletion);
        if is_terminal {
            // Over the line before it.
            eprint!("\r\x1b[K{line}");
            if is_finished {
                eprintln!();
            }
        } else if is_finished || printed.is_none_or(|printed| printed.elapsed() >= PRINT) {
            printed = Some(Instant::now());
            eprintln!("{line}");
        }
        match deletion.state.as_str() {
            "running" | "cancelling" => tokio::time::sleep(LOOK).await,
            "done" => return Ok(()),
            state => {
                let error = deletion.error.map(|error| format!(": {}", printable::text(&error))).unwrap_or_default();
                bail!("the deletion is {}{error}", printable::text(state))
            }
        }
    }
}

/// Such as `33%: 40000 of 120000 records deleted`.
fn progress(deletion: &DeletionView) -> String {
    let Some(total) = deletion.total else {
        let error = deletion.error.as_deref().map(|error| format!("; {}, retrying", printable::text(error)));
        return format!("counting{}", error.unwrap_or_default());
    };
    let share = deletion.fraction.map(|fraction| format!("{:.0}%: ", 100.0 * fraction)).unwrap_or_default();
    let mut line = format!("{share}{} of {} deleted", deletion.removed, printable::counted(total, "record"));
    if deletion.archives {
        line.push_str(&format!(", {} from the archive", deletion.archived));
    }
    if let (Some(error), "running") = (&deletion.error, deletion.state.as_str()) {
        line.push_str(&format!("; {}, retrying", printable::text(error)));
    }
    line
}

/// A deletion as fields between tabs.
fn row(deletion: DeletionView) -> String {
    let DeletionView { id, state, query, from, to, reason, by, total, removed, error, .. } = deletion;
    let times = match (from, to) {
        (None, None) => "all times".to_owned(),
        (from, to) => format!("{} to {}", from.unwrap_or_default(), to.unwrap_or_default()),
    };
    let records = match total {
        Some(total) => format!("{removed} of {}", printable::counted(total, "record")),
        None => "not counted yet".to_owned(),
    };
    let fields = [id, state, times.trim().to_owned(), query, records, by, reason, error.unwrap_or_default()];
    fields.each_ref().map(|text| printable::field(text)).join("\t")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use model::api::RecordView;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: DeleteOptions,
    }

    #[tokio::test]
    async fn without_a_query_everything_must_be_named() {
        for line in [&["delete"][..], &["delete", "--query", " "], &["delete", "--from", "-1d"]] {
            let options = Line::parse_from(line).options;
            let error = run(&options).await.unwrap_err().to_string();
            assert!(error.contains("--query") && error.contains("--all"), "{line:?}: {error}");
        }
        for line in [&["delete", "--all", "--query", "x"][..], &["delete", "--query", "x", "--yes", "--dry-run"]] {
            assert!(Line::try_parse_from(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn a_preview_is_one_line_for_each_record_without_controls() {
        let record = serde_json::from_value::<RecordView>(json!({
            "id": "1", "position": "2", "time": "2026-01-02T03:04:05Z", "observed_time": "2026-01-02T03:04:05Z",
            "level": "info", "severity": 9, "service": "shop", "node": "", "message": "a\nb\u{1b}[31m".to_owned() + &"x".repeat(200),
        }));
        let preview = DeletionPreviewView {
            newest: vec![record.unwrap()],
            records: 2,
            has_archive: true,
            ..DeletionPreviewView::default()
        };
        let text = shown(&preview, false);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.contains("2 records would be deleted, of which the newest 1 are shown"), "{text}");
        assert!(text.contains('…') && !text.contains('\u{1b}'), "{text}");
        assert!(text.contains("unless --archives") && !text.contains("the store only"), "{text}");
        let text = shown(&preview, true);
        assert!(text.contains("this counts the store only") && !text.contains("unless --archives"), "{text}");
        let without = DeletionPreviewView { has_archive: false, ..preview };
        assert!(!shown(&without, true).contains("archive"));
    }

    #[test]
    fn the_progress_names_the_total_and_the_error() {
        let mut deletion = DeletionView { state: "running".into(), ..DeletionView::default() };
        assert_eq!(progress(&deletion), "counting");
        (deletion.total, deletion.removed, deletion.fraction) = (Some(120), 40, Some(0.333));
        deletion.error = Some("the store is away".into());
        assert_eq!(progress(&deletion), "33%: 40 of 120 records deleted; the store is away, retrying");
        let done = DeletionView { state: "done".into(), archives: true, archived: 7, error: None, ..deletion };
        assert_eq!(progress(&done), "33%: 40 of 120 records deleted, 7 from the archive");
    }

    #[test]
    fn a_deletion_is_one_line_without_controls() {
        let deletion = DeletionView {
            id: "7".into(),
            state: "failed".into(),
            query: "\x1b[31m\"a\tb\"".into(),
            from: Some("2026-11-19".into()),
            removed: 4,
            total: Some(5),
            by: "user kim".into(),
            reason: "r".into(),
            error: Some("refused\nnow".into()),
            ..DeletionView::default()
        };
        let line = row(deletion);
        assert_eq!(line.matches('\t').count(), 7, "{line:?}");
        assert!(
            line.starts_with("7\tfailed\t2026-11-19 to\t")
                && line.ends_with("4 of 5 records\tuser kim\tr\trefused\\nnow"),
            "{line:?}"
        );
    }
}
