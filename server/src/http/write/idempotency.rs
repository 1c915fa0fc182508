//! `Idempotency-Key`: a request that is sent again under its key is stored once, and its answer
//! says that it is a repetition.
//!
//! The key becomes the id of the batch, which the store's ledger knows for as long as it keeps
//! ids. Whether a request is a repetition is known for the keys that this process acknowledged
//! last; for the others the answer says nothing, and nothing is stored twice either.

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

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// In the answer to a repetition, under the name that other services use.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// The ids that are remembered: some megabytes.
const REMEMBERED: NonZeroUsize = NonZeroUsize::MIN.saturating_add((1 << 15) - 1);

/// The ids of the batches that were acknowledged last.
pub(crate) struct Repetitions(Mutex<LruCache<BatchId, ()>>);

impl Default for Repetitions {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED)))
    }
}

impl Repetitions {
    /// Notes that the batch is durable. Gives whether it was before.
    pub(super) fn acknowledged(&self, id: BatchId) -> bool {
        let repeated = self.0.lock().put(id, ()).is_some();
        // Outside of a request nobody waits for it.
        let _ = REPEATED.try_with(|cell| cell.set(repeated));
        repeated
    }
}

tokio::task_local! {
    static REPEATED: Cell<bool>;
}

/// Says in the answer of every door that the request is a repetition.
pub(super) async fn told(request: Request, next: Next) -> Response {
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

/// The id of a request's batch, from its key, which may be any text, and from whom it is: the
/// services of its records, their nodes where they name none, or else `sender`. Two services
/// that count their requests from 1 do not know of each other.
pub(super) fn batch_id(headers: &HeaderMap, sender: &str, records: &[RawRecord]) -> Result<Option<BatchId>, Error> {
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
        // With its length, so that no two lists of parts are the same text.
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    };
    add(key.as_bytes());
    let mut last = "";
    for record in records {
        let name = if record.service.is_empty() { &record.node } else { &record.service };
        if name != last {
            add(name.as_bytes());
            last = name;
        }
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
        let headers = HeaderMap::from_iter([(KEY, HeaderValue::from_str(key).unwrap())]);
        let record = |(service, node): &(&str, &str)| RawRecord {
            service: (*service).into(),
            node: (*node).into(),
            ..RawRecord::default()
        };
        let records: Vec<_> = names.iter().map(record).collect();
        batch_id(&headers, sender, &records).unwrap().unwrap()
    }

    #[test]
    fn a_key_is_its_services_or_senders_own() {
        let first = id("1", "http curl", &[("shop", ""), ("shop", "")]);
        // The service decides, and not what it is sent with.
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
        ];
        let all: std::collections::BTreeSet<_> = others.iter().chain([&first]).map(|id| id.0).collect();
        assert_eq!(all.len(), others.len() + 1);
    }
}
