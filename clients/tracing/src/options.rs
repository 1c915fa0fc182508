//! The options, their ranges and defaults.

use std::{env, time::Duration};

use tonic::transport::Endpoint;

use crate::{
    Guard, LogboomLayer,
    access::{self, Certificates, Secret},
    batch::Producer,
    buffer::Bounds,
    error::BuildError,
    fallback::{Fallback, Sink},
    host, limits,
    sender::{self, Sender, Target},
    shared::Shared,
};

/// Creates a builder for the address of a server's gRPC listener, such as `http://127.0.0.1:4317`. Connections to an
/// address of `https` are encrypted.
///
/// [`Builder::build`] validates the options and connects.
pub fn builder(endpoint: impl Into<String>) -> Builder {
    Builder {
        endpoint: endpoint.into(),
        key: None,
        certificates: Certificates::default(),
        service: None,
        node: None,
        bounds: Bounds {
            records: 10_000,
            bytes: 16 << 20,
            batch_records: 500,
            batch_delay: Duration::from_millis(100),
        },
        fallback: Fallback::default(),
        flush_timeout: Duration::from_secs(5),
    }
}

/// The options of a layer; created by [`builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    endpoint: String,
    key: Option<Secret>,
    certificates: Certificates,
    service: Option<String>,
    node: Option<String>,
    bounds: Bounds,
    fallback: Fallback,
    flush_timeout: Duration,
}

impl Builder {
    /// The key that the server asks for; 1 to 256 visible ASCII characters. Default: the environment variable
    /// `LOGBOOM_KEY`. Without both, no key is sent. Over `http`, everybody on the way can read it.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(Secret::new(key));
        self
    }

    /// The certificate authority that an `https` server is checked against, as the text of a PEM file. Default: the
    /// authorities of the system.
    pub fn ca_certificate(mut self, pem: impl Into<String>) -> Self {
        self.certificates.ca = Some(pem.into());
        self
    }

    /// The client certificate and its private key, for an `https` server that asks for one, as the texts of PEM files.
    pub fn client_certificate(mut self, certificate: impl Into<String>, key: impl Into<String>) -> Self {
        self.certificates.client = Some((certificate.into(), Secret::new(key)));
        self
    }

    /// The service of the records; at most 256 bytes. Default: the name of the executable.
    pub fn service(mut self, service: impl Into<String>) -> Self {
        self.service = Some(service.into());
        self
    }

    /// The node of the records; at most 256 bytes. Default: the host name.
    pub fn node(mut self, node: impl Into<String>) -> Self {
        self.node = Some(node.into());
        self
    }

    /// The maximum number of records per batch, 1 to 10,000. Default: 500. A batch is also full at 2 MiB.
    pub fn batch_records(mut self, records: usize) -> Self {
        self.bounds.batch_records = records;
        self
    }

    /// How long a record waits for its batch to fill, up to a minute. Default: 100 ms.
    pub fn batch_delay(mut self, delay: Duration) -> Self {
        self.bounds.batch_delay = delay;
        self
    }

    /// The maximum number of unacknowledged records in memory, at least 1. Default: 10,000. Past it, new records go
    /// to the fallback.
    pub fn max_buffered_records(mut self, records: usize) -> Self {
        self.bounds.records = records;
        self
    }

    /// The same limit in bytes, at least 1. Default: 16 MiB.
    pub fn max_buffered_bytes(mut self, bytes: usize) -> Self {
        self.bounds.bytes = bytes;
        self
    }

    /// The destination of records that do not reach the server. Default: [`Fallback::Stderr`].
    pub fn fallback(mut self, fallback: Fallback) -> Self {
        self.fallback = fallback;
        self
    }

    /// The timeout of a flush and of the guard's drop. Default: 5 s.
    pub fn flush_timeout(mut self, timeout: Duration) -> Self {
        self.flush_timeout = timeout;
        self
    }

    /// Starts the sender's thread and returns the layer and its guard. Does not wait for a connection.
    ///
    /// # Errors
    /// An option is out of range, a certificate cannot be used, the fallback file cannot be opened, or the system cannot
    /// create a thread.
    pub fn build(self) -> Result<(LogboomLayer, Guard), BuildError> {
        self.check()?;
        let endpoint = self.endpoint()?;
        // What is no text is no key either.
        let environment = env::var_os(access::VARIABLE).map(|key| key.to_string_lossy().into_owned());
        let target = Target { endpoint, authorization: access::authorization(self.key, environment)? };
        let producer = Producer {
            service: name_option("service", self.service, host::service)?,
            node: name_option("node", self.node, host::node)?,
        };
        let fallback = Sink::open(&self.fallback)?;
        let shared = Shared::new(producer, self.bounds, fallback);
        let sender = Sender::start(shared.clone(), target).map_err(BuildError::Thread)?;
        Ok((LogboomLayer::new(shared.clone()), Guard::new(shared, sender, self.flush_timeout)))
    }

    fn check(&self) -> Result<(), BuildError> {
        let Bounds { records, bytes, batch_records, batch_delay } = self.bounds;
        let refuse = |option, value: String, bounds| Err(BuildError::Option { option, value, bounds });
        if !(1..=limits::RECORDS_PER_BATCH).contains(&batch_records) {
            return refuse("batch_records", batch_records.to_string(), "1 to 10000");
        }
        if batch_delay > Duration::from_secs(60) {
            return refuse("batch_delay", format!("{batch_delay:?}"), "up to 60s");
        }
        if records == 0 {
            return refuse("max_buffered_records", "0".to_owned(), "1 or more");
        }
        if bytes == 0 {
            return refuse("max_buffered_bytes", "0".to_owned(), "1 or more");
        }
        Ok(())
    }

    fn endpoint(&self) -> Result<Endpoint, BuildError> {
        let refuse =
            |reason: &str| BuildError::Endpoint { endpoint: masked(&self.endpoint), reason: reason.to_owned() };
        let endpoint = Endpoint::from_shared(self.endpoint.clone()).map_err(|_| refuse(HINT))?;
        match endpoint.uri().scheme_str() {
            Some("http") if self.certificates.ca.is_some() || self.certificates.client.is_some() => {
                Err(refuse("certificates need an encrypted connection; begin the address with https://"))
            }
            Some("http") => Ok(sender::configured(endpoint)),
            Some("https") => access::encrypted(sender::configured(endpoint), &self.certificates),
            _ => Err(refuse(HINT)),
        }
    }
}

