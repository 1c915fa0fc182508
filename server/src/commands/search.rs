//! `logboom search`: prints the newest matching records of a running server.

use clap::Args;
use model::api::{LogsPage, RecordView};
use reqwest::Method;

use super::{
    client::Server,
    print::{Color, Output, Printer},
    printable,
};

/// Records per request.
const PAGE: usize = 1_000;

/// Options of the search.
#[derive(Debug, Args)]
pub(crate) struct SearchOptions {
    /// The query, such as 'level:error service:shop'.
    #[arg(default_value = "")]
    pub query: String,

    #[command(flatten)]
    pub server: Server,

    /// The start of the time range: 15m, 1h, 7d, or a time such as 2026-01-02T03:04:05Z.
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub since: String,

    /// Only records before this time.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<String>,

    /// The maximum number of records, newest last.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
    pub limit: usize,

    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,

    #[arg(long, value_enum, default_value_t)]
    pub color: Color,
}

/// # Errors
/// The server cannot be reached or refuses the call.
pub(crate) async fn run(options: &SearchOptions) -> anyhow::Result<()> {
    // `1h` means an hour ago, as in the dashboard; a date is absolute.
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
        let page: LogsPage = options.server.call(Method::GET, "/api/v1/logs", &parameters).await?.json().await?;
        records.extend(page.records);
        if records.is_empty() {
            page.hints.iter().for_each(|hint| eprintln!("hint: {}", printable::text(&hint.message)));
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    records.reverse();
    Printer::new(options.output, options.color).print(&records)
}
