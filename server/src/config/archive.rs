//! Options of the archive.

use std::time::Duration;

use anyhow::bail;
use archive::Location;
use clap::Args;

use super::RetentionOptions;

/// Options of the archive.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Archive")]
pub(crate) struct ArchiveOptions {
    /// Keeps each closed UTC day as Parquet files: file:///path or s3://bucket/prefix. S3's endpoint, region and keys
    /// come from AWS_ENDPOINT, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. See docs/archive.md.
    #[arg(long, env = "LOGBOOM_ARCHIVE", value_name = "URL", value_parser = parse)]
    pub archive: Option<Location>,

    /// How many closed days the archive keeps; older ones are deleted from it.
    #[arg(long, env = "LOGBOOM_ARCHIVE_DAYS", value_name = "N", default_value_t = 7,
          value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub archive_days: u32,

    /// How long after its end a day is closed.
    #[arg(long, env = "LOGBOOM_ARCHIVE_GRACE", value_name = "TIME", default_value = "1h",
          value_parser = humantime::parse_duration)]
    pub archive_grace: Duration,

    /// How often the archive looks for closed days and late records. At least 1s.
    #[arg(long, env = "LOGBOOM_ARCHIVE_EVERY", value_name = "TIME", default_value = "10m", value_parser = parse_every)]
    pub archive_every: Duration,
}

const DAY: Duration = Duration::from_secs(86_400);

impl ArchiveOptions {
    /// Checks that records are kept until they are archived.
    ///
    /// # Errors
    /// `--retention` deletes them before.
    pub(crate) fn check(&self, retention: &RetentionOptions) -> anyhow::Result<()> {
        if self.archive.is_none() {
            return Ok(());
        }
        // The age of a day's first record when the day is archived.
        let age = DAY + self.archive_grace + self.archive_every;
        let printed = humantime::format_duration(age);
        if let Some(kept) = retention.retention
            && kept < age
        {
            bail!(
                "--retention {} deletes records before --archive has them, which is up to {printed} after their time; \
                 set --retention to at least {printed}, such as 2d",
                humantime::format_duration(kept)
            );
        }
        for (service, kept) in retention.services.iter().filter(|(_, kept)| *kept < age) {
            tracing::warn!(
                service,
                "--retention-service keeps records of the service for {}, and the archive has them up to {printed} after \
                 their time: some will be missing from it",
                humantime::format_duration(*kept)
            );
        }
        Ok(())
    }
}

fn parse(text: &str) -> Result<Location, String> {
    Location::parse(text).map_err(|error| error.message)
}

fn parse_every(text: &str) -> Result<Duration, String> {
    let every = humantime::parse_duration(text).map_err(|error| format!("{error}; write it as 10m"))?;
    if every < Duration::from_secs(1) {
        return Err(format!("{text} is too short; the archive looks at most once a second"));
    }
    Ok(every)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        archive: ArchiveOptions,
        #[command(flatten)]
        retention: RetentionOptions,
    }

    fn check(line: &[&str]) -> Result<(), String> {
        let options = Options::try_parse_from(line).map_err(|error| error.to_string())?;
        options.archive.check(&options.retention).map_err(|error| error.to_string())
    }

    #[test]
    fn records_have_to_be_kept_until_they_are_archived() {
        let url = "--archive=file:///a";
        assert_eq!(check(&["logboom", url]), Ok(()));
        assert_eq!(check(&["logboom", url, "--retention", "2d"]), Ok(()));
        assert_eq!(check(&["logboom", "--retention", "1h"]), Ok(()));
        let error = check(&["logboom", url, "--retention", "25h"]).unwrap_err();
        assert!(error.contains("at least 1day 1h 10m"), "{error}");
        for (line, hint) in [
            (["logboom", "--archive", "ftp://a"], "s3://bucket/prefix"),
            (["logboom", "--archive-every", "10ms"], "once a second"),
            (["logboom", "--archive-days", "0"], "1..=36500"),
        ] {
            let error = check(&line).unwrap_err();
            assert!(error.contains(hint), "{error}");
        }
    }
}
