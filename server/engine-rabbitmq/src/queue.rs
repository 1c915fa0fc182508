//! Implements the queue port of the pipeline.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use pipeline::{Batch, Delivery, Error, Queue, QueueStatus, Receipt, Result, backoff::Backoff, envelope};
use tokio::{
    sync::{Semaphore, mpsc, oneshot, watch},
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::info;

use crate::{
    config::{Address, Options},
    consumer::Consumer,
    flights::{Publication, Verdict},
    inbox::Inbox,
    newer::Newer,
    publisher::Publisher,
    sessions,
    state::{State, Trouble},
    unacked::Unacked,
    window::Window,
};

/// The limit of messages passed to the publishing part and not yet sent; beyond it: `Overloaded`.
const WAITING: usize = 256;
/// The unit of the bytes in flight, so that they fit a semaphore.
const UNIT: usize = 1 << 10;
/// Larger batches are encoded off the async threads.
const QUICK_RECORDS: usize = 200;
/// RabbitMQ 4 rejects longer messages by default, and closes the channel with every other message in flight.
const MESSAGE_BYTES: usize = 16 << 20;
/// The number of attempts for a rejected message, and the waits between them.
const ATTEMPTS: u32 = 4;
const REJECTED_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_millis(800);
/// The interval of log lines while waiting for a broker.
const LOG_INTERVAL: Duration = Duration::from_secs(5);

/// Connects to the broker of an `amqp[s]://` URL and declares the queue.
///
/// `?queue=name` in the URL selects another queue than `logboom.store`. Over `amqps` the server's certificate is
/// verified against the system's roots, or those in the file of `SSL_CERT_FILE`.
///
/// Waits for an unavailable broker, and logs that every few seconds; dropping the future stops waiting.
///
/// # Errors
/// `Invalid` for an invalid URL, and if the broker refuses: a wrong password, an unknown virtual host, a queue of that
/// name with other arguments.
pub async fn connect(url: &str, options: Options) -> Result<Arc<dyn Queue>> {
    let address = Address::parse(url)?;
    let queue = RabbitQueue::start(address.clone(), options);
    let mut trouble = queue.state.watch();
    loop {
        let known = trouble.borrow_and_update().clone();
        match known {
            None => return Ok(Arc::new(queue)),
            Some(Trouble::Refused(reason)) => return Err(Error::invalid(format!("{address} refuses: {reason}"))),
            Some(trouble) => info!("waiting for {address}: {}", trouble.text()),
        }
        let settled = trouble.wait_for(|trouble| matches!(trouble, None | Some(Trouble::Refused(_))));
        // Elapsed or settled: the loop checks again.
        let _ = timeout(LOG_INTERVAL, settled).await;
    }
}

struct RabbitQueue {
    options: Options,
    state: Arc<State>,
    publications: mpsc::Sender<Publication>,
    in_flight: Arc<Semaphore>,
    inbox: Arc<Inbox>,
    unacked: Arc<Unacked>,
    wanted: watch::Sender<bool>,
    stop: CancellationToken,
    parts: Mutex<Vec<JoinHandle<()>>>,
    /// Dropping the queue without [`Queue::close`] also ends its parts.
    _stop: DropGuard,
}

impl RabbitQueue {
    fn start(address: Address, options: Options) -> Self {
        let state = Arc::new(State::new());
        let stop = CancellationToken::new();
        let inbox = Arc::new(Inbox::new(options.decoded_bytes));
        let unacked = Arc::new(Unacked::default());
        let (publications, receiver) = mpsc::channel(WAITING);
        let wanted = watch::Sender::new(false);
        let publisher = Publisher {
            address: address.clone(),
            new_queue_rest: options.new_queue_rest,
            state: state.clone(),
            publications: receiver,
        };
        let consumer = Consumer {
            address: address.clone(),
            new_queue_rest: options.new_queue_rest,
            window: Window::new(options.prefetch_bytes, options.prefetch),
            state: state.clone(),
            inbox: inbox.clone(),
            unacked: unacked.clone(),
            newer: Newer::new(options.newer_pause),
            wanted: wanted.subscribe(),
            generation: 0,
        };
        let parts = vec![
            sessions::spawn(publisher, address.clone(), stop.clone(), &options.supervisor),
            sessions::spawn(consumer, address, stop.clone(), &options.supervisor),
        ];
        let in_flight = Arc::new(Semaphore::new(options.in_flight_bytes / UNIT));
        let _stop = stop.clone().drop_guard();
        let parts = Mutex::new(parts);
        Self { options, state, publications, in_flight, inbox, unacked, wanted, stop, parts, _stop }
    }

    /// Sends the message, with some retries if it is rejected. A new quorum queue rejects messages until its members
    /// have elected a leader.
    async fn publish_with_retries(&self, message_id: &str, body: &Bytes) -> Result<()> {
        let mut backoff = Backoff::new(REJECTED_PAUSE, LONGEST_PAUSE);
        for attempt in 1..=ATTEMPTS {
            if self.publish_once(message_id.to_owned(), body.clone()).await? == Verdict::Confirmed {
                return Ok(());
            }
            if attempt < ATTEMPTS {
                tokio::time::sleep(backoff.next()).await;
            }
        }
        Err(overloaded("rabbitmq rejects the batch: the queue is full, or has lost the majority of its members".into()))
    }

    async fn publish_once(&self, message_id: String, body: Bytes) -> Result<Verdict> {
        let units = u32::try_from(body.len().div_ceil(UNIT)).unwrap_or(u32::MAX);
        let permit = self.in_flight.clone().try_acquire_many_owned(units).map_err(|_| {
            overloaded(format!("{} bytes of batches wait for rabbitmq's confirm", self.options.in_flight_bytes))
        })?;
        let (answer, answered) = oneshot::channel();
        self.publications.try_send(Publication { message_id, body, answer, permit }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => overloaded(format!("{WAITING} batches wait to be sent to rabbitmq")),
            mpsc::error::TrySendError::Closed(_) => closed(),
        })?;
        answered.await.unwrap_or_else(|_| Err(closed()))
    }

    fn is_open(&self) -> Result<()> {
        if self.stop.is_cancelled() { Err(closed()) } else { Ok(()) }
    }
}

