//! Configurable limits.

use bytesize::ByteSize;
use clap::Args;
use model::limits;

/// The fixed limits, printed at the end of the help.
pub(crate) fn fixed() -> String {
    let mib = |bytes: usize| format!("{} MiB", bytes >> 20);
    format!(
        "Fixed limits of every door; an error names the limit exceeded, and the other records are kept:\n  \
         a request, decompressed      {}, {} records\n  \
         a message                    {}\n  \
         attributes of a record       {}, nested {} deep\n  \
         an attribute                 name {} bytes, value {} KiB\n  \
         service, node, level         {} bytes\n  \
         one message over TCP         {}, {} for --fluent-listen, within 30 s\n  \
         the body of a request        within 60 s, its head within 15 s\n\n\
         How to send from each language and logger: docs/sending.md, and the page /connect.",
        mib(limits::BATCH_BYTES),
        limits::RECORDS_PER_BATCH,
        mib(limits::MESSAGE_BYTES),
        limits::ATTRIBUTES,
        limits::DEPTH,
        limits::KEY_BYTES,
        limits::VALUE_BYTES >> 10,
        limits::NAME_BYTES,
        mib(doors::stream::MESSAGE_BYTES),
        mib(doors::fluent::FORWARD_BYTES),
    )
}

/// Configurable limits.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitOptions {
    /// The maximum number of records in flight to the queue. Past it, clients are told to retry later.
    #[arg(long, env = "LOGBOOM_MAX_IN_FLIGHT", value_name = "RECORDS", default_value_t = 200_000,
          value_parser = parse_at_least_one)]
    pub max_in_flight: usize,

    /// The memory for received data that is not yet decoded, over all connections: bodies during receipt and
    /// decompression, messages of streams; at least 32MiB. Past it, clients are told to retry later, and doors
    /// without a response stop reading.
    #[arg(long, env = "LOGBOOM_BODY_MEMORY", value_name = "BYTES", default_value = "64MiB",
          value_parser = parse_body_memory)]
    pub body_memory: ByteSize,

    /// The maximum number of connections per listener.
    #[arg(long, env = "LOGBOOM_MAX_CONNECTIONS", value_name = "N", default_value_t = 4096)]
    pub max_connections: usize,
}

/// The minimum of `--body-memory`: one message of the largest size, and a body decompressed beside it.
const BODY_MEMORY: ByteSize = ByteSize::mib(32);

fn parse_body_memory(text: &str) -> Result<ByteSize, String> {
    let bytes: ByteSize = text.parse().map_err(|_| format!("{text:?} is not a size; write it as 64MiB or 500MB"))?;
    if bytes < BODY_MEMORY {
        return Err(format!(
            "{text} is too little for one message of {} over --fluent-listen and a body of {}; \
             --body-memory needs at least {BODY_MEMORY}",
            ByteSize(doors::fluent::FORWARD_BYTES as u64),
            ByteSize(limits::BATCH_BYTES as u64),
        ));
    }
    Ok(bytes)
}

fn parse_at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("with 0 no record could be accepted; --max-in-flight needs at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err(format!("{text:?} is not a number of records")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_below_which_nothing_would_get_through_are_refused() {
        assert_eq!(parse_body_memory("64MiB"), Ok(ByteSize::mib(64)));
        assert_eq!(parse_body_memory("32MiB"), Ok(ByteSize::mib(32)));
        for (text, hints) in [
            ("16MiB", &["16MiB is too little", "--fluent-listen", "--body-memory", "at least 32.0 MiB"][..]),
            ("much", &["64MiB"]),
        ] {
            let error = parse_body_memory(text).unwrap_err();
            assert!(hints.iter().all(|hint| error.contains(hint)), "{error}");
        }
        assert_eq!(parse_at_least_one("10"), Ok(10));
        assert!(parse_at_least_one("0").is_err_and(|error| error.contains("--max-in-flight")));
        assert!(parse_at_least_one("-1").is_err());
    }
}
