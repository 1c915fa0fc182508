//! `logboom ledger`: prints what became of the received records.

use std::io::Write as _;

use anyhow::bail;
use clap::Args;
use model::api::{LedgerRowView, LedgerView};
use reqwest::Method;

use super::{client::Server, printable};

/// Options of the ledger.
#[derive(Debug, Args)]
pub(crate) struct LedgerOptions {
    /// The first hour, such as -7d or 2026-11-19T14:00:00Z; by default 24 hours before the end.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<String>,

    /// The end; by default now.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub to: Option<String>,

    /// Print only the rows with missing records.
    #[arg(long)]
    pub missing: bool,

    /// Print one JSON object per row, as in the API.
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub server: Server,
}

/// # Errors
/// Records are missing, the server cannot be reached, or it refuses the call.
pub(crate) async fn run(options: &LedgerOptions) -> anyhow::Result<()> {
    let range = [("from", &options.from), ("to", &options.to)];
    let parameters: Vec<(&str, &str)> =
        range.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect();
    let answer = options.server.call(Method::GET, "/api/v1/ledger", &parameters).await?;
    let ledger: LedgerView = serde_json::from_slice(&answer.bytes().await?)?;
    let rows = ledger.rows.iter().filter(|row| !options.missing || row.numbers.missing > 0);
    let mut output = std::io::stdout().lock();
    if options.json {
        for row in rows {
            writeln!(output, "{}", printable::json(&serde_json::to_string(row)?))?;
        }
    } else {
        write!(output, "{}", table(rows, &ledger))?;
    }
    match ledger.totals.missing {
        0 => Ok(()),
        missing => bail!("{missing} of {} received records are missing", ledger.totals.received),
    }
}

const HEAD: [&str; 12] = [
    "HOUR",
    "SERVICE",
    "RECEIVED",
    "STORED",
    "DEDUPLICATED",
    "REJECTED",
    "DEAD",
    "DELETED",
    "IN FLIGHT",
    "MISSING",
    "SURPLUS",
    "STATE",
];

/// Columns of equal width, and the sums in the last line.
fn table<'r>(rows: impl Iterator<Item = &'r LedgerRowView>, ledger: &LedgerView) -> String {
    let sum = LedgerRowView { service: "all".to_owned(), numbers: ledger.totals, ..LedgerRowView::default() };
    let head = HEAD.map(str::to_owned);
    let lines: Vec<[String; 12]> = [head].into_iter().chain(rows.map(cells)).chain([cells(&sum)]).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let is_text = matches!(column, 0 | 1 | 11);
            text.push_str(&if is_text { format!("{cell:<width$}  ") } else { format!("{cell:>width$}  ") });
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

fn cells(row: &LedgerRowView) -> [String; 12] {
    let numbers = &row.numbers;
    [
        printable::field(row.hour.get(..13).unwrap_or_default()).into_owned(),
        printable::field(&row.service).into_owned(),
        numbers.received.to_string(),
        numbers.stored.to_string(),
        numbers.deduplicated.to_string(),
        numbers.rejected.to_string(),
        numbers.dead.to_string(),
        numbers.deleted.to_string(),
        numbers.in_flight.to_string(),
        numbers.missing.to_string(),
        numbers.surplus.to_string(),
        printable::field(&row.state).replace('_', " "),
    ]
}

#[cfg(test)]
mod tests {
    use model::api::LedgerNumbers;

    use super::*;

    #[test]
    fn columns_are_aligned_and_the_sums_come_last() {
        let numbers = LedgerNumbers { received: 1_000, stored: 999, missing: 1, ..LedgerNumbers::default() };
        let row = LedgerRowView {
            hour: "2026-11-19T14:00:00.000000000Z".to_owned(),
            service: "checkout".to_owned(),
            numbers,
            state: "settled".to_owned(),
            ..LedgerRowView::default()
        };
        let ledger = LedgerView { totals: numbers, rows: vec![row], ..LedgerView::default() };
        let text = table(ledger.rows.iter(), &ledger);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[1].starts_with("2026-11-19T14  checkout") && lines[1].ends_with("settled"), "{text}");
        let end = lines[0].find("RECEIVED").unwrap() + "RECEIVED".len();
        assert!(lines[1][..end].ends_with("1000") && lines[2][..end].ends_with("1000"), "{text}");
        assert!(lines[2].trim_start().starts_with("all"), "{text}");
    }

    #[test]
    fn a_row_is_one_line_without_controls() {
        let service = "a\n\x1b[31mRED\x07\t\u{202e}".to_owned();
        let ledger = LedgerView {
            rows: vec![LedgerRowView { service, state: "settled\r".to_owned(), ..LedgerRowView::default() }],
            ..LedgerView::default()
        };
        let text = table(ledger.rows.iter(), &ledger);
        assert!(text.contains("a\\n\\u{1b}[31mRED\\u{7}\\t\\u{202e}  "), "{text:?}");
        assert!(text.contains("settled\\r\n") && text.lines().count() == 3, "{text:?}");
    }
}