#[async_trait]
impl Queue for RabbitQueue {
    async fn publish(&self, batch: Arc<Batch>) -> Result<()> {
        self.is_open()?;
        if let Some(trouble) = self.state.trouble() {
            return Err(trouble.error());
        }
        let message_id = batch.id.to_string();
        let body = encode(batch).await?;
        let publish = self.publish_with_retries(&message_id, &body);
        match timeout(self.options.publish_timeout, publish).await {
            Ok(result) => result,
            Err(_) => {
                let waited = self.options.publish_timeout;
                Err(Error::unavailable(format!("rabbitmq did not confirm the batch within {waited:?}")))
            }
        }
    }

    async fn receive(&self, max_records: usize) -> Result<Vec<Delivery>> {
        self.is_open()?;
        self.wanted.send_if_modified(|wanted| !std::mem::replace(wanted, true));
        let is_current = |delivery: &Delivery| self.unacked.is_current(delivery.receipt);
        tokio::select! {
            () = self.stop.cancelled() => Err(closed()),
            deliveries = self.inbox.take(max_records, is_current) => Ok(deliveries),
        }
    }

    async fn acknowledge(&self, receipts: &[Receipt]) -> Result<()> {
        self.is_open()?;
        self.unacked.acknowledge(receipts).await;
        Ok(())
    }

    async fn release(&self, receipts: &[Receipt]) -> Result<()> {
        self.is_open()?;
        // The consumer stops first, so that it does not receive them right back.
        self.wanted.send_if_modified(|wanted| std::mem::replace(wanted, false));
        self.unacked.release(receipts).await;
        Ok(())
    }

    fn status(&self) -> QueueStatus {
        let trouble = if self.stop.is_cancelled() { Some("closed".to_owned()) } else { None };
        QueueStatus {
            engine: "rabbitmq".to_owned(),
            trouble: trouble.or_else(|| Some(self.state.trouble()?.text())),
            depth: self.state.ready() + self.unacked.count(),
            space: None,
            newer: self.state.newer(),
        }
    }

    async fn close(&self) {
        self.stop.cancel();
        let parts = std::mem::take(&mut *self.parts.lock());
        for part in parts {
            // A part that panicked has ended, too.
            let _ = part.await;
        }
    }
}

async fn encode(batch: Arc<Batch>) -> Result<Bytes> {
    let records = batch.records.len();
    let body = if records <= QUICK_RECORDS {
        envelope::encode(&batch)
    } else {
        spawn_blocking(move || envelope::encode(&batch)).await.map_err(|_| closed())?
    };
    if body.len() > MESSAGE_BYTES {
        let bytes = body.len();
        return Err(Error::invalid(format!(
            "a batch takes {bytes} bytes encoded; the limit of rabbitmq is {MESSAGE_BYTES}"
        )));
    }
    Ok(body.into())
}

fn overloaded(reason: String) -> Error {
    Error::overloaded(reason, Duration::from_secs(1))
}

fn closed() -> Error {
    Error::unavailable("the queue is closed")
}
