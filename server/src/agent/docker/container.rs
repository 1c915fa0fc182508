//! Reads the log of one container into its window.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use doors::docker::{Decoder, Part};
use futures::StreamExt as _;
use parking_lot::Mutex;
use pipeline::{ErrorClass, Result, backoff::Backoff, clock::Clock};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use super::{
    FIRST_WAIT, LONGEST_WAIT,
    api::{Engine, Listed},
    cursor::{Cursor, Resume, Scan},
};
use crate::agent::{checkpoints::Checkpoint, records::Origin, window::Window};

/// The label of a container that is not read, with the value `false`.
const ENABLE: &str = "logboom.enable";
/// The label with the service of a container of Docker Compose.
const COMPOSE_SERVICE: &str = "com.docker.compose.service";
const COMPOSE_PROJECT: &str = "com.docker.compose.project";
/// Labels of tools and of images, which are the same in each record and tell nothing of the container.
const NOT_ATTRIBUTES: [&str; 4] = ["com.docker.", "org.opencontainers.", "desktop.docker.", "logboom."];
/// The most labels that become attributes.
const LABELS: usize = 16;
/// The clock is looked at after this time without a line.
const QUIET: Duration = Duration::from_secs(1);

/// A container that is followed.
pub(super) struct Container {
    pub(super) id: String,
    pub(super) origin: Origin,
    pub(super) window: Mutex<Window>,
    /// Notified when the window has room again.
    pub(super) room: Notify,
    /// The log has ended, and all of it is in the window or was taken from it.
    pub(super) is_ended: AtomicBool,
}

impl Container {
    pub(super) fn new(listed: &Listed, checkpoint: Checkpoint<Cursor>) -> Self {
        Self {
            id: listed.id.clone(),
            origin: origin(listed),
            window: Mutex::new(Window::new(checkpoint.sending)),
            room: Notify::new(),
            is_ended: AtomicBool::new(false),
        }
    }

    /// Reads from `cursor` on until the log ends. Tries again with backoff while the daemon does not answer.
    pub(super) async fn read(&self, engine: &Engine, clock: &Clock, mut cursor: Cursor) {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        loop {
            let before = cursor;
            match self.read_once(engine, clock, &mut cursor).await {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) if error.class == ErrorClass::NotFound => break,
                Err(error) => tracing::debug!(container = self.id, %error, "the log broke off, reading it again"),
            }
            if cursor != before {
                backoff.reset();
            }
            sleep(backoff.next()).await;
        }
        self.is_ended.store(true, Ordering::Release);
    }

    /// Reads until the stream ends. Returns whether it was the whole log: the container did not run before.
    async fn read_once(&self, engine: &Engine, clock: &Clock, cursor: &mut Cursor) -> Result<bool> {
        let inspected = engine.inspect(&self.id).await?;
        let has_terminal = inspected.config.tty;
        let since = cursor.since(clock.now());
        let mut resume = if since == 0 && !cursor.is_start() {
            self.scan(engine, has_terminal, *cursor).await?
        } else {
            Resume::new(*cursor)
        };
        let mut decoder = Decoder::new(has_terminal);
        let mut stream = std::pin::pin!(engine.logs(&self.id, since, true).await?);
        loop {
            let bytes = match timeout(QUIET, stream.next()).await {
                Ok(Some(bytes)) => bytes?,
                Ok(None) => break,
                // The clock was set back, and a driver that compares each line with `since` leaves out what is written
                // now. The whole log has it.
                Err(_) if since > clock.now() => return Ok(false),
                Err(_) => continue,
            };
            decoder.add(&bytes);
            while let Some(Part { stream, nanos, line }) = decoder.next_part()? {
                if resume.is_new(stream, nanos) {
                    self.add(&line).await;
                    cursor.advance(stream, nanos);
                }
            }
        }
        Ok(!inspected.state.running)
    }

    /// Looks for the cursor in the whole log.
    async fn scan(&self, engine: &Engine, has_terminal: bool, cursor: Cursor) -> Result<Resume> {
        let (mut scan, mut decoder) = (Scan::new(cursor), Decoder::new(has_terminal));
        let mut stream = std::pin::pin!(engine.logs(&self.id, 0, false).await?);
        while !scan.is_done()
            && let Some(bytes) = stream.next().await
        {
            decoder.add(&bytes?);
            while let Some(Part { stream, nanos, .. }) = decoder.next_part()? {
                scan.add(stream, nanos);
            }
        }
        Ok(scan.resume())
    }

    /// Adds a line to the window; waits for room.
    async fn add(&self, line: &[u8]) {
        loop {
            let room = self.room.notified();
            {
                let mut window = self.window.lock();
                if !window.is_full() {
                    return window.add(line);
                }
            }
            room.await;
        }
    }
}

/// Whether a container is not read.
pub(super) fn is_excluded(listed: &Listed, excluded: &[String], own_host: &str) -> bool {
    let names = || listed.names.iter().map(|name| name.trim_start_matches('/'));
    // In a container, the host name is the beginning of its id.
    let is_own = own_host.len() >= 12 && listed.id.starts_with(own_host);
    is_own
        || names().any(|name| excluded.iter().any(|excluded| excluded == name))
        || listed.label(ENABLE).is_some_and(|value| value.eq_ignore_ascii_case("false"))
}

