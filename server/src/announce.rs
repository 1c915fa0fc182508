//! What a start prints: the addresses, the engines, a first command, and what an operator must know about access.

use std::{fmt::Write as _, io::Write as _, net::SocketAddr, sync::Arc, time::Duration};

use access::{Access, SetupToken};
use pipeline::Supervisor;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{ReceiveOptions, ServeOptions},
    gate::Gate,
    listeners::Addresses,
};

/// How often the notice is repeated, unless its one-time address expires earlier.
const AGAIN: Duration = Duration::from_secs(3600);
/// The warning of a server that is open to the network.
const OPEN: &str = "--open: everybody who reaches this server may read, write and change everything; start it without \
                    --open and add an admin with `logboom user add NAME --role admin` to end that";
/// The pause before a one-time address is replaced: it must have expired.
const MARGIN: Duration = Duration::from_secs(1);

/// What an operator must know about access, if anything.
#[derive(Clone)]
pub(crate) struct Notice {
    access: Access,
    gate: Arc<Gate>,
    /// The URL of the server without a path.
    url: String,
}

impl Notice {
    pub(crate) fn new(access: Access, gate: Arc<Gate>, options: &ReceiveOptions, addresses: &Addresses) -> Self {
        let url = options.listen.public_url.first().map_or_else(|| addresses.url(""), ToString::to_string);
        Self { access, gate, url }
    }

    /// The text of the notice; empty if there is nothing to say.
    pub(crate) async fn now(&self) -> String {
        self.now_and_again().await.0
    }

    /// The text of the notice, and when to say it again.
    async fn now_and_again(&self) -> (String, Duration) {
        if self.gate.is_open_to_network() {
            return (OPEN.to_owned(), AGAIN);
        }
        match self.access.setup().token().await {
            Ok(Some(SetupToken { token, left })) => (closed(&self.url, &token, left), left + MARGIN),
            Ok(None) => (String::new(), AGAIN),
            Err(error) => (format!("this server is closed, and its one-time address cannot be made: {error}"), AGAIN),
        }
    }

    /// Writes the notice to the log. Returns the pause until the next time.
    pub(crate) async fn log(&self) -> Duration {
        let (notice, again) = self.now_and_again().await;
        if !notice.is_empty() {
            tracing::warn!("{notice}");
        }
        again
    }

    /// Starts the task `access notice`, which repeats it. A server on loopback alone needs none.
    pub(crate) fn keep(self, supervisor: &Supervisor, stop: &CancellationToken) {
        if !self.gate.is_exposed() {
            return;
        }
        let end = stop.clone();
        supervisor.spawn("access notice", stop.clone(), move || {
            let (notice, end) = (self.clone(), end.clone());
            async move {
                let (_, mut pause) = notice.now_and_again().await;
                while end.run_until_cancelled(sleep(pause)).await.is_some() {
                    pause = notice.log().await;
                }
            }
        });
    }
}

/// The notice of a server without an admin.
fn closed(url: &str, token: &str, left: Duration) -> String {
    let minutes = left.as_secs().div_ceil(60);
    format!(
        "this server is closed until it has an admin. Three ways on:\n\
         1. open {url}/setup#token={token} in a browser, within {minutes} min and once\n\
         2. run `logboom user add NAME --role admin` with the server's --data or --store (in a container: docker compose \
         exec node-1 logboom user add …)\n\
         3. start with --admin-password-file FILE, or LOGBOOM_ADMIN_PASSWORD_FILE\n\
         Or start with --open, and everybody who reaches it may do everything"
    )
}

/// The text for a user who has just started the program. `notice` is that of [`Notice::now`]. With `wants_key`, the
/// first command has a place for the key without which it would be refused.
pub(crate) fn text(
    options: &ServeOptions,
    addresses: &Addresses,
    (queue, store): (&str, &str),
    notice: &str,
    wants_key: bool,
) -> String {
    let listed = |more: &[SocketAddr]| {
        let scheme = if addresses.tls.is_some() { "https://" } else { "" };
        let all = std::iter::once(&addresses.main).chain(more).map(|address| format!("{scheme}{address}"));
        all.collect::<Vec<_>>().join(", ")
    };
    let mut text = format!(
        "\n  Logboom {} is ready\n\n  dashboard  {}\n  gRPC       {}\n  OTLP/HTTP  {}\n",
        env!("CARGO_PKG_VERSION"),
        addresses.url("/"),
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
    let url = addresses.url("/api/v1/push");
    // The certificate need not name this address, nor need this machine trust it.
    let push = match addresses.tls {
        Some(_) => format!("-k {url}"),
        None => url.trim_start_matches("http://").to_owned(),
    };
    if !notice.is_empty() {
        let _ = writeln!(text, "\n  {}", notice.replace('\n', "\n    "));
    }
    let (mut how, mut key) = ("", "");
    if wants_key {
        how = ", with a key from the page Connect or from `logboom key add hello --write`";
        key = " -H \"authorization: Bearer $LOGBOOM_KEY\"";
    }
    let _ = write!(
        text,
        "\n  a first log{how}:\n    curl {push}{key} -d '{{\"level\":\"info\",\"service\":\"hello\",\"message\":\"first log\"}}'\n\n"
    );
    text
}

/// Prints the text, and warns of a server that is open to the network.
pub(crate) fn print(text: &str, options: &ServeOptions) {
    // Where nobody reads stdout, nothing is lost by it.
    let _ = std::io::stdout().write_all(text.as_bytes());
    if options.workers.is_supervising() && options.access.everybody_beyond_loopback(&options.receive) {
        tracing::warn!("{OPEN}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_server_says_how_long_its_address_is_valid_and_the_other_ways() {
        let text = closed("http://10.0.0.5:3000", "secret", Duration::from_secs(61));
        assert!(text.contains("http://10.0.0.5:3000/setup#token=secret in a browser, within 2 min"), "{text}");
        for way in ["logboom user add NAME --role admin", "--data or --store", "--admin-password-file", "--open"] {
            assert!(text.contains(way), "{way}: {text}");
        }
    }
}