/// The endpoint without what is in front of an `@`, which may be a key or a password.
fn masked(endpoint: &str) -> String {
    let Some((before, host)) = endpoint.rsplit_once('@') else { return endpoint.to_owned() };
    match before.split_once("://") {
        Some((scheme, _)) => format!("{scheme}://…@{host}"),
        None => format!("…@{host}"),
    }
}

/// A hint for valid endpoints.
const HINT: &str = "write it like http://127.0.0.1:4317";

/// The given name, if within its limit, or else the default.
fn name_option(
    option: &'static str,
    given: Option<String>,
    default: impl FnOnce() -> String,
) -> Result<String, BuildError> {
    match given {
        Some(name) if name.len() > limits::NAME_BYTES => {
            Err(BuildError::Option { option, value: format!("{} bytes long", name.len()), bounds: "up to 256 bytes" })
        }
        Some(name) => Ok(name),
        None => Ok(crate::text::cut(&default(), limits::NAME_BYTES).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(builder: Builder) -> String {
        builder.build().map(drop).unwrap_err().to_string()
    }

    #[test]
    fn what_is_out_of_its_bounds_is_refused_by_name() {
        let good = || builder("http://127.0.0.1:1");
        let cases = [
            (builder("127.0.0.1:4317"), "endpoint 127.0.0.1:4317: write it like http://127.0.0.1:4317"),
            (builder("http://"), "endpoint http://: write it like http://127.0.0.1:4317"),
            (builder("ftp://a"), "endpoint ftp://a: write it like http://127.0.0.1:4317"),
            (builder("ftp://kim:secret@a"), "endpoint ftp://…@a: write it like http://127.0.0.1:4317"),
            (builder("lb_secret@a"), "endpoint …@a: write it like http://127.0.0.1:4317"),
            (
                builder("http://a").ca_certificate("x"),
                "endpoint http://a: certificates need an encrypted connection; begin the address with https://",
            ),
            (builder("https://a").ca_certificate("x"), "ca_certificate is no PEM; it may be the text of a PEM file"),
            (good().key("a b"), "key is not a key; it may be 1 to 256 visible ASCII characters, such as lb_…"),
            (good().batch_records(0), "batch_records is 0; it may be 1 to 10000"),
            (good().batch_records(10_001), "batch_records is 10001; it may be 1 to 10000"),
            (good().batch_delay(Duration::from_secs(61)), "batch_delay is 61s; it may be up to 60s"),
            (good().max_buffered_records(0), "max_buffered_records is 0; it may be 1 or more"),
            (good().max_buffered_bytes(0), "max_buffered_bytes is 0; it may be 1 or more"),
            (good().service("s".repeat(257)), "service is 257 bytes long; it may be up to 256 bytes"),
            (good().node("n".repeat(257)), "node is 257 bytes long; it may be up to 256 bytes"),
        ];
        for (builder, reason) in cases {
            assert_eq!(refused(builder), reason);
        }
        let nowhere = good().fallback(Fallback::File("/nonexistent/file".into()));
        assert!(refused(nowhere).starts_with("the fallback's file /nonexistent/file: "));
    }

    #[test]
    fn service_and_node_have_defaults() {
        assert!(name_option("service", None, host::service).unwrap().starts_with("logboom_tracing"));
        assert!(!name_option("node", None, host::node).unwrap().is_empty());
        assert_eq!(name_option("node", Some("a1".into()), host::node).unwrap(), "a1");
    }
}
