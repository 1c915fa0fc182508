//! The table of kinds of sinks: one row for each scheme of a URL.

use pipeline::{Result, follow::Sink};

use crate::{
    destination::Destination, elasticsearch::Elasticsearch, file::FileSink, http::Http, logboom::Logboom, loki::Loki,
    otlp::Otlp, parameters::Parameters, secrets::Credentials, tcp::TcpSink,
};

type Build = fn(Destination, &mut Parameters) -> Result<Box<dyn Sink>>;

/// One kind of sink.
pub(crate) struct Kind {
    pub(crate) scheme: &'static str,
    /// The scheme of [`Destination::url`].
    pub(crate) transport: &'static str,
    /// A complete URL, for errors.
    pub(crate) example: &'static str,
    /// The credentials that the protocol can carry.
    pub(crate) accepts: &'static [Accepts],
    /// Makes the sink and takes its parameters. Neither connects nor touches a file.
    pub(crate) build: Build,
}

/// A way to prove who one is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepts {
    Basic,
    ApiKey,
    Bearer,
}

use Accepts::{ApiKey, Basic, Bearer};

impl Kind {
    /// How the protocol carries the key of a file: as an API key where it has one, else as a token. Logboom takes both.
    pub(crate) fn key(&self, key: String) -> Credentials {
        if self.accepts.contains(&ApiKey) { Credentials::ApiKey(key) } else { Credentials::Bearer(key) }
    }
}

/// All kinds, by scheme.
pub(crate) const KINDS: [Kind; 13] = [
    http("http", "http", "http://host:8080/logs"),
    http("https", "https", "https://host/logs"),
    elasticsearch("elasticsearch+http", "http", "elasticsearch+http://host:9200/logs-{yyyy}.{MM}.{dd}"),
    elasticsearch("elasticsearch+https", "https", "elasticsearch+https://host:9200/logs-{yyyy}.{MM}.{dd}"),
    loki("loki+http", "http", "loki+http://host:3100"),
    loki("loki+https", "https", "loki+https://host"),
    otlp("otlp+http", "http", "otlp+http://host:4318"),
    otlp("otlp+https", "https", "otlp+https://host"),
    logboom("logboom+http", "http", "logboom+http://host:4317"),
    logboom("logboom+https", "https", "logboom+https://host:4317"),
    Kind {
        scheme: "file",
        transport: "file",
        example: "file:///var/log/logboom/{service}-{yyyy}-{MM}-{dd}.ndjson",
        accepts: &[],
        build: |to, parameters| Ok(Box::new(FileSink::new(&to.url, parameters)?)),
    },
    tcp("tcp", "tcp://host:5170"),
    tcp("tcp+tls", "tcp+tls://host:5170"),
];

/// The kind of a scheme in lower case.
pub(crate) fn find(scheme: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.scheme == scheme)
}

const HTTP: &[Accepts] = &[Basic, Bearer];

const fn http(scheme: &'static str, transport: &'static str, example: &'static str) -> Kind {
    let build: Build = |to, parameters| Ok(Box::new(Http::new(&to, parameters)?));
    Kind { scheme, transport, example, accepts: HTTP, build }
}

const fn elasticsearch(scheme: &'static str, transport: &'static str, example: &'static str) -> Kind {
    let build: Build = |to, parameters| Ok(Box::new(Elasticsearch::new(&to, parameters)?));
    Kind { scheme, transport, example, accepts: &[Basic, ApiKey, Bearer], build }
}

const fn loki(scheme: &'static str, transport: &'static str, example: &'static str) -> Kind {
    let build: Build = |to, parameters| Ok(Box::new(Loki::new(&to, parameters)?));
    Kind { scheme, transport, example, accepts: HTTP, build }
}

const fn otlp(scheme: &'static str, transport: &'static str, example: &'static str) -> Kind {
    let build: Build = |to, parameters| Ok(Box::new(Otlp::new(&to, parameters)?));
    Kind { scheme, transport, example, accepts: HTTP, build }
}

const fn logboom(scheme: &'static str, transport: &'static str, example: &'static str) -> Kind {
    let build: Build = |to, parameters| Ok(Box::new(Logboom::new(&to, parameters)?));
    Kind { scheme, transport, example, accepts: HTTP, build }
}

const fn tcp(scheme: &'static str, example: &'static str) -> Kind {
    Kind {
        scheme,
        transport: scheme,
        example,
        accepts: &[],
        build: |to, parameters| Ok(Box::new(TcpSink::new(&to.url, parameters)?)),
    }
}
