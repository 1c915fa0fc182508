//! A worker for `Stream`: many unanswered batches on one connection. After a lost connection it resends all
//! unanswered batches under the same ids.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::time::{Instant, sleep, sleep_until};
use tonic::{Status, transport::Channel};

use super::{
    calls::PAUSE,
    source::{Job, Source},
    tally::Tally,
};
use crate::door::{Fate, Parcel, stream};

struct Pending {
    parcel: Parcel,
    /// The start of its latency.
    since: Instant,
    /// The time of the first attempt.
    tried: Instant,
}

pub(crate) struct StreamWorker {
    source: Arc<Source>,
    in_flight: usize,
    patience: Duration,
    tally: Tally,
    /// The next parcel of the source, possibly not due yet.
    upcoming: Option<Job>,
    exhausted: bool,
    /// To be sent now.
    outbox: VecDeque<Pending>,
    /// To be resent later.
    delayed: Vec<(Instant, Pending)>,
    /// Sent and not answered, by sequence number.
    unanswered: BTreeMap<u64, Pending>,
}

impl StreamWorker {
    pub(crate) fn new(source: Arc<Source>, begin: Instant, in_flight: usize, patience: Duration) -> Self {
        Self {
            source,
            in_flight,
            patience,
            tally: Tally::new(begin),
            upcoming: None,
            exhausted: false,
            outbox: VecDeque::new(),
            delayed: Vec::new(),
            unanswered: BTreeMap::new(),
        }
    }

    /// Sends parcels until none is left and all are answered or given up.
    pub(crate) async fn work(mut self, channel: Channel) -> Tally {
        while !self.is_done() {
            let Err(status) = self.exchange(channel.clone()).await else { break };
            self.recover(&format!("{:?}: {}", status.code(), status.message()));
            sleep(PAUSE).await;
        }
        self.tally
    }

    /// One stream, from opening to end.
    async fn exchange(&mut self, channel: Channel) -> Result<(), Status> {
        let mut open = stream(channel).await?;
        let window = open.window.min(self.in_flight);
        while !self.is_done() {
            self.look_ahead();
            let room = self.unanswered.len() < window;
            let due = self.upcoming.as_ref().map(|job| job.due.unwrap_or_else(Instant::now));
            let again = self.delayed.iter().map(|(when, _)| *when).min();
            tokio::select! {
                // Responses first, because they free the window.
                biased;
                answer = open.answers.next() => {
                    let (sequence, fate) = answer?;
                    self.settle(sequence, fate);
                }
                // The connection's queue has space, and there is something to send.
                permit = open.requests.reserve(), if room && !self.outbox.is_empty() => {
                    let permit = permit.map_err(|_| Status::unavailable("the stream is closed"))?;
                    if let Some(pending) = self.outbox.pop_front() {
                        permit.send(pending.parcel.body.clone());
                        self.unanswered.insert(pending.parcel.sequence, pending);
                    }
                }
                // The next parcel is due.
                () = sleep_until(due.unwrap_or_else(Instant::now)), if room && self.outbox.is_empty() && due.is_some() => {
                    if let Some(job) = self.upcoming.take() {
                        let now = Instant::now();
                        self.outbox.push_back(Pending { since: job.due.unwrap_or(now), tried: now, parcel: job.parcel });
                    }
                }
                // Retries what the server has postponed.
                () = sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => self.wake(),
            }
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.exhausted
            && self.upcoming.is_none()
            && self.outbox.is_empty()
            && self.delayed.is_empty()
            && self.unanswered.is_empty()
    }

    fn look_ahead(&mut self) {
        if self.upcoming.is_none() && !self.exhausted {
            self.upcoming = self.source.take();
            self.exhausted = self.upcoming.is_none();
        }
    }

    fn settle(&mut self, sequence: u64, fate: Fate) {
        let Some(pending) = self.unanswered.remove(&sequence) else { return };
        match fate {
            Fate::Acknowledged { refused } => self.tally.acknowledge(&pending.parcel, pending.since, &refused),
            Fate::Later { delay, reason } => self.again(Instant::now() + delay, pending, reason),
            Fate::Unknown { reason } => self.again(Instant::now() + PAUSE, pending, reason),
            Fate::Refused { reason } => self.tally.give_up(&pending.parcel, reason),
        }
    }

    fn again(&mut self, when: Instant, pending: Pending, reason: String) {
        if pending.tried.elapsed() >= self.patience {
            self.tally.give_up(&pending.parcel, reason);
        } else {
            self.tally.retry(reason);
            self.delayed.push((when, pending));
        }
    }

    fn wake(&mut self) {
        let now = Instant::now();
        let (ready, waiting) = std::mem::take(&mut self.delayed).into_iter().partition(|(when, _)| *when <= now);
        self.delayed = waiting;
        let ready: Vec<_> = ready;
        self.outbox.extend(ready.into_iter().map(|(_, pending)| pending));
    }

    /// Requeues or gives up all unanswered parcels after a lost stream. Parcels not tried yet wait as well, so that
    /// an unavailable server ends the run.
    fn recover(&mut self, reason: &str) {
        self.look_ahead();
        if let Some(job) = self.upcoming.take_if(|job| job.due.is_none_or(|due| due <= Instant::now())) {
            let now = Instant::now();
            self.outbox.push_back(Pending { since: job.due.unwrap_or(now), tried: now, parcel: job.parcel });
        }
        let outbox = std::mem::take(&mut self.outbox);
        for pending in std::mem::take(&mut self.unanswered).into_values().chain(outbox) {
            self.again(Instant::now(), pending, reason.to_owned());
        }
        self.wake();
    }
}
