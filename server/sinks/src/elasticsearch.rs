//! Elasticsearch and OpenSearch: `POST /_bulk`.
//!
//! The id of a document is the record's id, so a record that is sent again replaces itself. With `action=create`, as
//! data streams want it, the second one is a conflict and counts as stored. Source:
//! <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk>.

use std::{borrow::Cow, io::Write as _, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use model::StoredRecord;
use pipeline::{BatchId, Error, Result, follow::Refused};
use serde::Deserialize;
use url::Url;

use crate::{
    client::{self, Client, Compression, overloaded, unavailable},
    cut::cut,
    destination::Destination,
    document::{self, ELASTIC},
    parameters::{self, Parameters},
    parts::{Deliver, Encode, InParts, Limits, part_id},
    template::Template,
};

/// As large as Elasticsearch's guide recommends for a start.
const PART: Limits = Limits { records: 10_000, bytes: 5 << 20 };
/// How often documents are sent within one call while the destination is busy.
const ATTEMPTS: u32 = 4;
/// The index of a URL without a path.
const INDEX: &str = "logs-{yyyy}.{MM}.{dd}";
/// Characters that no index has, with the space.
const FORBIDDEN: &str = "\\/*?\"<>|,#: ";
/// The most bytes of an index's name.
const INDEX_BYTES: usize = 255;

pub(crate) struct Elasticsearch {
    client: Client,
    /// The URL of `_bulk`.
    url: Url,
    documents: Arc<Documents>,
    pause: Duration,
}

/// Encodes records as pairs of an action and a document.
struct Documents {
    index: Template,
    action: Action,
    compression: Compression,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Index,
    Create,
}

impl Elasticsearch {
    pub(crate) fn new(to: &Destination, parameters: &mut Parameters) -> Result<InParts<Self>> {
        let action = parameters.parse("action", "index or create", |text| match text {
            "index" => Some(Action::Index),
            "create" => Some(Action::Create),
            _ => None,
        })?;
        // `/prefix/index`: the prefix is that of a proxy.
        let path = parameters::decode(to.url.path())?;
        let (prefix, index) = path.rsplit_once('/').unwrap_or(("", &path));
        let index = if index.is_empty() { INDEX } else { index };
        if index.contains(|character: char| FORBIDDEN.contains(character) || character.is_control()) {
            return Err(Error::invalid(format!(
                "the index {index:?} has one of {FORBIDDEN}: no index can; write {INDEX}"
            )));
        }
        let mut url = to.url.clone();
        url.set_path(&format!("{prefix}/_bulk"));
        // Answers for thousands of documents are short then.
        url.set_query(Some("filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason"));
        let compression = client::compress(parameters)?;
        let index = Template::parse(index)?;
        let documents = Arc::new(Documents { index, action: action.unwrap_or(Action::Index), compression });
        let client = Client::new(to, compression)?;
        let inner = Self { client, url, documents: Arc::clone(&documents), pause: to.timing.pause };
        Ok(InParts::new(inner, documents, PART))
    }

    /// # Errors
    /// `Unavailable` if the answer is not one of `_bulk` to `count` documents.
    fn read(&self, body: &[u8], count: usize) -> Result<Vec<Item>> {
        let wrong = |why: &str| {
            let name = self.client.name();
            unavailable(format!("{name} gave no answer of Elasticsearch's _bulk: {why}; check the address of the sink"))
        };
        let answer: Answer = serde_json::from_slice(body).map_err(|error| wrong(&error.to_string()))?;
        let items: Vec<Item> = answer.items.into_iter().map(|outcome| outcome.item).collect();
        if items.len() != count {
            return Err(wrong(&format!("it has {} results for {count} documents", items.len())));
        }
        Ok(items)
    }

    /// # Errors
    /// `Unavailable` if the index or the user is at fault and not the document.
    fn judge(&self, item: &Item) -> Result<Verdict> {
        let reason = || item.error.as_ref().map(Reason::text).unwrap_or_else(|| format!("status {}", item.status));
        Ok(match item.status {
            200..=299 => Verdict::Stored,
            409 if self.documents.action == Action::Create => Verdict::Stored,
            429 | 500..=599 => Verdict::Busy(reason()),
            // A missing privilege, an index that is closed or full, or one that may not be made.
            401 | 403 | 404 => {
                let (name, reason) = (self.client.name(), reason());
                return Err(unavailable(format!(
                    "{name} refuses the index: {reason}; check its rights, state and disk"
                )));
            }
            _ => Verdict::Refused(reason()),
        })
    }
}

impl Documents {
    fn body<'a>(&self, records: impl Iterator<Item = &'a StoredRecord>) -> Bytes {
        let action: &[u8] = match self.action {
            Action::Index => b"{\"index\":{\"_index\":",
            Action::Create => b"{\"create\":{\"_index\":",
        };
        let mut body = Vec::new();
        let mut index = String::new();
        for StoredRecord { record, .. } in records {
            body.extend_from_slice(action);
            index.clear();
            self.index.render_into(record, &mut index);
            document::json(&*index_name(&index), &mut body);
            // Writing to memory does not fail, and an id has nothing to escape.
            let _ = writeln!(body, ",\"_id\":\"{}\"}}}}", record.id);
            document::write(record, &ELASTIC, &mut body);
            body.push(b'\n');
        }
        self.compression.apply(body)
    }
}

