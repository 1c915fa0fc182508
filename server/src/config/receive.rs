//! Options of receiving: the same for the server and the agent.

use chrono::FixedOffset;
use clap::Args;

use super::{LimitOptions, ListenOptions, StreamOptions};

/// Options of receiving.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReceiveOptions {
    #[command(flatten)]
    pub listen: ListenOptions,
    #[command(flatten)]
    pub streams: StreamOptions,
    #[command(flatten)]
    pub limits: LimitOptions,

    /// The time zone of timestamps without one, such as +09:00 or UTC.
    #[arg(long, env = "LOGBOOM_ASSUME_TIMEZONE", value_name = "OFFSET", default_value = "UTC",
          value_parser = parse_offset, allow_hyphen_values = true, help_heading = "Receiving")]
    pub assume_timezone: FixedOffset,
}

/// Parses `UTC`, `Z`, or an offset such as `+09:00`.
fn parse_offset(text: &str) -> Result<FixedOffset, String> {
    if text.eq_ignore_ascii_case("utc") || text.eq_ignore_ascii_case("z") {
        return FixedOffset::east_opt(0).ok_or_else(|| "no such offset".to_owned());
    }
    text.parse().map_err(|_| format!("{text:?} is not an offset; write it as +09:00, -05:30 or UTC"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read_or_refused_with_a_hint() {
        assert_eq!(parse_offset("+09:00").map(|offset| offset.local_minus_utc()), Ok(32_400));
        assert_eq!(parse_offset("utc").map(|offset| offset.local_minus_utc()), Ok(0));
        assert!(parse_offset("Seoul").is_err_and(|error| error.contains("+09:00")));
    }
}
