//! What the documentation and the dashboard offer to be pasted, as it stands there. In a
//! process of its own, because it sets up the process's subscriber.

mod program;

use std::sync::OnceLock;

use program::Server;

/// Of the test's own server, in the place of the address that the snippet names.
static ENDPOINT: OnceLock<String> = OnceLock::new();

mod snippet {
    mod logboom_tracing {
        /// Hides the crate's own: the same, but for the address.
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
