//! `logboom send`: sends lines from the standard input or a growing file to a running server.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use clap::Args;
use pipeline::backoff::Backoff;
use reqwest::StatusCode;
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt as _, BufReader},
    time::Instant,
};

use super::{client::Server, printable};
use crate::files::Reader;

/// Limits of one request: lines, bytes, and the delay of its first line.
const LINES: usize = 1_000;
const BYTES: usize = 1 << 20;
const DELAY: Duration = Duration::from_millis(200);
/// The backoff between retries, and the request timeout.
const RETRY: Duration = Duration::from_millis(250);
const RETRY_MOST: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(30);

/// Options of `send`.
#[derive(Debug, Args)]
pub(crate) struct SendOptions {
    /// The file to read; without it the standard input. Each line is a message, or a JSON object with one.
    pub file: Option<PathBuf>,

    #[command(flatten)]
    pub server: Server,

    /// The service of lines without one.
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,

    /// The node of lines without one. [default: the name of this host]
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,

    /// The level of lines without one.
    #[arg(long, value_name = "LEVEL")]
    pub level: Option<String>,

    /// Follow the file: send lines appended to it, also after it was rotated or truncated.
    #[arg(long, requires = "file")]
    pub follow: bool,

    /// With --follow: start with the existing content of the file.
    #[arg(long, requires = "follow")]
    pub from_start: bool,
}

/// # Errors
/// The file cannot be read, or the server refuses the lines. While the server cannot be reached, requests are
/// retried.
pub(crate) async fn run(options: &SendOptions) -> anyhow::Result<()> {
    let sender = Sender::new(options)?;
    let sent = match &options.file {
        None => send_all(BufReader::new(tokio::io::stdin()), &sender).await?,
        Some(path) if options.follow => send_growing(open_growing(path, options.from_start)?, &sender).await?,
        Some(path) => {
            let file = tokio::fs::File::open(path).await.with_context(|| format!("cannot read {}", path.display()))?;
            send_all(BufReader::new(file), &sender).await?
        }
    };
    sent.print_summary();
    if sent.refused > 0 { bail!("the server refused {}", printable::counted(sent.refused, "line")) } else { Ok(()) }
}

/// The result of sending.
#[derive(Debug, Default)]
struct Sent {
    stored: u64,
    refused: u64,
}

impl Sent {
    fn print_summary(&self) {
        let _ = writeln!(std::io::stderr(), "{} stored", printable::counted(self.stored, "line"));
    }

    fn add(&mut self, other: &Self) {
        self.stored += other.stored;
        self.refused += other.refused;
    }
}

/// The lines of the next request.
#[derive(Debug, Default)]
struct Lines {
    text: Vec<u8>,
    count: usize,
}

impl Lines {
    fn is_full(&self) -> bool {
        self.count >= LINES || self.text.len() >= BYTES
    }

    fn add(&mut self, line: &[u8]) {
        if !line.trim_ascii().is_empty() {
            self.text.extend_from_slice(line);
            self.count += 1;
        }
        if self.text.last().is_some_and(|last| *last != b'\n') {
            self.text.push(b'\n');
        }
    }
}

async fn send_all(mut input: impl AsyncBufRead + Unpin, sender: &Sender) -> anyhow::Result<Sent> {
    let mut sent = Sent::default();
    let (mut lines, mut line) = (Lines::default(), Vec::new());
    let mut deadline = None;
    loop {
        // An incomplete line stays in the buffer when the deadline passes.
        let read = input.read_until(b'\n', &mut line);
        let read = match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline, read).await.ok(),
            None => Some(read.await),
        };
        let ended = match read {
            Some(read) => {
                let ended = read.context("cannot read")? == 0;
                lines.add(&std::mem::take(&mut line));
                deadline.get_or_insert_with(|| Instant::now() + DELAY);
                ended
            }
            None => false,
        };
        if ended || lines.is_full() || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            sent.add(&sender.send(std::mem::take(&mut lines)).await?);
            deadline = None;
        }
        if ended {
            return Ok(sent);
        }
    }
}

