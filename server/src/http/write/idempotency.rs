//! `Idempotency-Key`: a request that is resent with its key is stored once, and the response marks the repetition.
//!
//! The key determines the id of the batch, which the store's ledger keeps for its retention of ids. Repetitions are
//! marked only for the keys that this process acknowledged most recently; others are still not stored twice.

use std::{cell::Cell, num::NonZeroUsize};

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use lru::LruCache;
use model::limits;
use parking_lot::Mutex;
use pipeline::{BatchId, Error, normalise::RawRecord};
use sha2::{Digest as _, Sha256};
use utoipa::IntoParams;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of a response to a repetition, named as in other services.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// The number of remembered ids: a few megabytes.
const REMEMBERED: NonZeroUsize = NonZeroUsize::MIN.saturating_add((1 << 15) - 1);

/// The header in the description of the API.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "it describes the header, which is not read by way of it")]
pub(super) struct KeyHeader {
    /// 1 to 256 bytes. A body that is sent again with its key is stored once.
    #[param(rename = "idempotency-key")]
    key: Option<String>,
}

/// The ids of the most recently acknowledged batches.
pub(crate) struct Repetitions(Mutex<LruCache<BatchId, ()>>);

impl Default for Repetitions {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED)))
    }
}

impl Repetitions {
    /// Records that the batch is durable. Returns whether it already was.
    pub(super) fn acknowledged(&self, id: BatchId) -> bool {
        let repeated = self.0.lock().put(id, ()).is_some();
        // Outside of a request, the flag has no reader.
        let _ = REPEATED.try_with(|cell| cell.set(repeated));
        repeated
    }
}

tokio::task_local! {
    static REPEATED: Cell<bool>;
}

/// Marks the response to a repeated request.
pub(super) async fn mark_repetition(request: Request, next: Next) -> Response {
    if !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    let answered = async {
        let response = next.run(request).await;
        (response, REPEATED.with(Cell::get))
    };
    let (mut response, repeated) = REPEATED.scope(Cell::new(false), answered).await;
    if repeated {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// The most names that are compared with a record's.
const NAMES: usize = 64;

/// Derives the batch id from the key, which may be any text, and the sender: the services of its records, their nodes
/// if they have no service, or else `sender`. So two services that number their requests from 1 do not collide.
/// `owner` is the key of access or the certificate of the caller, if it has one: no caller can take up the ids of
/// another.
pub(super) fn batch_id(
    headers: &HeaderMap,
    owner: Option<&str>,
    sender: &str,
    records: &[RawRecord],
) -> Result<Option<BatchId>, Error> {
    let Some(key) = headers.get(KEY) else { return Ok(None) };
    if key.is_empty() || key.len() > limits::NAME_BYTES {
        return Err(Error::invalid(format!(
            "Idempotency-Key has {} bytes; it may have 1 to {}",
            key.len(),
            limits::NAME_BYTES
        )));
    }
    let mut digest = Sha256::new();
    let mut add = |part: &[u8]| {
        // The length prefix makes the concatenation of parts unambiguous.
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    };
    add(key.as_bytes());
    if let Some(owner) = owner {
        // The ids of callers without a key stay what they were.
        add(b"owner");
        add(owner.as_bytes());
    }
    // Each name once: a batch has few services, and hashing one for every record costs more than comparing it.
    let (mut last, mut names) = ("", Vec::new());
    for record in records {
        let name = if record.service.is_empty() { &record.node } else { &record.service };
        if name == last {
            continue;
        }
        last = name;
        if names.len() < NAMES && names.contains(&last) {
            continue;
        }
        names.push(last);
        add(name.as_bytes());
    }
    if last.is_empty() {
        add(sender.as_bytes());
    }
    Ok(Some(BatchId::of_digest(digest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(key: &str, sender: &str, names: &[(&str, &str)]) -> BatchId {
        id_of(None, key, sender, names)
    }

    fn id_of(owner: Option<&str>, key: &str, sender: &str, names: &[(&str, &str)]) -> BatchId {
        let headers = HeaderMap::from_iter([(KEY, HeaderValue::from_str(key).unwrap())]);
        let record = |(service, node): &(&str, &str)| RawRecord {
            service: (*service).into(),
            node: (*node).into(),
            ..RawRecord::default()
        };
        let records: Vec<_> = names.iter().map(record).collect();
        batch_id(&headers, owner, sender, &records).unwrap().unwrap()
    }

    #[test]
    fn a_key_is_its_services_or_senders_own() {
        let first = id("1", "http curl", &[("shop", ""), ("shop", "")]);
        // The service identifies the sender, not the client program.
        assert_eq!(first, id("1", "http other", &[("shop", "n1"), ("shop", "n2")]));
        let others = [
            id("2", "http curl", &[("shop", "")]),
            id("1", "http curl", &[("cart", "")]),
            id("1", "http curl", &[("shop", ""), ("cart", "")]),
            id("1", "http curl", &[("", "n1")]),
            id("1", "http curl", &[("", "n2")]),
            id("1", "http curl", &[("", "")]),
            id("1", "http other", &[("", "")]),
            id("1s", "hop", &[("", "")]),
            id_of(Some("key lb_aaaaaaaa"), "1", "http curl", &[("shop", "")]),
            id_of(Some("key lb_bbbbbbbb"), "1", "http curl", &[("shop", "")]),
        ];
        let all: std::collections::BTreeSet<_> = others.iter().chain([&first]).map(|id| id.0).collect();
        assert_eq!(all.len(), others.len() + 1);
    }
}
