//! Runs the snippet of the documentation and the dashboard unchanged. In a separate process, because it sets the
//! global subscriber.

mod program;

use std::sync::OnceLock;

use program::Server;

/// The address of the test's server, in place of the snippet's.
static ENDPOINT: OnceLock<String> = OnceLock::new();

mod snippet {
    mod logboom_tracing {
        /// Shadows the crate's own, with the address replaced.
        pub(super) fn builder(address: &str) -> ::logboom_tracing::Builder {
            assert_eq!(address, "http://127.0.0.1:4317");
            ::logboom_tracing::builder(super::super::ENDPOINT.get().expect("the server was started"))
        }
    }

    include!("../../../docs/snippets/tracing.rs");

    pub(super) fn run() {
        main().expect("the snippet runs");
    }
}

#[test]
fn the_snippet_logs() {
    let server = Server::start();
    ENDPOINT.set(server.endpoint()).expect("set once");
    snippet::run();
    let record = server.record("shop", "hello from tracing");
    assert_eq!(record.level, "info");
    assert_eq!(record.attributes["order"], 17);
}