/// # Errors
/// The file cannot be read.
fn open_growing(path: &Path, from_start: bool) -> anyhow::Result<Reader> {
    // Read in either case, so that a wrong path is an error and not a file that is waited for.
    let at_end = Reader::from_end(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(if from_start { Reader::from_start(path) } else { at_end })
}

/// Sends lines appended to the file, until a signal.
async fn send_growing(mut reader: Reader, sender: &Sender) -> anyhow::Result<Sent> {
    let mut sent = Sent::default();
    let mut stop = std::pin::pin!(crate::shutdown::requested());
    loop {
        let read = tokio::task::spawn_blocking(move || {
            let read = reader.lines(LINES, std::time::Instant::now());
            (reader, read)
        });
        let (back, read) = read.await?;
        reader = back;
        let Some(read) = read.context("cannot read the file")? else {
            tokio::select! {
                () = tokio::time::sleep(DELAY) => continue,
                _ = &mut stop => return Ok(sent),
            }
        };
        let mut lines = Lines::default();
        read.text.split_inclusive(|byte| *byte == b'\n').for_each(|line| lines.add(line));
        tokio::select! {
            added = sender.send(lines) => sent.add(&added?),
            _ = &mut stop => return Ok(sent),
        }
    }
}

struct Sender {
    server: Server,
    client: reqwest::Client,
    url: url::Url,
}

impl Sender {
    fn new(options: &SendOptions) -> anyhow::Result<Self> {
        let mut url = options.server.url("/api/v1/push")?;
        let node = options.node.clone().or_else(host_name);
        for (name, value) in [("service", &options.service), ("node", &node), ("level", &options.level)] {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        Ok(Self { client: options.server.connect()?, server: options.server.clone(), url })
    }

    /// Sends lines until they are stored. An idempotency key prevents duplicates.
    async fn send(&self, lines: Lines) -> anyhow::Result<Sent> {
        if lines.count == 0 {
            return Ok(Sent::default());
        }
        let key = uuid::Uuid::now_v7().to_string();
        let body = bytes::Bytes::from(lines.text);
        let (mut backoff, mut told) = (Backoff::new(RETRY, RETRY_MOST), false);
        loop {
            let request = self.client.post(self.url.clone()).timeout(TIMEOUT).header("content-type", "text/plain");
            let answer = request.header("idempotency-key", &key).body(body.clone()).send().await;
            let reason = match answer {
                Ok(answer) if answer.status().is_success() || answer.status() == StatusCode::BAD_REQUEST => {
                    return outcome(answer).await;
                }
                Ok(answer) if matches!(answer.status().as_u16(), 408 | 429 | 500..) => answer.status().to_string(),
                Ok(answer) => return outcome(self.server.checked(answer).await?).await,
                Err(error) => error.without_url().to_string(),
            };
            if !std::mem::replace(&mut told, true) {
                let _ =
                    writeln!(std::io::stderr(), "logboom: the server does not accept lines ({reason}); trying again");
            }
            tokio::time::sleep(backoff.next()).await;
        }
    }
}

/// Reports the first reasons why lines were refused.
async fn outcome(answer: reqwest::Response) -> anyhow::Result<Sent> {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Answer {
        accepted: u64,
        rejected: u64,
        rejections: Vec<Rejection>,
        detail: Option<String>,
    }
    #[derive(serde::Deserialize)]
    struct Rejection {
        reason: String,
    }
    let Answer { accepted, rejected, rejections, detail } =
        answer.json().await.context("the server's response cannot be parsed")?;
    if let Some(detail) = detail {
        bail!("{}", printable::text(&detail));
    }
    for Rejection { reason } in rejections.iter().take(3) {
        let _ = writeln!(std::io::stderr(), "logboom: a line was refused: {}", printable::text(reason));
    }
    Ok(Sent { stored: accepted, refused: rejected })
}

fn host_name() -> Option<String> {
    Some(pipeline::lease::host_name()).filter(|name| !name.is_empty())
}
