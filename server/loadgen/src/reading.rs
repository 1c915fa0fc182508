//! A client of the reading API: pages, counts and the live tail.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use model::{
    Nanos,
    api::{CountView, LogsPage},
    limits,
    time::format_rfc3339,
};
use reqwest::{Client, Response, Url, header};
use serde::de::DeserializeOwned;

use crate::key;

/// The query and the time range of a run.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub query: String,
    pub from: Nanos,
    pub to: Nanos,
}

#[derive(Debug, Clone)]
pub(crate) struct Reader {
    client: Client,
    url: Url,
}

impl Reader {
    pub(crate) fn new(url: &Url) -> Result<Self> {
        let client =
            Client::builder().connect_timeout(Duration::from_secs(5)).default_headers(key::headers()?).build()?;
        Ok(Self { client, url: url.clone() })
    }

    /// Fails if no server responds. A URL with a path belongs to another system and is not checked.
    pub(crate) async fn check_reachable(&self) -> Result<()> {
        if self.url.path() != "/" {
            return Ok(());
        }
        let answer = self.client.get(self.url.join("healthz")?).send().await;
        checked(answer.with_context(|| format!("no Logboom server at {}", self.url))?).await.map(drop)
    }

    pub(crate) async fn count(&self, scope: &Scope) -> Result<u64> {
        let view: CountView = self.get("api/v1/count", scope, &[]).await?;
        Ok(view.count)
    }

    /// One page, newest first; `cursor` is from the previous page.
    pub(crate) async fn page(&self, scope: &Scope, cursor: Option<&str>) -> Result<LogsPage> {
        let limit = limits::PAGE_RECORDS.to_string();
        let mut more = vec![("limit", limit.as_str())];
        more.extend(cursor.map(|cursor| ("cursor", cursor)));
        self.get("api/v1/logs", scope, &more).await
    }

    /// Opens the live tail; `after` is the id of the last event seen.
    pub(crate) async fn tail(&self, query: &str, after: Option<&str>) -> Result<Events> {
        let url = Url::parse_with_params(self.url.join("api/v1/tail")?.as_str(), [("query", query)])?;
        let mut request = self.client.get(url).header(header::ACCEPT, "text/event-stream");
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        Ok(Events { response: checked(request.send().await?).await?, buffer: Vec::new(), read: 0 })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, scope: &Scope, more: &[(&str, &str)]) -> Result<T> {
        let (from, to) = (format_rfc3339(scope.from), format_rfc3339(scope.to));
        let own = [("query", scope.query.as_str()), ("from", &from), ("to", &to)];
        let url = Url::parse_with_params(self.url.join(path)?.as_str(), own.iter().chain(more))?;
        let response = checked(self.client.get(url).send().await?).await?;
        response.json().await.with_context(|| format!("{path} returned an unexpected response"))
    }
}

/// Converts an unsuccessful response to an error with the server's text.
async fn checked(response: Response) -> Result<Response> {
    let status = response.status();
    if !status.is_success() {
        let path = response.url().path().to_owned();
        bail!("{path} answered {status}: {}", response.text().await.unwrap_or_default());
    }
    Ok(response)
}

/// One server-sent event.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Event {
    pub id: String,
    pub name: String,
    pub data: String,
}

/// The events of an open tail.
pub(crate) struct Events {
    response: Response,
    buffer: Vec<u8>,
    /// The number of bytes of the buffer already parsed.
    read: usize,
}

impl Events {
    /// The next event with data; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>> {
        loop {
            while let Some(length) = self.buffer[self.read..].windows(2).position(|pair| pair == b"\n\n") {
                let block = &self.buffer[self.read..self.read + length];
                let event = parse_event(&String::from_utf8_lossy(block));
                self.read += length + 2;
                if event.is_some() {
                    return Ok(event);
                }
            }
            self.buffer.drain(..self.read);
            self.read = 0;
            match self.response.chunk().await? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }
}

/// Parses the lines of one event; `None` for one without data, such as a heartbeat.
fn parse_event(block: &str) -> Option<Event> {
    let mut event = Event::default();
    let mut has_data = false;
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => event.id = value.to_owned(),
            "event" => event.name = value.to_owned(),
            "data" if has_data => {
                event.data.push('\n');
                event.data.push_str(value);
            }
            "data" => {
                has_data = true;
                event.data = value.to_owned();
            }
            _ => {}
        }
    }
    has_data.then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_as_the_standard_says() {
        let event = parse_event("id: 7\nevent: log\ndata: {\"a\":\ndata:1}\n").unwrap();
        assert_eq!(event, Event { id: "7".into(), name: "log".into(), data: "{\"a\":\n1}".into() });
        assert_eq!(parse_event(": heartbeat"), None);
        assert_eq!(parse_event("retry: 1000"), None);
    }
}
