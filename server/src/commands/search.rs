//! `logboom search` and `logboom tail`: the records of a running server, in a terminal.

use std::{io::Write as _, time::Duration};

use anyhow::Context as _;
use clap::Args;
use eventsource_stream::Eventsource as _;
use futures::StreamExt as _;
use model::api::{LogsPage, RecordView, SkippedView};
use reqwest::Method;

use super::{
    client::Server,
    print::{Color, Output, Printer},
};

/// The records of one request.
const PAGE: usize = 1_000;
/// The waits before a tail that has ended is taken up again.
const RETRY: Duration = Duration::from_millis(250);
const RETRY_MOST: Duration = Duration::from_secs(5);

/// Which records, and how.
#[derive(Debug, Args)]
pub(crate) struct SearchOptions {
    /// Which records, in the query language, such as 'level:error service:shop'.
    #[arg(default_value = "")]
    pub query: String,

    #[command(flatten)]
    pub server: Server,

    /// How far back: 15m, 1h, 7d, or a time such as 2026-01-02T03:04:05Z.
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub since: String,

    /// Only records before this time.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<String>,

    /// At most so many, the newest; the last line is the newest.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
    pub limit: usize,

    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,

    #[arg(long, value_enum, default_value_t)]
    pub color: Color,
}

/// Which records, and how.
#[derive(Debug, Args)]
pub(crate) struct TailOptions {
    /// Which records, in the query language, such as 'level:error service:shop'.
    #[arg(default_value = "")]
    pub query: String,

    #[command(flatten)]
    pub server: Server,

    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,

    #[arg(long, value_enum, default_value_t)]
    pub color: Color,
}

/// # Errors
/// The server cannot be reached or refuses.
pub(crate) async fn run(options: &SearchOptions) -> anyhow::Result<()> {
    // `1h` is an hour ago, as in the names of ranges; a date is itself.
    let relative = options.since.ends_with(|last: char| last.is_ascii_lowercase());
    let from =
        if relative && !options.since.starts_with('-') { format!("-{}", options.since) } else { options.since.clone() };
    let mut records: Vec<RecordView> = Vec::new();
    let mut cursor: Option<String> = None;
    while records.len() < options.limit {
        let limit = (options.limit - records.len()).min(PAGE).to_string();
        let mut parameters = vec![("query", options.query.as_str()), ("from", &from), ("limit", &limit)];
        parameters.extend(options.until.as_deref().map(|until| ("to", until)));
        parameters.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page: LogsPage = options.server.ask(Method::GET, "/api/v1/logs", &parameters).await?.json().await?;
        records.extend(page.records);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    records.reverse();
    Printer::new(options.output, options.color).print(&records)
}

/// Shows records as they are stored, until a signal; a server that is away is waited for,
/// and what it stored meanwhile is shown.
///
/// # Errors
/// The server refuses, or nobody reads the output.
pub(crate) async fn tail(options: &TailOptions) -> anyhow::Result<()> {
    let mut tail = Tail { options, printer: Printer::new(options.output, options.color), after: None, wait: RETRY };
    tokio::select! {
        ended = tail.run() => ended,
        _ = crate::shutdown::requested() => Ok(()),
    }
}

struct Tail<'a> {
    options: &'a TailOptions,
    printer: Printer<std::io::Stdout>,
    /// The position of what was shown last.
    after: Option<String>,
    wait: Duration,
}

impl Tail<'_> {
    async fn run(&mut self) -> anyhow::Result<()> {
        let mut connected = false;
        loop {
            let mut parameters = vec![("query", self.options.query.as_str())];
            parameters.extend(self.after.as_deref().map(|after| ("after", after)));
            match self.options.server.ask(Method::GET, "/api/v1/tail", &parameters).await {
                Ok(response) => {
                    connected = true;
                    self.wait = RETRY;
                    self.show(response).await?;
                }
                // The first time it is an answer for who typed it.
                Err(error) if !connected => return Err(error),
                Err(_) => {}
            }
            let _ = writeln!(std::io::stderr(), "logboom: the tail has ended; taking it up again");
            tokio::time::sleep(self.wait).await;
            self.wait = (self.wait * 2).min(RETRY_MOST);
        }
    }

    async fn show(&mut self, response: reqwest::Response) -> anyhow::Result<()> {
        let mut events = response.bytes_stream().eventsource();
        // Whatever ends it, it is taken up again.
        while let Some(Ok(event)) = events.next().await {
            match event.event.as_str() {
                "log" => {
                    let record: RecordView = serde_json::from_str(&event.data).context("an event does not read")?;
                    self.printer.print(&[record])?;
                }
                "skipped" => {
                    let skipped: SkippedView = serde_json::from_str(&event.data).context("an event does not read")?;
                    let _ = writeln!(std::io::stderr(), "logboom: {} records were too many to show", skipped.count);
                }
                _ => {}
            }
            if !event.id.is_empty() {
                self.after = Some(event.id);
            }
        }
        Ok(())
    }
}
