//! Sends bodies by `POST` to a door's path, or to the given URL of another system.

use std::time::Duration;

use anyhow::Result;
use reqwest::{Client, StatusCode, Url, header};
use serde::Deserialize;

use super::{Fate, Parcel};
use crate::{corpus::encode::batch_id, key};

/// An HTTP client; clones share its connections.
#[derive(Clone)]
pub(crate) struct HttpDoor {
    client: Client,
    url: Url,
    content_type: &'static str,
    run: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    rejections: Vec<Rejection>,
}

#[derive(Deserialize)]
struct Rejection {
    index: u32,
}

impl HttpDoor {
    pub(crate) fn new(url: &Url, path: &str, content_type: &'static str, run: &str) -> Result<Self> {
        let client =
            Client::builder().connect_timeout(Duration::from_secs(5)).default_headers(key::headers()?).build()?;
        let url = if url.path() == "/" { url.join(path)? } else { url.clone() };
        Ok(Self { client, url, content_type, run: run.to_owned() })
    }

    pub(crate) async fn send(&self, parcel: &Parcel) -> Fate {
        match self.post(parcel).await {
            Ok(fate) => fate,
            Err(error) => Fate::Unknown { reason: error.to_string() },
        }
    }

    async fn post(&self, parcel: &Parcel) -> reqwest::Result<Fate> {
        let request = self
            .client
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, self.content_type)
            .header("idempotency-key", model::hex::encode(&batch_id(&self.run, parcel.sequence)))
            .body(parcel.body.clone());
        let response = request.send().await?;
        let status = response.status();
        if status.is_success() {
            // Another system may send an empty response.
            let answer: Option<Answer> = serde_json::from_slice(&response.bytes().await?).ok();
            let rejections = answer.map(|answer| answer.rejections).unwrap_or_default();
            return Ok(Fate::Acknowledged { refused: rejections.iter().map(|r| r.index).collect() });
        }
        let reason = format!("{status}: {}", response.text().await.unwrap_or_default());
        Ok(match status {
            StatusCode::TOO_MANY_REQUESTS => Fate::Later { delay: Duration::from_millis(50), reason },
            status if status.is_server_error() => Fate::Unknown { reason },
            _ => Fate::Refused { reason },
        })
    }
}
