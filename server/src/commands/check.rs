//! `logboom check`: verifies a data folder.

use std::{
    io::{IsTerminal as _, Write as _},
    path::PathBuf,
};

use anyhow::ensure;
use clap::Args;
use engine_embedded::inspect;

use super::printable;

/// What to verify.
#[derive(Debug, Args)]
pub(crate) struct CheckOptions {
    /// The data folder; a server may be using it.
    #[arg(long, env = "LOGBOOM_DATA", value_name = "DIR", default_value = "./data")]
    pub data: PathBuf,

    /// Check only the catalogue, and the length and footer of each part; do not decode records.
    #[arg(long)]
    pub quick: bool,
}

/// Prints findings, one per line, and a summary.
///
/// # Errors
/// There are findings, or the folder cannot be read.
pub(crate) async fn run(options: &CheckOptions) -> anyhow::Result<()> {
    let (mut findings, mut parts, mut records) = (0u64, 0u64, 0u64);
    let is_terminal = std::io::stderr().is_terminal();
    let progress = |part: &inspect::ListedPart| {
        parts += 1;
        records += part.records;
        if is_terminal {
            let _ = write!(std::io::stderr(), "\r{parts} parts, {records} records");
        }
    };
    let report = |finding: String| {
        findings += 1;
        let _ = writeln!(std::io::stdout(), "{}", printable::text(&finding));
    };
    inspect::check(&options.data, options.quick, progress, report).await?;
    if is_terminal {
        let _ = writeln!(std::io::stderr());
    }
    ensure!(
        findings == 0,
        "{} in {}; restore damaged files from a backup and start the server; or start the \
         server, which sets them aside, and give them up with `logboom parts give-up`",
        printable::counted(findings, "finding"),
        printable::counted(parts, "part")
    );
    let looked_at = if options.quick { "lengths and footers" } else { "every record" };
    writeln!(
        std::io::stdout(),
        "the catalogue and {looked_at} of {} with {} are good; \
         the write-ahead log is verified at each start of the server",
        printable::counted(parts, "part"),
        printable::counted(records, "record")
    )?;
    Ok(())
}
