//! `logboom archive`: verifies and lists an archive.

use std::io::Write as _;

use anyhow::ensure;
use archive::{Archive, Day, Location, Manifest};
use clap::{Args, Subcommand};
use model::time::format_rfc3339;

use super::printable;

/// Actions on an archive.
#[derive(Debug, Subcommand)]
pub(crate) enum ArchiveCommand {
    /// Verify an archive: prints one line per day, and what is wrong; fails if anything is. Decodes every record. A
    /// server may be writing to it.
    Check(CheckArchiveOptions),
    /// List the archived days: day, records, parts, bytes, version, and when it was written.
    List(ListArchiveOptions),
}

/// What to verify.
#[derive(Debug, Args)]
pub(crate) struct CheckArchiveOptions {
    /// As --archive of the server: file:///path or s3://bucket/prefix.
    #[arg(value_name = "URL", value_parser = parse)]
    pub location: Location,

    /// Only this day, such as 2026-11-21.
    #[arg(long, value_name = "DAY")]
    pub day: Option<Day>,
}

/// What to list.
#[derive(Debug, Args)]
pub(crate) struct ListArchiveOptions {
    /// As --archive of the server: file:///path or s3://bucket/prefix.
    #[arg(value_name = "URL", value_parser = parse)]
    pub location: Location,
}

fn parse(text: &str) -> Result<Location, String> {
    Location::parse(text).map_err(|error| error.message)
}

/// # Errors
/// The archive cannot be reached, or something in it is wrong.
pub(crate) async fn run(command: &ArchiveCommand) -> anyhow::Result<()> {
    match command {
        ArchiveCommand::Check(options) => check(options).await,
        ArchiveCommand::List(options) => list(options).await,
    }
}

async fn check(options: &CheckArchiveOptions) -> anyhow::Result<()> {
    let archive = Archive::open(&options.location, std::env::temp_dir())?;
    let days = match options.day {
        Some(day) => vec![day],
        None => archive.folders().await?,
    };
    print_if_empty(&days, &options.location);
    let mut output = std::io::stdout();
    let mut wrong = 0;
    for day in &days {
        let report = archive.check(*day).await?;
        if report.problems.is_empty() {
            let what = report.manifest.as_ref().map(described).unwrap_or_default();
            let unlisted = match report.unlisted {
                0 => String::new(),
                files => format!(", and {} of an unfinished attempt", printable::counted(files as u64, "file")),
            };
            writeln!(output, "{day}\tgood\t{what}{unlisted}")?;
        } else {
            wrong += 1;
            writeln!(output, "{day}\twrong\t{}", printable::field(&report.problems.join("; ")))?;
        }
    }
    ensure!(
        wrong == 0,
        "{wrong} of {} days are wrong; if the server still has their records, delete the folders of these days, and the \
         server archives them again; otherwise restore the files from a backup",
        days.len()
    );
    Ok(())
}

async fn list(options: &ListArchiveOptions) -> anyhow::Result<()> {
    let archive = Archive::open(&options.location, std::env::temp_dir())?;
    let days = archive.days().await?;
    print_if_empty(&days, &options.location);
    let mut output = std::io::stdout();
    for day in days {
        // A day may expire between the two calls.
        if let Some(manifest) = archive.manifest(day).await? {
            let Manifest { version, created_at, .. } = &manifest;
            let written = format_rfc3339(*created_at);
            writeln!(output, "{day}\t{}\tversion {version}\t{written}", described(&manifest))?;
        }
    }
    Ok(())
}

/// Prints a note if there are no days, because an empty output hides a wrong path.
fn print_if_empty(days: &[Day], location: &Location) {
    if days.is_empty() {
        let _ = writeln!(std::io::stderr(), "the archive {location} has no days");
    }
}

fn described(manifest: &Manifest) -> String {
    let bytes: u64 = manifest.parts.iter().map(|part| part.bytes).sum();
    let (records, parts) = (manifest.records, manifest.parts.len() as u64);
    let counted = printable::counted;
    format!("{} in {}, {}", counted(records, "record"), counted(parts, "part"), counted(bytes, "byte"))
}
