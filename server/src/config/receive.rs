//! Options of receiving: the same for the server and the agent.

use anyhow::bail;
use chrono::FixedOffset;
use clap::Args;

use super::{LimitOptions, ListenOptions, RedactionOptions, StreamOptions, TlsOptions};

/// Options of receiving.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReceiveOptions {
    #[command(flatten)]
    pub listen: ListenOptions,
    #[command(flatten)]
    pub streams: StreamOptions,
    #[command(flatten)]
    pub tls: TlsOptions,
    #[command(flatten)]
    pub limits: LimitOptions,
    #[command(flatten)]
    pub redaction: RedactionOptions,

    /// The time zone of timestamps without one, such as +09:00 or UTC.
    #[arg(long, env = "LOGBOOM_ASSUME_TIMEZONE", value_name = "OFFSET", default_value = "UTC",
          value_parser = parse_offset, allow_hyphen_values = true, help_heading = "Receiving")]
    pub assume_timezone: FixedOffset,
}

impl ReceiveOptions {
    /// Whether other machines reach a listener.
    pub(crate) fn is_exposed(&self) -> bool {
        self.listen.exposed().chain(self.streams.exposed()).next().is_some()
    }

    /// Checks options that need each other.
    ///
    /// # Errors
    /// A door has an address with TLS, and there is no certificate; the distributor would announce such an address; a
    /// redaction rule is wrong.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        self.redaction.build()?;
        let StreamOptions { doors, distributor, .. } = &self.streams;
        if let (Some((door, address)), None) = (doors.secure_address(), &self.tls.tls_cert) {
            bail!("--{door}-listen {address}: TLS needs a certificate; add --tls-cert and --tls-key");
        }
        if distributor.is_some() && doors.plain_tcp().is_none() {
            bail!("--distributor: it announces a port without TLS; add a --tcp-listen address without tls://");
        }
        Ok(())
    }
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

    #[test]
    fn addresses_with_tls_need_a_certificate_and_are_not_announced() {
        #[derive(Debug, clap::Parser)]
        struct Options {
            #[command(flatten)]
            receive: ReceiveOptions,
        }
        let check = |line: &str| {
            let options = <Options as clap::Parser>::parse_from(line.split(' ')).receive;
            options.check().map_err(|error| error.to_string())
        };
        let certificate = "--tls-cert a.pem --tls-key a.key";
        assert_eq!(check("logboom --syslog-listen 127.0.0.1:1"), Ok(()));
        assert_eq!(check(&format!("logboom --syslog-listen tls://127.0.0.1:1 {certificate}")), Ok(()));
        let error = check("logboom --syslog-listen 127.0.0.1:1,tls://127.0.0.1:2").unwrap_err();
        assert!(error.starts_with("--syslog-listen tls://127.0.0.1:2") && error.contains("--tls-key"), "{error}");
        let both = "logboom --distributor a:1 --tcp-listen tls://127.0.0.1:1";
        assert!(check(&format!("{both} {certificate}")).is_err_and(|error| error.contains("--tcp-listen")));
        assert_eq!(check(&format!("{both},127.0.0.1:2 {certificate}")), Ok(()));
    }
}
