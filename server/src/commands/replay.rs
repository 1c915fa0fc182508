//! `logboom replay`: sends the records of a day to a sink of a running server once more, or stores them again.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use anyhow::bail;
use clap::{Args, Subcommand};
use model::api::ReplayView;
use reqwest::Method;
use serde_json::json;

use super::{
    client::Server,
    jobs::{self, CancelOptions, ListOptions},
    printable,
};

/// How often the progress is read.
const LOOK: Duration = Duration::from_millis(500);
/// How often it is printed where the output is not a terminal.
const PRINT: Duration = Duration::from_secs(10);
const PATH: &str = "/api/v1/replays";
/// The destination that is no sink.
const STORE: &str = "store";

/// A replay to start; or an action on replays.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ReplayOptions {
    #[command(subcommand)]
    pub command: Option<ReplayCommand>,
    #[command(flatten)]
    pub start: StartOptions,
}

/// The actions.
#[derive(Debug, Subcommand)]
pub(crate) enum ReplayCommand {
    /// List the replays, newest first: id, state, day or range, source and destination, query, records and error.
    List(ListOptions),
    /// End a replay. What it has sent stays where it is.
    Cancel(CancelOptions),
}

/// Options of a new replay.
#[derive(Debug, Args)]
pub(crate) struct StartOptions {
    /// The day in UTC whose records are sent, such as 2026-11-19.
    #[arg(long, value_name = "DAY", conflicts_with_all = ["from", "to_time"])]
    pub day: Option<String>,

    /// Instead of a day: the first time of the records, such as 2026-11-19T08:00:00Z or -3h.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<String>,

    /// With --from: the end of the times, exclusive.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub to_time: Option<String>,

    /// The name of the sink, or store. A sink of files gets files of its own, ending in .replay-ID. The store gets what
    /// it no longer has, from the archive.
    #[arg(long, value_name = "SINK|store")]
    pub to: Option<String>,

    /// Where the records come from. By default the archive if it has more records of the day than the store, otherwise
    /// the store. The archive is read a day at a time.
    #[arg(long, value_name = "SOURCE", value_parser = ["store", "archive"])]
    pub source: Option<String>,

    /// Only matching records, such as 'level>=warn'. The query of the sink applies, too.
    #[arg(long, value_name = "QUERY", default_value = "")]
    pub query: String,

    /// Start the replay, print its id, and do not wait for its end.
    #[arg(long)]
    pub no_wait: bool,

    /// Wait for the end, with the progress on stderr (the default).
    #[arg(long, conflicts_with = "no_wait")]
    pub wait: bool,

    #[command(flatten)]
    pub server: Server,

    /// Ids of dead letters, which this command does not take.
    #[arg(hide = true)]
    pub letters: Vec<String>,

    /// All dead letters, which this command does not take.
    #[arg(long, hide = true)]
    pub all: bool,
}

/// # Errors
/// The server cannot be reached or refuses the call, or the replay did not reach its end.
pub(crate) async fn run(options: &ReplayOptions) -> anyhow::Result<()> {
    match &options.command {
        None => start(&options.start).await,
        Some(ReplayCommand::List(options)) => jobs::list(options, PATH, row).await,
        Some(ReplayCommand::Cancel(options)) => {
            jobs::cancel(options, PATH, |replay: ReplayView| (replay.id, replay.sent)).await
        }
    }
}

async fn start(options: &StartOptions) -> anyhow::Result<()> {
    let has_range = options.day.is_some() || options.from.is_some() && options.to_time.is_some();
    if !has_range || options.all || !options.letters.is_empty() {
        bail!(
            "replay sends the records of a day to a sink, or stores them again: name the day by --day 2026-11-19, or times by --from and \
             --to-time; to store dead letters again, use `logboom dead-letters replay`"
        );
    }
    let Some(to) = &options.to else { bail!("name what gets the records by --to SINK or --to store") };
    let mut body = json!({"to": to, "query": options.query});
    let StartOptions { day, from, to_time, source, .. } = options;
    for (name, value) in [("day", day), ("from", from), ("to_time", to_time), ("source", source)] {
        if let Some(value) = value {
            body[name] = json!(value);
        }
    }
    let answer = options.server.send(Method::POST, PATH, &[], body.to_string().into_bytes()).await?;
    let replay: ReplayView = serde_json::from_slice(&answer.bytes().await?)?;
    let id = replay.id;
    writeln!(io::stdout(), "{}", printable::text(&id))?;
    if options.no_wait {
        return Ok(());
    }
    tokio::select! {
        outcome = watch(&options.server, &id) => outcome,
        _ = crate::shutdown::requested() => {
            let id = printable::text(&id);
            eprintln!(
                "\nthe replay goes on in the server; `logboom replay list` shows it, `logboom replay cancel {id}` ends it"
            );
            Ok(())
        }
    }
}

