//! Configuration: the broker's address, and the limits in both directions.

use std::{fmt, time::Duration};

use lapin::uri::AMQPUri;
use pipeline::{Error, Result, Supervisor};
use url::{Host, Url};

/// The default queue name.
const QUEUE: &str = "logboom.store";
/// The default heartbeat interval in seconds: a network that drops packets silently is detected within two of them.
const HEARTBEAT: u16 = 10;
/// The supported query parameters of the URL.
const PARAMETERS: [&str; 5] = ["queue", "heartbeat", "frame_max", "channel_max", "auth_mechanism"];

/// Limits of the engine; the defaults fit a node with some hundred MB of memory.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a batch may wait for the broker's confirm. After that the caller receives an error, and the batch may
    /// or may not be in the queue.
    pub publish_timeout: Duration,
    /// The limit of encoded bytes sent and not yet confirmed; beyond it: `Overloaded`.
    pub in_flight_bytes: usize,
    /// The limit of unacknowledged batches at this process. Fewer if they exceed [`Options::prefetch_bytes`].
    pub prefetch: u16,
    /// The limit of their encoded bytes. Temporarily up to half as much again; more if large batches follow small ones,
    /// by the bytes that the broker sends before its subscription is cancelled.
    pub prefetch_bytes: usize,
    /// The approximate bytes of batches decoded ahead of the store; also the limit of one call of
    /// [`pipeline::Queue::receive`].
    pub decoded_bytes: usize,
    /// The wait after the queue was created, before the first batch is published.
    ///
    /// The broker persists the metadata of a new queue within two seconds. If it is killed before that, it loses the
    /// queue and all confirmed messages (observed with RabbitMQ 3.10, which keeps it in Mnesia). Happens once per
    /// queue.
    pub new_queue_rest: Duration,
    /// How long a batch of a newer version is held before it is returned to the queue for a newer node.
    pub newer_pause: Duration,
    /// The supervisor of the engine's tasks.
    pub supervisor: Supervisor,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            publish_timeout: Duration::from_secs(30),
            in_flight_bytes: 64 << 20,
            prefetch: 2_000,
            prefetch_bytes: 24 << 20,
            decoded_bytes: 16 << 20,
            new_queue_rest: Duration::from_secs(3),
            newer_pause: Duration::from_secs(1),
            supervisor: Supervisor::default(),
        }
    }
}

/// The broker and the queue, from a URL. `Debug` and `Display` omit the password.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) uri: AMQPUri,
    pub(crate) queue: String,
}

impl Address {
    /// Parses `amqp[s]://user:password@host:port/virtual-host?queue=name`.
    ///
    /// # Errors
    /// `Invalid`, with the invalid part but never the URL itself.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let url = Url::parse(text).map_err(|error| Error::invalid(format!("queue URL: {error}")))?;
        if !matches!(url.scheme(), "amqp" | "amqps") {
            return Err(Error::invalid(format!("queue URL: scheme `{}` is neither amqp nor amqps", url.scheme())));
        }
        let Some(host) = url.host() else {
            return Err(Error::invalid("queue URL: no host; write amqp://user:password@host:5672"));
        };
        let unknown = url.query_pairs().find(|(key, _)| !PARAMETERS.contains(&key.as_ref()));
        if let Some((key, _)) = unknown {
            let known = PARAMETERS.join(", ");
            return Err(Error::invalid(format!("queue URL: unknown parameter `{key}`; supported are {known}")));
        }
        let queue = url.query_pairs().find(|(key, _)| key == "queue");
        let queue = queue.map_or_else(|| QUEUE.to_owned(), |(_, name)| name.into_owned());
        if queue.is_empty() || queue.len() > 255 || queue.starts_with("amq.") {
            return Err(Error::invalid(
                "queue URL: the queue's name must have 1 to 255 bytes and must not begin with `amq.`",
            ));
        }
        let mut uri: AMQPUri = text.parse().map_err(|error| Error::invalid(format!("queue URL: {error}")))?;
        if let Host::Ipv6(host) = host {
            // The client's parser accepts only names, and falls back to localhost.
            uri.authority.host = host.to_string();
        }
        if uri.vhost.is_empty() {
            // A virtual host may have an empty name, but `host:5672/` never means that.
            "/".clone_into(&mut uri.vhost);
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        Ok(Self { uri, queue })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { uri, queue } = self;
        let authority = &uri.authority;
        let user = &authority.userinfo.username;
        write!(f, "{}://{user}@{}:{}", uri.scheme, authority.host, authority.port)?;
        write!(f, " (virtual host {}, queue {queue})", uri.vhost)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_with_its_defaults() {
        for (url, host, port, vhost, queue) in [
            ("amqp://localhost", "localhost", 5672, "/", QUEUE),
            ("amqp://localhost/", "localhost", 5672, "/", QUEUE),
            ("amqps://u:p@broker.example:1/%2Flogs", "broker.example", 1, "/logs", QUEUE),
            ("amqp://10.0.0.7:5673/v?queue=other&heartbeat=3", "10.0.0.7", 5673, "v", "other"),
            ("amqp://[::1]:5673", "::1", 5673, "/", QUEUE),
        ] {
            let address = Address::parse(url).unwrap();
            assert_eq!(address.uri.authority.host, host, "{url}");
            assert_eq!(address.uri.authority.port, port, "{url}");
            assert_eq!(address.uri.vhost, vhost, "{url}");
            assert_eq!(address.queue, queue, "{url}");
        }
    }

    #[test]
    fn a_wrong_url_is_refused_with_the_reason() {
        for (url, reason) in [
            ("localhost:5672", "scheme"),
            ("http://localhost", "scheme `http`"),
            ("amqp://", "no host"),
            ("amqp://localhost?que=x", "unknown parameter `que`"),
            ("amqp://localhost?queue=", "1 to 255 bytes"),
            ("amqp://localhost?queue=amq.x", "must not begin"),
            ("amqp://localhost?heartbeat=soon", "invalid digit"),
        ] {
            let error = Address::parse(url).unwrap_err();
            assert!(error.message.contains(reason), "{url}: {error}");
        }
    }

    #[test]
    fn the_password_is_never_shown() {
        let address = Address::parse("amqp://user:s3cret@localhost/v").unwrap();
        assert!(!format!("{address} {address:?}").contains("s3cret"));
        for wrong in ["amqp:user:s3cret", "amqp://user:s3cret@", "amqp://user:s3cret@localhost:x", "http://u:s3cret@h"]
        {
            assert!(!Address::parse(wrong).unwrap_err().message.contains("s3cret"), "{wrong}");
        }
    }
}