impl Encode for Documents {
    fn encode(&self, _: BatchId, records: &[StoredRecord]) -> Result<Bytes> {
        Ok(self.body(records.iter()))
    }
}

/// The name of an index, as Elasticsearch allows it: lower case, bounded, no `_`, `-` or `+` at its start, not `.` or
/// `..`. Source: <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-create>.
fn index_name(name: &str) -> Cow<'_, str> {
    let is_lower = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    match name.as_bytes() {
        [first, ..] if !b"_-+.".contains(first) && name.len() <= INDEX_BYTES && name.bytes().all(is_lower) => {
            Cow::Borrowed(name)
        }
        // Lower case may be longer.
        _ => match name.to_lowercase().trim_start_matches(['_', '-', '+']) {
            "" | "." | ".." => Cow::Borrowed("logs"),
            name => Cow::Owned(cut(name, INDEX_BYTES).into_owned()),
        },
    }
}

enum Verdict {
    Stored,
    Busy(String),
    Refused(String),
}

#[derive(Deserialize)]
struct Answer {
    items: Vec<Outcome>,
}

/// An item below the name of its action.
#[derive(Deserialize)]
struct Outcome {
    #[serde(rename = "index", alias = "create")]
    item: Item,
}

#[derive(Deserialize)]
struct Item {
    status: u16,
    error: Option<Reason>,
}

/// Elasticsearch gives an object, some relatives a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Reason {
    Object {
        #[serde(default, rename = "type")]
        kind: String,
        #[serde(default)]
        reason: Option<String>,
    },
    Text(String),
}

impl Reason {
    fn text(&self) -> String {
        client::shortened(&match self {
            Self::Object { kind, reason } => format!("{kind}: {}", reason.as_deref().unwrap_or("no reason given")),
            Self::Text(text) => text.clone(),
        })
    }
}

#[async_trait]
impl Deliver for Elasticsearch {
    async fn deliver(&mut self, id: BatchId, records: &[StoredRecord], body: Bytes) -> Result<Vec<Refused>> {
        let mut refused = Vec::new();
        let mut waiting: Vec<usize> = (0..records.len()).collect();
        let mut pause = self.pause;
        for attempt in 1.. {
            let documents = || waiting.iter().filter_map(|index| records.get(*index));
            let (id, body) = if waiting.len() == records.len() {
                (id, body.clone())
            } else {
                (part_id(id, documents()), self.documents.body(documents()))
            };
            let answer = self.client.post(&self.url, "application/x-ndjson", id, body).await?;
            let mut busy = Vec::new();
            let mut why = String::new();
            for (index, item) in waiting.iter().copied().zip(self.read(&answer.body, waiting.len())?) {
                match self.judge(&item)? {
                    Verdict::Stored => {}
                    Verdict::Busy(reason) => {
                        busy.push(index);
                        why = reason;
                    }
                    Verdict::Refused(reason) => refused.push(Refused { index, reason }),
                }
            }
            if busy.is_empty() {
                break;
            }
            if attempt == ATTEMPTS || answer.retry_after.is_some() {
                return Err(self.too_busy(busy.len(), &why, answer.retry_after));
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
            waiting = busy;
        }
        refused.sort_unstable_by_key(|refused| refused.index);
        Ok(refused)
    }
}

impl Elasticsearch {
    fn too_busy(&self, count: usize, why: &str, after: Option<Duration>) -> Error {
        overloaded(format!("{} is too busy for {count} documents: {why}", self.client.name()), after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_has_a_name_that_elasticsearch_allows() {
        for (name, index) in [
            ("logs-2026.01.02", "logs-2026.01.02"),
            ("Shop", "shop"),
            ("_-+shop", "shop"),
            ("_", "logs"),
            (".", "logs"),
            ("_..", "logs"),
            (".shop", ".shop"),
            ("\u{130}", "i\u{307}"),
        ] {
            assert_eq!(index_name(name), index, "{name}");
        }
    }

    #[test]
    fn long_names_of_indexes_are_cut_and_stay_different() {
        // Three fields of 100 characters, and letters whose lower case is longer.
        for start in ["x".repeat(302), "X".repeat(302), format!("_{}", "x".repeat(302)), "\u{130}".repeat(127)] {
            let days = ["2026.01.02", "2026.01.03"].map(|day| index_name(&format!("{start}-{day}")).into_owned());
            assert_ne!(days[0], days[1]);
            for day in days {
                assert!(day.len() <= INDEX_BYTES && !day.starts_with('_') && day == day.to_lowercase(), "{day}");
            }
        }
    }
}