/// Prints the progress until the end.
///
/// # Errors
/// The replay failed or was cancelled, or the server cannot be reached.
async fn watch(server: &Server, id: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    let is_terminal = io::stderr().is_terminal();
    let mut first = None;
    let mut printed: Option<Instant> = None;
    loop {
        let answer = server.call(Method::GET, &format!("{PATH}/{id}"), &[]).await?;
        let replay: ReplayView = serde_json::from_slice(&answer.bytes().await?)?;
        let done = replay.sent + replay.skipped;
        let first = *first.get_or_insert(done);
        let rate = done.saturating_sub(first) as f64 / begun.elapsed().as_secs_f64().max(0.001);
        let line = progress(&replay, rate);
        let is_finished = replay.state != "running";
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
        match replay.state.as_str() {
            "running" => tokio::time::sleep(LOOK).await,
            "done" if replay.refused > 0 => {
                let records = printable::counted(replay.refused, "record");
                bail!("the destination refused {records}; see `logboom dead-letters`")
            }
            "done" => return Ok(()),
            state => {
                let error = replay.error.map(|error| format!(": {}", printable::text(&error))).unwrap_or_default();
                bail!("the replay is {}{error}", printable::text(state))
            }
        }
    }
}

/// Such as `33%: 40000 of about 120000 records sent, 9500/s`.
fn progress(replay: &ReplayView, rate: f64) -> String {
    let total = replay.total.map(|total| format!(" of about {total}")).unwrap_or_default();
    let share = replay.fraction.map(|fraction| format!("{:.0}%: ", 100.0 * fraction)).unwrap_or_default();
    let mut line =
        format!("{share}{}{total} records {}", replay.sent, if replay.to == STORE { "stored" } else { "sent" });
    if replay.skipped > 0 {
        line.push_str(&format!(", {} were there", replay.skipped));
    }
    line.push_str(&format!(", {rate:.0}/s"));
    if replay.refused > 0 {
        line.push_str(&format!(", {} refused", replay.refused));
    }
    if let (Some(error), "running") = (&replay.error, replay.state.as_str()) {
        line.push_str(&format!("; {}, retrying", printable::text(error)));
    }
    line
}

/// A replay as fields between tabs.
fn row(replay: ReplayView) -> String {
    let ReplayView { id, state, day, from, to_time, source, to, query, sent, total, error, .. } = replay;
    let times = day.unwrap_or_else(|| format!("{from} to {to_time}"));
    let records = match total {
        Some(total) => format!("{sent} of about {}", printable::counted(total, "record")),
        None => printable::counted(sent, "record"),
    };
    let fields = [id, state, times, format!("{source} to {to}"), query, records, error.unwrap_or_default()];
    fields.each_ref().map(|text| printable::field(text)).join("\t")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: ReplayOptions,
    }

    #[tokio::test]
    async fn without_a_day_the_error_names_the_command_for_dead_letters() {
        for line in [&["replay"][..], &["replay", "--all"], &["replay", "17", "18"], &["replay", "--to", "es"]] {
            let options = Line::parse_from(line).options;
            let error = run(&options).await.unwrap_err().to_string();
            assert!(error.contains("--day") && error.contains("logboom dead-letters replay"), "{line:?}: {error}");
        }
    }

    #[test]
    fn a_replay_is_one_line_without_controls() {
        let replay = ReplayView {
            id: "7".into(),
            state: "failed".into(),
            day: Some("2026-11-19".into()),
            source: "store".into(),
            to: "es".into(),
            query: "\x1b[31m\"a\tb\"".into(),
            sent: 4,
            error: Some("refused\n\u{202e}now".into()),
            ..ReplayView::default()
        };
        let line = "7\tfailed\t2026-11-19\tstore to es\t\\u{1b}[31m\"a\\tb\"\t4 records\trefused\\n\\u{202e}now";
        assert_eq!(row(replay), line);
    }

    #[test]
    fn the_progress_names_the_estimate_and_the_error() {
        let mut replay = ReplayView { state: "running".into(), sent: 40, ..ReplayView::default() };
        assert_eq!(progress(&replay, 9.6), "40 records sent, 10/s");
        replay.total = Some(120);
        replay.error = Some("the receiver is away".into());
        assert_eq!(progress(&replay, 0.0), "40 of about 120 records sent, 0/s; the receiver is away, retrying");
        let part =
            ReplayView { to: "store".into(), sent: 40, skipped: 5, fraction: Some(0.25), ..ReplayView::default() };
        assert_eq!(progress(&part, 9.0), "25%: 40 records stored, 5 were there, 9/s");
    }
}
