//! `logboom tail`: prints new records of a running server.

use std::{io::Write as _, time::Duration};

use anyhow::Context as _;
use clap::Args;
use eventsource_stream::Eventsource as _;
use futures::StreamExt as _;
use model::api::{RecordView, SkippedView};
use pipeline::backoff::Backoff;
use reqwest::Method;

use super::{
    client::{Refused, Server},
    print::{Color, Output, Printer},
    printable,
};

/// The backoff between reconnections.
const RETRY: Duration = Duration::from_millis(250);
const RETRY_MOST: Duration = Duration::from_secs(5);

/// Options of the tail.
#[derive(Debug, Args)]
pub(crate) struct TailOptions {
    /// The query, such as 'level:error service:shop'.
    #[arg(default_value = "")]
    pub query: String,

    #[command(flatten)]
    pub server: Server,

    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,

    #[arg(long, value_enum, default_value_t)]
    pub color: Color,
}

/// Prints records as they are stored, until a signal. After a lost connection it reconnects and prints the records
/// stored meanwhile.
///
/// # Errors
/// The server refuses the call, or the output is closed.
pub(crate) async fn run(options: &TailOptions) -> anyhow::Result<()> {
    let mut tail = Tail {
        options,
        printer: Printer::new(options.output, options.color),
        after: None,
        backoff: Backoff::new(RETRY, RETRY_MOST),
    };
    tokio::select! {
        ended = tail.run() => ended,
        _ = crate::shutdown::requested() => Ok(()),
    }
}

fn is_about_access(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refused>().is_some_and(Refused::is_about_access)
}

struct Tail<'a> {
    options: &'a TailOptions,
    printer: Printer<std::io::Stdout>,
    /// The position of the last record shown.
    after: Option<String>,
    backoff: Backoff,
}

impl Tail<'_> {
    async fn run(&mut self) -> anyhow::Result<()> {
        let mut connected = false;
        loop {
            let mut parameters = vec![("query", self.options.query.as_str())];
            parameters.extend(self.after.as_deref().map(|after| ("after", after)));
            match self.options.server.call(Method::GET, "/api/v1/tail", &parameters).await {
                Ok(response) => {
                    connected = true;
                    self.backoff.reset();
                    self.show(response).await?;
                }
                // A failed first connection is an error, and so is a key that was revoked.
                Err(error) if !connected || is_about_access(&error) => return Err(error),
                Err(_) => {}
            }
            let _ = writeln!(std::io::stderr(), "logboom: the tail was interrupted; reconnecting");
            tokio::time::sleep(self.backoff.next()).await;
        }
    }

    async fn show(&mut self, response: reqwest::Response) -> anyhow::Result<()> {
        let mut events = response.bytes_stream().eventsource();
        // The tail reconnects after any end of the stream.
        while let Some(Ok(event)) = events.next().await {
            match event.event.as_str() {
                "log" => {
                    let record: RecordView = serde_json::from_str(&event.data).context("an event cannot be parsed")?;
                    self.printer.print(&[record])?;
                }
                "skipped" => {
                    let skipped: SkippedView =
                        serde_json::from_str(&event.data).context("an event cannot be parsed")?;
                    let _ = writeln!(
                        std::io::stderr(),
                        "logboom: skipped {}, because they arrived too fast",
                        printable::counted(skipped.count, "record")
                    );
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
