//! `logboom parts`: the files that hold the records, for programs that read Parquet.

use std::{
    io::Write as _,
    path::{Path, PathBuf, absolute},
};

use clap::Args;
use engine_embedded::inspect::{self, ListedPart};
use model::time::format_rfc3339;
use serde_json::json;

/// Which parts to list, and how.
#[derive(Debug, Args)]
pub(crate) struct PartsOptions {
    /// The data folder; a server may be using it.
    #[arg(long, env = "LOGBOOM_DATA", value_name = "DIR", default_value = "./data")]
    pub data: PathBuf,

    /// One JSON object a line, with records, bytes and times, instead of paths.
    #[arg(long)]
    pub json: bool,
}

pub(crate) async fn run(options: &PartsOptions) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    for part in inspect::parts(&options.data).await? {
        let path = absolute(&part.path)?;
        if options.json {
            writeln!(output, "{}", described(&part, &path))?;
        } else {
            writeln!(output, "{}", path.display())?;
        }
    }
    Ok(())
}

fn described(part: &ListedPart, path: &Path) -> serde_json::Value {
    json!({
        "path": path.display().to_string(),
        "records": part.records,
        "bytes": part.bytes,
        "oldest": format_rfc3339(part.oldest).to_string(),
        "newest": format_rfc3339(part.newest).to_string(),
    })
}
