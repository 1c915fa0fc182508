//! Options of TLS: the same for the server and the agent.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

/// Certificates, and the listener that sends browsers to https.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsOptions {
    /// The certificate of this server: a PEM file with the chain, the server's own certificate first. With it, every
    /// HTTP and gRPC listener speaks TLS alone, and so does each other door whose address begins with tls://. A file
    /// that changes is read again within 2 s.
    #[arg(long, env = "LOGBOOM_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// The private key of the certificate: a PEM file, not encrypted.
    #[arg(long, env = "LOGBOOM_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// The authorities of client certificates: a PEM file. A client that shows a certificate of another authority is
    /// refused. One that shows none is a caller like any other.
    #[arg(long, env = "LOGBOOM_TLS_CLIENT_CA", value_name = "FILE", requires = "tls_cert")]
    pub tls_client_ca: Option<PathBuf>,

    /// An additional address without TLS, such as 0.0.0.0:80. It sends GET and HEAD to https, and refuses the rest:
    /// what they carry has already crossed the network in the open.
    #[arg(long, env = "LOGBOOM_HTTP_REDIRECT", value_name = "ADDR", requires = "tls_cert")]
    pub http_redirect: Option<SocketAddr>,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Options {
        #[command(flatten)]
        tls: TlsOptions,
    }

    #[test]
    fn an_option_without_the_one_that_it_needs_is_refused_by_its_name() {
        for (line, missing) in [
            ("logboom --tls-cert a.pem", "--tls-key"),
            ("logboom --tls-key a.key", "--tls-cert"),
            ("logboom --tls-client-ca ca.pem", "--tls-cert"),
            ("logboom --http-redirect 0.0.0.0:80", "--tls-cert"),
        ] {
            let error = Options::try_parse_from(line.split(' ')).unwrap_err().to_string();
            assert!(error.contains(missing), "{line}: {error}");
        }
        let line = "logboom --tls-cert a.pem --tls-key a.key --http-redirect 0.0.0.0:80";
        let tls = Options::parse_from(line.split(' ')).tls;
        assert_eq!((tls.tls_cert, tls.tls_key), (Some("a.pem".into()), Some("a.key".into())));
        assert_eq!(tls.http_redirect, Some("0.0.0.0:80".parse().unwrap()));
    }
}
