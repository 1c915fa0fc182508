//! From a frame of a stream into the queue.

use std::{net::IpAddr, time::Duration};

use compact_str::format_compact;
use doors::stream::Frame;
use metrics::{Counter, counter};
use pipeline::admit::{Ingest, Submission};
use tokio_util::sync::CancellationToken;

/// The longest wait before a frame that found no room is handed on again.
const WAIT: Duration = Duration::from_secs(5);

/// Where the records of one kind of door go.
#[derive(Clone)]
pub(super) struct Inlet {
    ingest: Ingest,
    door: &'static str,
    refused: Counter,
}

impl Inlet {
    pub(super) fn new(ingest: Ingest, door: &'static str) -> Self {
        Self { ingest, door, refused: counter!("logboom_messages_refused_total", "door" => door) }
    }

    pub(super) fn door(&self) -> &'static str {
        self.door
    }

    /// Counts what was refused, and tells the first reason; nobody else hears of it.
    pub(super) fn refused(&self, peer: IpAddr, frame: &Frame) {
        if let Some(reason) = frame.reasons.first() {
            self.refused.increment(frame.refused as u64);
            tracing::debug!(door = self.door, %peer, refused = frame.refused, reason, "messages were refused");
        }
    }

    /// Makes the records of a frame durable, however long that takes, and says what to
    /// answer. Meanwhile the connection is not read beyond its window, which holds its
    /// client. `None` where the server stops first.
    pub(super) async fn take(self, frame: Frame, peer: IpAddr, stop: CancellationToken) -> Option<Vec<u8>> {
        if frame.records.is_empty() {
            return Some(frame.answer);
        }
        let producer = format_compact!("{} {peer}", self.door);
        let mut wait = Duration::from_millis(100);
        let records = frame.records;
        loop {
            // A copy, because a push that is refused for now has taken what it was given:
            // a thirtieth of what a record costs.
            let submission = Submission { batch_id: None, producer: producer.clone(), records: records.clone() };
            match self.ingest.push(submission).await {
                Ok(accepted) => {
                    if let Some(rejection) = accepted.rejected.first() {
                        self.refused.increment(accepted.rejected.len() as u64);
                        let refused = accepted.rejected.len();
                        tracing::debug!(door = self.door, %peer, refused, reason = rejection.reason, "records were refused");
                    }
                    return Some(frame.answer);
                }
                Err(error) if error.is_retryable() => {
                    tokio::select! {
                        () = tokio::time::sleep(error.retry_after.unwrap_or(wait).min(WAIT)) => {}
                        () = stop.cancelled() => return None,
                    }
                    wait = (wait * 2).min(WAIT);
                }
                Err(error) => {
                    self.refused.increment(records.len() as u64);
                    tracing::warn!(door = self.door, %peer, %error, records = records.len(), "records could not be stored");
                    return Some(Vec::new());
                }
            }
        }
    }
}
