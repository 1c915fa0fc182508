//! Retention options.

use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;
use model::api::RetentionView;
use pipeline::{DeadLetterBounds, loss_ledger::Kept};

/// Retention options.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Retention")]
pub(crate) struct RetentionOptions {
    /// How long records are kept, such as 30d, 12h or 1y; by default forever. Whole days are deleted. A record that
    /// is older at receipt is stored with the time of receipt.
    #[arg(long, env = "LOGBOOM_RETENTION", value_name = "AGE", value_parser = parse_age)]
    pub retention: Option<Duration>,

    /// The disk space of the records, such as 50GB or 20GiB; past it the oldest are deleted. In PostgreSQL these are
    /// whole days, and the newest day stays.
    #[arg(long, env = "LOGBOOM_RETENTION_BYTES", value_name = "BYTES", value_parser = parse_bytes)]
    pub retention_bytes: Option<ByteSize>,

    /// A shorter retention for one service, such as debug-svc=3d. May be given several times; in the environment
    /// variable separated by commas.
    #[arg(long = "retention-service", env = "LOGBOOM_RETENTION_SERVICE", value_name = "SERVICE=AGE",
          value_delimiter = ',', value_parser = parse_service)]
    pub services: Vec<(String, Duration)>,

    /// The disk space of the dead letters; past it the oldest are deleted. At least 64MiB.
    #[arg(long, env = "LOGBOOM_DEAD_LETTER_BYTES", value_name = "BYTES", default_value = "256MiB",
          value_parser = parse_letter_bytes)]
    pub dead_letter_bytes: ByteSize,

    /// How long dead letters are kept.
    #[arg(long, env = "LOGBOOM_DEAD_LETTER_AGE", value_name = "AGE", default_value = "30d", value_parser = parse_age)]
    pub dead_letter_age: Duration,
}

impl RetentionOptions {
    /// The limits of dead letters.
    pub(crate) fn dead_letters(&self) -> DeadLetterBounds {
        DeadLetterBounds { bytes: self.dead_letter_bytes.as_u64(), age: self.dead_letter_age }
    }

    /// What the store is meant to keep, for the loss ledger.
    pub(crate) fn kept(&self) -> Kept {
        Kept { age: self.retention, services: self.services.clone(), bytes: self.retention_bytes.is_some() }
    }

    /// The configured retention in readable form.
    pub(crate) fn described(&self) -> RetentionView {
        RetentionView {
            age: self.retention.map(age_text),
            bytes: self.retention_bytes.map(|bytes| bytes.as_u64()),
            services: self.services.iter().map(|(service, kept)| (service.clone(), age_text(*kept))).collect(),
        }
    }
}

/// An age for people, such as `30 days` or `1 day 12 h`.
pub(crate) fn age_text(age: Duration) -> String {
    let mut text = String::new();
    for letter in humantime::format_duration(age).to_string().chars() {
        if letter.is_alphabetic() && text.ends_with(|before: char| before.is_ascii_digit()) {
            text.push(' ');
        }
        text.push(letter);
    }
    text
}

/// The minimum age: shorter ones are likely mistakes.
const LEAST: Duration = Duration::from_secs(60);

fn parse_age(text: &str) -> Result<Duration, String> {
    let age = humantime::parse_duration(text)
        .map_err(|error| format!("{text:?} is not an age ({error}); write it as 30d, 12h or 1y"))?;
    if age < LEAST {
        return Err(format!("{text} is too short; records are kept for at least a minute"));
    }
    Ok(age)
}

fn parse_bytes(text: &str) -> Result<ByteSize, String> {
    text.parse().map_err(|_| format!("{text:?} is not a size; write it as 50GB or 20GiB"))
}

/// The minimum of `--dead-letter-bytes`: more than the largest batch.
const LEAST_LETTER_BYTES: ByteSize = ByteSize::mib(64);

fn parse_letter_bytes(text: &str) -> Result<ByteSize, String> {
    let bytes = parse_bytes(text)?;
    if bytes < LEAST_LETTER_BYTES {
        return Err(format!("{text} is too little for dead letters; they need at least {LEAST_LETTER_BYTES}"));
    }
    Ok(bytes)
}

fn parse_service(text: &str) -> Result<(String, Duration), String> {
    match text.rsplit_once('=') {
        Some((service, age)) if !service.is_empty() => Ok((service.to_owned(), parse_age(age)?)),
        _ => Err(format!("{text:?} names no service and age; write it as debug-svc=3d")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn ages_are_written_with_a_space_before_the_unit() {
        assert_eq!(age_text(30 * DAY), "30 days");
        assert_eq!(age_text(DAY + DAY / 2), "1 day 12 h");
    }

    #[test]
    fn ages_sizes_and_services_are_read_or_refused_with_a_hint() {
        assert_eq!(parse_age("30d"), Ok(30 * DAY));
        assert_eq!(parse_age("12h"), Ok(DAY / 2));
        assert_eq!(parse_bytes("50GB"), Ok(ByteSize::gb(50)));
        assert_eq!(parse_letter_bytes("64MiB"), Ok(ByteSize::mib(64)));
        assert_eq!(parse_service("debug-svc=3d"), Ok(("debug-svc".to_owned(), 3 * DAY)));
        assert_eq!(parse_service("a=b=1h").map(|(service, _)| service), Ok("a=b".to_owned()));
        for (error, hint) in [
            (parse_age("soon").unwrap_err(), "30d"),
            (parse_age("5s").unwrap_err(), "at least a minute"),
            (parse_bytes("much").unwrap_err(), "50GB"),
            (parse_letter_bytes("63MiB").unwrap_err(), "at least 64.0 MiB"),
            (parse_service("debug-svc").unwrap_err(), "debug-svc=3d"),
            (parse_service("=3d").unwrap_err(), "debug-svc=3d"),
            (parse_service("debug-svc=").unwrap_err(), "30d"),
        ] {
            assert!(error.contains(hint), "{error}");
        }
    }
}
