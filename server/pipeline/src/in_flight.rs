//! Records that are admitted and not yet durable: counted, bounded (C4), and awaited on close.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{Error, ErrorClass, Result, events::InFlightGauges};

/// When a refused client should retry. The queue drains the whole limit in less time.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The in-flight limit and its current use.
pub(crate) struct InFlight {
    most_bytes: usize,
    most_records: usize,
    state: Mutex<State>,
    /// Notified when a reservation is returned.
    returned: Notify,
    /// Notified when the last reservation is returned.
    idle: Notify,
    closing: CancellationToken,
    gauges: InFlightGauges,
}

#[derive(Default)]
struct State {
    bytes: usize,
    records: usize,
    reservations: usize,
}

/// A part of the limit, returned when dropped. It moves with the records, because the caller may be dropped before its
/// records are durable.
pub(crate) struct Reservation {
    account: Arc<InFlight>,
    bytes: usize,
    records: usize,
}

impl InFlight {
    pub(crate) fn new(most_bytes: usize, most_records: usize) -> Arc<Self> {
        let gauges = InFlightGauges::register();
        Arc::new(Self {
            most_bytes,
            most_records,
            state: Mutex::default(),
            returned: Notify::new(),
            idle: Notify::new(),
            closing: CancellationToken::new(),
            gauges,
        })
    }

    /// The limit in records.
    pub(crate) fn most_records(&self) -> usize {
        self.most_records
    }

    /// The limit in bytes.
    pub(crate) fn most_bytes(&self) -> usize {
        self.most_bytes
    }

    /// Cancelled when admission stops.
    pub(crate) fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// Returns the error that [`InFlight::reserve`] would return now, before the records are normalised.
    pub(crate) fn check(&self) -> Result<()> {
        self.admits(&self.state.lock(), 0, 0)
    }

    /// Reserves a part of the limit.
    ///
    /// # Errors
    /// `Overloaded` if it does not fit now, `Invalid` if it never fits, `Unavailable` on shutdown.
    pub(crate) fn reserve(self: &Arc<Self>, bytes: usize, records: usize) -> Result<Reservation> {
        if bytes > self.most_bytes || records > self.most_records {
            return Err(Error::invalid(format!(
                "submission: {records} records that take {bytes} bytes; the limit is {} records and {} bytes; \
                 send it in parts",
                self.most_records, self.most_bytes
            )));
        }
        let mut state = self.state.lock();
        self.admits(&state, bytes, records)?;
        state.bytes += bytes;
        state.records += records;
        state.reservations += 1;
        self.gauges.set(state.bytes, state.records);
        Ok(Reservation { account: self.clone(), bytes, records })
    }

    /// # Errors
    /// `Unavailable` on shutdown.
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.closing.is_cancelled() {
            return Err(Error::unavailable("shutting down; send to another node, or again later"));
        }
        Ok(())
    }

    fn admits(&self, state: &State, bytes: usize, records: usize) -> Result<()> {
        self.check_open()?;
        let full = |held: usize, wanted: usize, most: usize| held + wanted > most || held >= most;
        if full(state.records, records, self.most_records) || full(state.bytes, bytes, self.most_bytes) {
            return Err(Error::overloaded(
                format!(
                    "{} records, {} bytes are waiting to become durable; the limit is {} records, {} bytes; \
                     send again later",
                    state.records, state.bytes, self.most_records, self.most_bytes
                ),
                RETRY_AFTER,
            ));
        }
        Ok(())
    }

    /// As [`InFlight::reserve`], but waits for capacity without a time limit.
    pub(crate) async fn reserve_wait(self: &Arc<Self>, bytes: usize, records: usize) -> Result<Reservation> {
        loop {
            let returned = self.returned.notified();
            tokio::pin!(returned);
            // Registered before the attempt, so that a return in between is not missed.
            returned.as_mut().enable();
            match self.reserve(bytes, records) {
                Err(error) if error.class == ErrorClass::Overloaded => {}
                other => return other,
            }
            tokio::select! {
                () = returned => {}
                () = self.closing.cancelled() => {}
            }
        }
    }

    /// Stops admission, and waits until all reservations are returned.
    pub(crate) async fn close(&self) {
        self.closing.cancel();
        loop {
            let idle = self.idle.notified();
            tokio::pin!(idle);
            // Registered before reading the state, so that a return in between is not missed.
            idle.as_mut().enable();
            if self.state.lock().reservations == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut state = self.account.state.lock();
        state.bytes -= self.bytes;
        state.records -= self.records;
        state.reservations -= 1;
        self.account.gauges.set(state.bytes, state.records);
        self.account.returned.notify_waiters();
        if state.reservations == 0 {
            self.account.idle.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_now_is_told_to_wait_and_fits_once_room_is_returned() {
        let account = InFlight::new(100, 10);
        let held = account.reserve(60, 2).unwrap();
        let refused = account.reserve(60, 2).err().unwrap();
        assert_eq!(refused.class, ErrorClass::Overloaded);
        assert!(refused.retry_after.is_some());
        drop(held);
        assert!(account.reserve(60, 2).is_ok());
    }

    #[test]
    fn what_never_fits_is_not_told_to_wait() {
        let account = InFlight::new(100, 10);
        for (bytes, records) in [(101, 1), (1, 11)] {
            assert_eq!(account.reserve(bytes, records).err().unwrap().class, ErrorClass::Invalid);
        }
    }

    #[tokio::test]
    async fn what_may_wait_gets_room_when_it_is_returned_and_an_error_on_close() {
        let account = InFlight::new(100, 10);
        let held = account.reserve(60, 2).unwrap();
        let waiting = tokio::spawn({
            let account = account.clone();
            async move { account.reserve_wait(60, 2).await }
        });
        tokio::task::yield_now().await;
        drop(held);
        let held = waiting.await.unwrap().unwrap();
        assert_eq!(account.reserve_wait(101, 1).await.err().unwrap().class, ErrorClass::Invalid);
        let waiting = tokio::spawn({
            let account = account.clone();
            async move { account.reserve_wait(60, 2).await }
        });
        tokio::task::yield_now().await;
        account.closing.cancel();
        assert_eq!(waiting.await.unwrap().err().unwrap().class, ErrorClass::Unavailable);
        drop(held);
    }

    #[tokio::test]
    async fn close_refuses_and_waits_for_the_last_reservation() {
        let account = InFlight::new(100, 10);
        let held = account.reserve(1, 1).unwrap();
        let closing = tokio::spawn({
            let account = account.clone();
            async move { account.close().await }
        });
        account.closing.cancelled().await;
        assert_eq!(account.reserve(1, 1).err().unwrap().class, ErrorClass::Unavailable);
        assert!(!closing.is_finished());
        drop(held);
        closing.await.unwrap();
    }
}
