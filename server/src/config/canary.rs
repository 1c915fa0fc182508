//! Options of the canary.

use std::time::Duration;

use clap::Args;

/// Options of the canary.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Diagnosis")]
pub(crate) struct CanaryOptions {
    /// Send one marked record through each door in each interval, such as 10s, and look for it in a search and in a
    /// tail. Missing, doubled and late ones are shown on the page System and as metrics. The records have the service
    /// logboom-canary. [default: off]
    #[arg(long, env = "LOGBOOM_CANARY", value_name = "TIME", value_parser = parse_interval)]
    pub canary: Option<Duration>,
}

/// The minimum interval.
const LEAST: Duration = Duration::from_secs(1);

fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = humantime::parse_duration(text)
        .map_err(|error| format!("{text:?} is not a time ({error}); write it as 10s or 1m"))?;
    if interval < LEAST {
        return Err(format!("{text} is too short; the canary sends at most once in {LEAST:?}"));
    }
    Ok(interval)
}
