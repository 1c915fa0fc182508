//! Clients that send, and send again until they are answered; and what became of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::RwLock;
use testkit::oracle::Oracle;
use tokio::task::JoinHandle;

use crate::node::{Node, PATIENCE, client};

const WORKERS: u64 = 4;
const RECORDS: u64 = 20;
/// Between two batches of one client: some thousand records a second in all.
const PAUSE: Duration = Duration::from_millis(10);

/// The nodes that clients know of.
pub(crate) type Urls = Arc<RwLock<Vec<String>>>;

/// Clients at work.
pub(crate) struct Load {
    /// The service that all of its records are of.
    pub(crate) run: String,
    urls: Urls,
    oracle: Arc<Oracle>,
    acknowledged: Arc<AtomicU64>,
    /// The calls of each client that were not answered with success.
    refused: Arc<[AtomicU64; WORKERS as usize]>,
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts clients that each try the nodes in turn; each message has `padding` bytes more.
    pub(crate) fn start(run: &str, urls: &Urls, padding: usize) -> Self {
        let mut load = Self {
            run: run.to_owned(),
            urls: urls.clone(),
            oracle: Arc::default(),
            acknowledged: Arc::default(),
            refused: Arc::default(),
            stop: Arc::default(),
            workers: Vec::new(),
        };
        for worker in 0..WORKERS {
            let client = Client {
                run: load.run.clone(),
                worker,
                urls: urls.clone(),
                oracle: load.oracle.clone(),
                acknowledged: load.acknowledged.clone(),
                refused: load.refused.clone(),
                stop: load.stop.clone(),
                padding: "x".repeat(padding),
                http: http(),
            };
            load.workers.push(tokio::spawn(client.work()));
        }
        load
    }

    /// How many records were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until each client has had so many more calls without success. One call at a time:
    /// after the second, what it had under way before is settled.
    pub(crate) async fn is_refused(&self, times: u64) {
        let refused = || self.refused.iter().map(|refused| refused.load(Ordering::Relaxed));
        let wanted: Vec<u64> = refused().map(|refused| refused + times).collect();
        let reached = async {
            while refused().zip(&wanted).any(|(refused, wanted)| refused < *wanted) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, reached).await.is_ok(), "{}: calls still succeed", self.run);
    }

    /// Waits until so many more records are acknowledged: the way is open.
    pub(crate) async fn goes_on(&self, more: u64) {
        let wanted = self.acknowledged() + more;
        let reached = async {
            while self.acknowledged() < wanted {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, reached).await.is_ok(), "{}: nothing is taken any more", self.run);
    }

    /// Lets every client finish what it has begun, waits until all of it is stored, and
    /// compares. Gives the messages in the order of storing, by position.
    pub(crate) async fn verify(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers {
            assert!(tokio::time::timeout(PATIENCE, worker).await.unwrap().is_ok(), "{}: a client failed", self.run);
        }
        let wanted = self.acknowledged.load(Ordering::Relaxed);
        let url = self.urls.read()[0].clone();
        let stored = async {
            while count(&url, &self.run).await < wanted {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, stored).await.is_ok();
        // What is doubled is there before what is sent from now on.
        a_fresh_record_gets_through(&url, &format!("after-{}", self.run)).await;
        let found = messages(&url, &self.run).await;
        found.iter().for_each(|message| self.oracle.found(message));
        let verdict = self.oracle.verdict();
        assert!(verdict.is_clean() && in_time, "{}: {verdict}", self.run);
        assert!(verdict.acknowledged > 0, "{}: nothing was sent", self.run);
        found
    }
}

/// What must hold after every fault, without a new start: all of the load is found once,
/// and a fresh record gets through.
pub(crate) async fn recovers(load: Load, node: &mut Node) {
    let fresh = format!("fresh-after-{}", load.run);
    node.until_ready().await;
    load.goes_on(500).await;
    load.verify().await;
    a_fresh_record_gets_through(&node.url, &fresh).await;
}

struct Client {
    run: String,
    worker: u64,
    urls: Urls,
    oracle: Arc<Oracle>,
    acknowledged: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    padding: String,
    refused: Arc<[AtomicU64; WORKERS as usize]>,
    http: reqwest::Client,
}

impl Client {
    async fn work(self) {
        let mut turn = self.worker as usize;
        for number in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let key = format!("{} {} {number}", self.run, self.worker);
            let messages: Vec<String> =
                (0..RECORDS).map(|place| format!("{key} {place} {}", self.padding).trim_end().to_owned()).collect();
            let line = |message: &String| serde_json::json!({"service": self.run, "message": message}).to_string();
            let body = messages.iter().map(line).collect::<Vec<_>>().join("\n");
            messages.iter().for_each(|message| self.oracle.given(message));
            loop {
                let url = {
                    let urls = self.urls.read();
                    urls[turn % urls.len()].clone()
                };
                let push = self.http.post(format!("{url}/api/v1/push")).header("Idempotency-Key", &key);
                match push.body(body.clone()).send().await {
                    Ok(answer) if answer.status().is_success() => break,
                    // Told to come back, or not told anything: the next node, under the same key.
                    _ => turn += 1,
                }
                self.refused[self.worker as usize].fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            messages.iter().for_each(|message| self.oracle.acknowledged(message));
            self.acknowledged.fetch_add(RECORDS, Ordering::Relaxed);
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn http() -> reqwest::Client {
    client(Duration::from_secs(10))
}

/// How many records of the service are found; none where the node cannot say.
pub(crate) async fn count(url: &str, service: &str) -> u64 {
    let ask = http().get(format!("{url}/api/v1/count?query=service:{service}&from=-1d")).send();
    let Ok(answer) = ask.await else { return 0 };
    let count: serde_json::Value = answer.json().await.unwrap_or_default();
    count["count"].as_u64().unwrap_or(0)
}

/// The messages of the service, oldest position first.
async fn messages(url: &str, service: &str) -> Vec<String> {
    let ask = http().get(format!("{url}/api/v1/export?query=service:{service}&format=ndjson"));
    let text = ask.timeout(PATIENCE).send().await.unwrap().error_for_status().unwrap().text().await.unwrap();
    let message = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        record["message"].as_str().unwrap().to_owned()
    };
    text.lines().map(message).collect()
}

/// Sends one record until it is taken.
pub(crate) async fn push(url: &str, service: &str, message: &str) {
    let body = serde_json::json!({"service": service, "message": message}).to_string();
    while !http()
        .post(format!("{url}/api/v1/push"))
        .header("Idempotency-Key", format!("{service} {message}"))
        .body(body.clone())
        .send()
        .await
        .is_ok_and(|answer| answer.status().is_success())
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Sends one record and waits until it is found.
pub(crate) async fn a_fresh_record_gets_through(url: &str, service: &str) {
    let pushed = async {
        push(url, service, "fresh").await;
        while count(url, service).await != 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, pushed).await.is_ok(), "{service}: a fresh record does not get through");
}
