//! A reader of the live tail that goes on at another node where one fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::StreamExt;
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use crate::{
    load::{Urls, push},
    node::{PATIENCE, client},
};

/// With the reader: what was shown, whether to stop, how often it connected again.
type Shared = (Arc<Mutex<Vec<(i64, String)>>>, Arc<AtomicBool>, Arc<Mutex<u32>>);

/// What a tail has shown so far.
pub(crate) struct Tail {
    service: String,
    urls: Urls,
    seen: Arc<Mutex<Vec<(i64, String)>>>,
    stop: Arc<AtomicBool>,
    reader: JoinHandle<()>,
    /// How often it had to connect again.
    reconnects: Arc<Mutex<u32>>,
}

impl Tail {
    /// Tails a service, at first by the node of this number.
    pub(crate) fn start(service: &str, urls: &Urls, first: usize) -> Self {
        let (seen, stop, reconnects) = (Arc::default(), Arc::default(), Arc::default());
        let (own_service, own_urls) = (service.to_owned(), urls.clone());
        let (service, urls) = (service.to_owned(), urls.clone());
        let tail = (Arc::clone(&seen), Arc::clone(&stop), Arc::clone(&reconnects));
        let reader = tokio::spawn(async move {
            let (seen, stop, reconnects): Shared = tail;
            let mut turn = first;
            while !stop.load(Ordering::Relaxed) {
                let url = {
                    let urls = urls.read();
                    urls[turn % urls.len()].clone()
                };
                read(&format!("{url}/api/v1/tail?query=service:{service}&after=0"), &seen, &stop).await;
                turn += 1;
                *reconnects.lock() += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        Self { service: own_service, urls: own_urls, seen, stop, reader, reconnects }
    }

    /// Waits until so many records were shown, and gives them in the order they came in.
    pub(crate) async fn finish(self, records: usize) -> (Vec<String>, u32) {
        let all = async {
            while shown(&self.seen.lock()).len() < records {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let complete = tokio::time::timeout(PATIENCE, all).await.is_ok();
        // What would be shown twice is shown before what comes from now on.
        let url = self.urls.read()[0].clone();
        push(&url, &self.service, MARKER).await;
        let marked = async {
            while !self.seen.lock().iter().any(|(_, message)| message == MARKER) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, marked).await.is_ok(), "the tail does not show what is new");
        self.stop.store(true, Ordering::Relaxed);
        self.reader.abort();
        let seen = shown(&self.seen.lock());
        assert!(complete, "the tail has shown {} of {records} records", seen.len());
        assert!(seen.is_sorted_by(|one, next| one.0 < next.0), "the tail is out of order");
        (seen.into_iter().map(|(_, message)| message).collect(), *self.reconnects.lock())
    }
}

/// The message that ends what is waited for.
const MARKER: &str = "the last of all";

/// What was shown besides markers.
fn shown(seen: &[(i64, String)]) -> Vec<(i64, String)> {
    seen.iter().filter(|(_, message)| message != MARKER).cloned().collect()
}

/// Reads one stream to its end.
async fn read(url: &str, seen: &Mutex<Vec<(i64, String)>>, stop: &AtomicBool) {
    let mut request = client(PATIENCE).get(url);
    if let Some((position, _)) = seen.lock().last() {
        request = request.header("Last-Event-ID", position.to_string());
    }
    let Ok(answer) = request.send().await else { return };
    if !answer.status().is_success() {
        return;
    }
    let mut pieces = answer.bytes_stream();
    let (mut text, mut id) = (Vec::new(), 0);
    while let Some(Ok(piece)) = pieces.next().await {
        text.extend_from_slice(&piece);
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            let line = String::from_utf8(line).unwrap();
            if let Some(position) = line.strip_prefix("id:") {
                id = position.trim().parse().unwrap();
            } else if let Some(data) = line.strip_prefix("data:") {
                let record: serde_json::Value = serde_json::from_str(data).unwrap();
                let message = record["message"].as_str().expect("a record: nothing is skipped").to_owned();
                seen.lock().push((id, message));
            }
        }
        if stop.load(Ordering::Relaxed) {
            return;
        }
    }
}
