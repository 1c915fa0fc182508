//! Workers for the doors with one response per call: send, wait, and retry.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, sleep_until};

use super::{source::Source, tally::Tally};
use crate::door::{Fate, HttpDoor, Parcel, SocketDoor, UnaryDoor};

/// The delay between attempts while the server is unavailable.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

#[derive(Clone)]
pub(crate) enum CallDoor {
    Grpc(UnaryDoor),
    Http(HttpDoor),
    Socket(SocketDoor),
}

impl CallDoor {
    async fn send(&mut self, parcel: &Parcel) -> Fate {
        match self {
            Self::Grpc(door) => door.send(parcel).await,
            Self::Http(door) => door.send(parcel).await,
            Self::Socket(door) => door.send(parcel).await,
        }
    }
}

/// Sends parcels one by one until none is left.
///
/// `repeatable`: a parcel carries an id, so that it may be resent after an unknown result. Without an id, it could be
/// stored twice.
pub(crate) async fn work(
    mut door: CallDoor,
    source: Arc<Source>,
    begin: Instant,
    patience: Duration,
    repeatable: bool,
) -> Tally {
    let mut tally = Tally::new(begin);
    while let Some(job) = source.take() {
        if let Some(due) = job.due {
            sleep_until(due).await;
        }
        let since = job.due.unwrap_or_else(Instant::now);
        let give_up = Instant::now() + patience;
        loop {
            let (pause, reason) = match door.send(&job.parcel).await {
                Fate::Acknowledged { refused } => {
                    tally.acknowledge(&job.parcel, since, &refused);
                    break;
                }
                Fate::Later { delay, reason } => (delay, reason),
                Fate::Unknown { reason } if repeatable => (PAUSE, reason),
                Fate::Unknown { reason } | Fate::Refused { reason } => {
                    tally.give_up(&job.parcel, reason);
                    break;
                }
            };
            if Instant::now() >= give_up {
                tally.give_up(&job.parcel, reason);
                break;
            }
            tally.retry(reason);
            sleep(pause).await;
        }
    }
    tally
}
