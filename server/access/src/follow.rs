//! The supervised task `access`: follows changes of the documents, also those of other nodes; writes the use of
//! sessions and keys; ends what expires.

use std::{convert::Infallible, mem, sync::Arc, time::Duration};

use model::Nanos;
use pipeline::{Error, Expected, Kind, Result, Supervisor};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    anonymous_document::ANONYMOUS, key_document::KEY, session_document::SESSION, sessions::renew, shared::Shared,
    user_document::USER,
};

/// The longest time between two looks at what expires, and the shortest.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// Starts the task. It ends with `stop`.
pub(crate) fn start(shared: &Arc<Shared>, supervisor: &Supervisor, stop: CancellationToken) {
    let shared = Arc::clone(shared);
    let token = stop.clone();
    supervisor.spawn("access", stop, move || {
        let (shared, stop) = (Arc::clone(&shared), token.clone());
        async move {
            match stop.run_until_cancelled(shared.follow()).await {
                Some(error) => Err(error),
                None => Ok(()),
            }
        }
    });
}

impl Shared {
    /// Runs until an error.
    async fn follow(&self) -> Error {
        let all = tokio::try_join!(
            self.follow_kind(&KEY),
            self.follow_kind(&USER),
            self.follow_kind(&SESSION),
            self.follow_kind(&ANONYMOUS),
            self.look_after_time(),
            self.look_after_uses(),
        );
        match all {
            Ok((never, ..)) => match never {},
            Err(error) => error,
        }
    }

    async fn follow_kind(&self, kind: &Kind) -> Result<Infallible> {
        let mut seen = self.refresh(kind).await?;
        loop {
            if self.documents()?.watch(kind, seen).await? != seen {
                seen = self.refresh(kind).await?;
            }
        }
    }

    async fn look_after_time(&self) -> Result<Infallible> {
        loop {
            self.renew_used().await;
            let pause = self.expire().await;
            tokio::select! {
                () = sleep(pause) => {}
                () = self.work.notified() => {}
            }
        }
    }

    /// Apart from [`Self::look_after_time`], so that a slow store delays no expiry.
    async fn look_after_uses(&self) -> Result<Infallible> {
        loop {
            self.store_uses().await;
            // What could not be stored is tried again after the pause, or with the next use.
            let _ = timeout(LONGEST_PAUSE, self.used.notified()).await;
        }
    }

    /// Writes the use of sessions. One that cannot be written now is asked for again by a later call.
    pub(crate) async fn renew_used(&self) {
        let used = mem::take(&mut *self.renewals.lock());
        for id in used {
            if let Err(error) = renew(self, &id).await {
                tracing::debug!(session = id, %error, "the use of a session was not written");
            }
        }
    }

    /// Ends the calls of keys and sessions that have expired, and deletes the sessions. Returns the pause until the next
    /// time.
    pub(crate) async fn expire(&self) -> Duration {
        let now = self.clock.now();
        let known = self.known();
        let mut next: Option<Nanos> = None;
        let mut note = |expires: Nanos| next = Some(next.map_or(expires, |next| next.min(expires)));
        for key in known.keys.values() {
            match key.expires {
                Some(expires) if expires <= now => {
                    key.principal.revoked().cancel();
                    key.open.revoked().cancel();
                }
                Some(expires) => note(expires),
                None => {}
            }
        }
        for session in known.sessions.values() {
            if session.stored.expires() > now {
                note(session.stored.expires());
                continue;
            }
            if let Some(principal) = &session.principal {
                principal.revoked().cancel();
            }
            // Not if another node has just renewed it.
            let Ok(documents) = self.documents() else { continue };
            if let Err(error) = documents.delete(&SESSION, &session.id, Expected::Version(session.version), None).await
            {
                tracing::debug!(session = session.id, %error, "an expired session was not deleted");
            }
        }
        let left = next.map(|next| Duration::from_nanos(next.saturating_sub(now).max(0).unsigned_abs()));
        left.unwrap_or(LONGEST_PAUSE).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
    }
}
