//! `logboom check`: whether a data folder is what it should be.

use std::{
    io::{IsTerminal as _, Write as _},
    path::PathBuf,
};

use anyhow::ensure;
use clap::Args;
use engine_embedded::inspect;

/// What to verify.
#[derive(Debug, Args)]
pub(crate) struct CheckOptions {
    /// The data folder; a server may be using it.
    #[arg(long, env = "LOGBOOM_DATA", value_name = "DIR", default_value = "./data")]
    pub data: PathBuf,

    /// Only the catalogue, and the length and footer of each part: do not decode records.
    #[arg(long)]
    pub quick: bool,
}

/// Prints what is wrong, a line each, and what was looked at.
///
/// # Errors
/// Where something is wrong, or nothing could be looked at.
pub(crate) async fn run(options: &CheckOptions) -> anyhow::Result<()> {
    let (mut findings, mut parts, mut records) = (0u64, 0u64, 0u64);
    let told = std::io::stderr().is_terminal();
    let progress = |part: &inspect::ListedPart| {
        parts += 1;
        records += part.records;
        if told {
            let _ = write!(std::io::stderr(), "\r{parts} parts, {records} records");
        }
    };
    let report = |finding: String| {
        findings += 1;
        let _ = writeln!(std::io::stdout(), "{finding}");
    };
    inspect::check(&options.data, options.quick, progress, report).await?;
    if told {
        let _ = writeln!(std::io::stderr());
    }
    ensure!(
        findings == 0,
        "{findings} findings in {parts} parts; put a damaged part's file back from a backup and start the server, or \
         give it up with `logboom parts give-up`: the server sets it aside at its start"
    );
    let looked_at = if options.quick { "lengths and footers" } else { "every record" };
    writeln!(
        std::io::stdout(),
        "the catalogue and {looked_at} of {parts} parts with {records} records are good; \
         the journal is verified at each start of the server"
    )?;
    Ok(())
}
