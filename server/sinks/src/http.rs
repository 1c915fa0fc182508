//! HTTP: records as JSON lines by POST. A status 2xx is the acknowledgement.
//!
//! The header `Idempotency-Key` is the same for the same records, so a receiver that knows it stores them once.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use model::StoredRecord;
use pipeline::{BatchId, Error, Result, follow::Refused};
use serde::Deserialize;
use url::Url;

use crate::{
    client::{self, Client, Compression},
    destination::Destination,
    document::{self, PLAIN},
    parameters::Parameters,
    parts::{Deliver, Encode, InParts, Limits},
};

/// Half of what Logboom's own door takes; other receivers have similar limits.
const PART: Limits = Limits { records: 10_000, bytes: 4 << 20 };

pub(crate) struct Http {
    client: Client,
    url: Url,
}

impl Http {
    pub(crate) fn new(to: &Destination, parameters: &mut Parameters) -> Result<InParts<Self>> {
        let compression = client::compress(parameters)?;
        let client = Client::new(to, compression)?;
        Ok(InParts::new(Self { client, url: to.url.clone() }, Arc::new(Lines(compression)), PART))
    }
}

/// JSON lines.
struct Lines(Compression);

impl Encode for Lines {
    fn encode(&self, _: BatchId, records: &[StoredRecord]) -> Result<Bytes> {
        let mut body = Vec::new();
        for stored in records {
            document::write(&stored.record, &PLAIN, &mut body);
            body.push(b'\n');
        }
        Ok(self.0.apply(body))
    }
}

/// The part of an answer of Logboom's door that tells of refused records. Other receivers have other answers.
#[derive(Deserialize)]
struct Answer {
    rejected: usize,
    #[serde(default)]
    rejections: Vec<Rejection>,
}

#[derive(Deserialize)]
struct Rejection {
    index: usize,
    reason: String,
}

#[async_trait]
impl Deliver for Http {
    async fn deliver(&mut self, id: BatchId, _: &[StoredRecord], body: Bytes) -> Result<Vec<Refused>> {
        let answer = self.client.post(&self.url, "application/x-ndjson", id, body).await?;
        let Ok(answer) = serde_json::from_slice::<Answer>(&answer.body) else { return Ok(Vec::new()) };
        if answer.rejected > answer.rejections.len() {
            return Err(Error::invalid(format!(
                "{} refused {} records and listed {} of them",
                self.client.name(),
                answer.rejected,
                answer.rejections.len()
            )));
        }
        let refused = |Rejection { index, reason }| Refused { index, reason: client::shortened(&reason) };
        Ok(answer.rejections.into_iter().map(refused).collect())
    }
}
