//! The sinks against small servers of their protocols that answer by script.

mod elasticsearch;
mod http;
mod logboom;
mod server;
mod ways;

use std::time::Duration;

use pipeline::follow::Sink;
use url::Url;

use crate::{
    destination::{Destination, Timing},
    kinds,
    parameters::Parameters,
    secrets::Credentials,
};

/// A sink with short waits. `url` has the scheme of its transport, such as `http`.
fn sink(scheme: &str, url: &str) -> Box<dyn Sink> {
    sink_with(scheme, url, Credentials::None)
}

fn sink_with(scheme: &str, url: &str, credentials: Credentials) -> Box<dyn Sink> {
    let mut url = Url::parse(url).unwrap();
    let mut parameters = Parameters::read(url.query().unwrap_or_default()).unwrap();
    url.set_query(None);
    let timing = Timing {
        connect: Duration::from_millis(500),
        request: Duration::from_millis(500),
        pause: Duration::from_millis(1),
    };
    let kind = kinds::find(scheme).unwrap();
    (kind.build)(Destination { timing, ..Destination::new(url, credentials) }, &mut parameters).unwrap()
}
