//! Options of access.

use std::path::PathBuf;

use access::{AnonymousRule, Posture};
use clap::{Args, builder::FalseyValueParser};

use super::ReceiveOptions;

/// Who may call without credentials: the same for the server and the agent.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Access")]
pub(crate) struct AccessOptions {
    /// Everybody who reaches a listener may read, write and change everything, from other machines and through proxies
    /// too. Without it, a server that listens beyond 127.0.0.1 is closed until it has an admin.
    #[arg(long, env = "LOGBOOM_OPEN", value_parser = FalseyValueParser::new())]
    pub open: bool,

    /// What callers without credentials may, by their address: write=CIDR or read=CIDR, such as write=10.0.0.0/8; may be
    /// given several times. It is how clients are let in that can send no key, those of syslog, GELF and TCP for example.
    /// On a server, admins can also let networks write while it runs: logboom anonymous.
    #[arg(long, env = "LOGBOOM_ANONYMOUS", value_name = "GRANT=CIDR", value_delimiter = ',')]
    pub anonymous: Vec<AnonymousRule>,
}

/// The first admin of a server.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Access")]
pub(crate) struct AdminOptions {
    /// A file with a password. At the start, the user `admin` is created with it if there is no admin yet. Without it, the
    /// server prints an address for the set-up.
    #[arg(long, env = "LOGBOOM_ADMIN_PASSWORD_FILE", value_name = "FILE")]
    pub admin_password_file: Option<PathBuf>,
}

/// The keys of an agent.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Access")]
pub(crate) struct AcceptOptions {
    /// A file with keys, one a line, with which programs may send to this agent from other machines.
    #[arg(long, env = "LOGBOOM_ACCEPT_KEY_FILE", value_name = "FILE")]
    pub accept_key_file: Option<PathBuf>,
}

impl AccessOptions {
    /// By whom the listeners can be reached.
    pub(crate) fn posture(&self, receive: &ReceiveOptions) -> Posture {
        match (self.open, receive.is_exposed()) {
            (true, _) => Posture::Open,
            (false, true) => Posture::Network,
            (false, false) => Posture::Loopback,
        }
    }

    /// Whether everybody who reaches this machine may do everything.
    pub(crate) fn everybody_beyond_loopback(&self, receive: &ReceiveOptions) -> bool {
        self.open && receive.is_exposed()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Options {
        #[command(flatten)]
        access: AccessOptions,
        #[command(flatten)]
        receive: ReceiveOptions,
    }

    fn posture(line: &str) -> (Posture, bool) {
        let Options { access, receive } = Options::parse_from(line.split(' '));
        (access.posture(&receive), access.everybody_beyond_loopback(&receive))
    }

    #[test]
    fn one_address_beyond_loopback_is_the_network() {
        for (line, expected) in [
            ("logboom", (Posture::Loopback, false)),
            ("logboom --open", (Posture::Open, false)),
            ("logboom --listen 0.0.0.0:3000", (Posture::Network, false)),
            ("logboom --grpc-listen 127.0.0.1:1,10.0.0.1:1", (Posture::Network, false)),
            ("logboom --otlp-listen [::]:1", (Posture::Network, false)),
            ("logboom --listen [::1]:3000", (Posture::Loopback, false)),
            ("logboom --syslog-listen 0.0.0.0:5514", (Posture::Network, false)),
            ("logboom --syslog-listen 0.0.0.0:5514 --open", (Posture::Open, true)),
        ] {
            assert_eq!(posture(line), expected, "{line}");
        }
    }

    #[test]
    fn rules_are_read_or_refused_with_an_example() {
        let options = Options::parse_from(["logboom", "--anonymous", "write=10.0.0.0/8,read=127.0.0.0/8"]);
        assert_eq!(options.access.anonymous.len(), 2);
        let error = Options::try_parse_from(["logboom", "--anonymous", "10.0.0.0/8"]).unwrap_err().to_string();
        assert!(error.contains("write=10.0.0.0/8"), "{error}");
    }
}
