//! What a start prints: the addresses, the engines, and a first command.

use std::{fmt::Write as _, io::Write as _, net::SocketAddr};

use crate::{
    config::ServeOptions,
    listeners::{Addresses, warn_if_exposed},
};

/// The text for a user who has just started the program.
pub(crate) fn text(options: &ServeOptions, addresses: &Addresses, queue: &str, store: &str) -> String {
    let listed = |more: &[SocketAddr]| {
        let all: Vec<String> = std::iter::once(&addresses.main).chain(more).map(SocketAddr::to_string).collect();
        all.join(", ")
    };
    let address = addresses.main;
    let mut text = format!(
        "\n  Logboom {} is ready\n\n  dashboard  http://{address}/\n  gRPC       {}\n  OTLP/HTTP  {}\n",
        env!("CARGO_PKG_VERSION"),
        listed(&addresses.grpc),
        listed(&addresses.otlp),
    );
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<10} {value}");
    };
    for (name, address) in &addresses.doors {
        line(name, &address.to_string());
    }
    line("queue", queue);
    line("store", store);
    if options.engines.queue == "embedded" || options.engines.store == "embedded" {
        let data = std::path::absolute(&options.engines.data).unwrap_or_else(|_| options.engines.data.clone());
        line("data", &data.display().to_string());
    }
    if options.workers.workers > 1 {
        line("workers", &options.workers.workers.to_string());
    }
    let _ = write!(
        text,
        "\n  a first log:\n    curl {address}/api/v1/push -d '{{\"level\":\"info\",\"service\":\"hello\",\"message\":\"first log\"}}'\n\n"
    );
    text
}

/// Prints the text, and warns of addresses that other machines reach.
pub(crate) fn print(text: &str, options: &ServeOptions) {
    // Where nobody reads stdout, nothing is lost by it.
    let _ = std::io::stdout().write_all(text.as_bytes());
    warn_if_exposed(&options.receive);
}