fn origin(listed: &Listed) -> Origin {
    let service = listed.label(COMPOSE_SERVICE).unwrap_or(listed.name());
    let mut origin = Origin::new(service)
        .with("container.id", &listed.id)
        .with("container.name", listed.name())
        .with("container.image.name", &listed.image)
        .with("compose.project", listed.label(COMPOSE_PROJECT).unwrap_or_default());
    let labels = listed.labels.iter().flatten();
    let is_attribute = |name: &str| !NOT_ATTRIBUTES.iter().any(|prefix| name.starts_with(prefix));
    for (name, value) in labels.filter(|(name, _)| is_attribute(name)).take(LABELS) {
        origin = origin.with_label(&format!("container.label.{name}"), value);
    }
    origin
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use axum::{Router, body::Body, http::Uri};
    use doors::cri::{self, Stream};
    use futures::stream;
    use tokio::net::UnixListener;

    use super::*;

    fn listed(json: &str) -> Listed {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_container_gives_service_and_attributes() {
        let plain =
            listed(r#"{"Id":"0123456789abcdef","Names":["/shop-1"],"Image":"shop:2","Labels":null,"State":"running"}"#);
        assert!(plain.is_running());
        assert_eq!(origin(&plain).service, "shop-1");
        let composed = listed(
            r#"{"Id":"1","Names":["/p-shop-1"],"Labels":{"com.docker.compose.service":"shop","team":"a",
            "com.docker.compose.project":"p","com.docker.compose.config-hash":"x"}}"#,
        );
        let origin = origin(&composed);
        let found: Vec<String> = origin.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let expected = ["container.id=1", "container.name=p-shop-1", "compose.project=p", "container.label.team=a"];
        assert_eq!((origin.service.as_str(), found.as_slice()), ("shop", &expected.map(str::to_owned)[..]));
    }

    #[test]
    fn a_container_is_excluded_by_name_by_label_and_if_it_is_the_agents_own() {
        let shop = listed(r#"{"Id":"0123456789abcdef","Names":["/shop"],"Labels":{"logboom.enable":"true"}}"#);
        let off = listed(r#"{"Id":"2","Names":["/off"],"Labels":{"logboom.enable":"False"}}"#);
        assert!(!is_excluded(&shop, &["sho".into()], "host"));
        assert!(is_excluded(&shop, &["shop".into()], "host"));
        assert!(is_excluded(&shop, &[], "0123456789ab"));
        assert!(is_excluded(&off, &[], "host"));
    }

    /// Serves one container. The driver compares the time of each line with `since`. The whole log ends, and one that
    /// is followed from a later time on does not.
    fn serve(socket: &Path, log: Vec<String>) {
        let listener = UnixListener::bind(socket).unwrap();
        let answer = move |uri: Uri| {
            let query = uri.query().unwrap_or_default();
            let since = query
                .split_once("since=")
                .map_or(0, |(_, since)| since.split('.').next().unwrap().parse::<i64>().unwrap());
            let is_new = |line: &&String| nanos(line) / 1_000_000_000 >= since;
            let lines: String = log.iter().filter(is_new).map(|line| format!("{line}\n")).collect();
            let body = if query.is_empty() {
                Body::from(r#"{"Config":{"Tty":true},"State":{"Running":false}}"#)
            } else if since > 0 && query.contains("follow=1") {
                let lines = stream::once(async move { Ok::<_, std::io::Error>(lines) });
                Body::from_stream(lines.chain(stream::pending()))
            } else {
                Body::from(lines)
            };
            std::future::ready(body)
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    }

    /// Ten lines, one a second.
    fn lines(hour: u32) -> Vec<String> {
        (0..10).map(|second| format!("2026-11-29T{hour:02}:00:{second:02}Z at {hour}, line {second}")).collect()
    }

    /// The time at the beginning of a line.
    fn nanos(line: &str) -> i64 {
        cri::nanos(&line[..20]).unwrap()
    }

    fn taken(container: &Container) -> Vec<String> {
        let taken = container.window.lock().take(true, |bytes, _| bytes.len());
        let text = taken.map(|(text, _)| String::from_utf8(text).unwrap()).unwrap_or_default();
        text.lines().map(|line| line.replace(" stdout F", "")).collect()
    }

    #[tokio::test]
    async fn a_log_is_read_once_after_the_clock_was_set_back() {
        let folder = tempfile::tempdir().unwrap();
        let (before, after) = (lines(10), lines(9));
        let both = [&before[..], &after[..]].concat();
        for (case, begun, read, expected) in [
            ("while nobody read", "2026-11-29T09:00:30Z", &before, &after[..]),
            ("while an earlier process read", "2026-11-29T09:00:30Z", &both, &after[..0]),
            ("while this process reads", "2026-11-29T10:00:30Z", &before, &after[..]),
        ] {
            let socket = folder.path().join(case);
            serve(&socket, [&read[..], expected].concat());
            let engine = Engine::new(&socket).unwrap();
            let mut cursor = Cursor::default();
            read.iter().for_each(|line| cursor.advance(Stream::Stdout, nanos(line)));
            // The time at the start, and then another.
            let (begun, now, is_begun) = (nanos(begun), nanos("2026-11-29T09:00:30Z"), AtomicBool::new(false));
            let clock = Clock::from_fn(move || if is_begun.swap(true, Ordering::Relaxed) { now } else { begun });
            let container = Container::new(&Listed::default(), Checkpoint::default());
            timeout(Duration::from_secs(60), container.read(&engine, &clock, cursor)).await.expect(case);
            assert_eq!(taken(&container), expected, "the clock was set back {case}");
        }
    }
}
