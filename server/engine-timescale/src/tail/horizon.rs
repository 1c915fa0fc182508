//! The horizon: the newest final position, kept up to date.

use std::{sync::Arc, time::Duration};

use model::Position;
use pipeline::Supervisor;
use sqlx::{
    PgPool, Row,
    postgres::{PgListener, PgNotification},
};
use tokio::{
    sync::{Notify, watch},
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;

use crate::{
    documents::{self, Changes},
    status::Status,
};

/// The channel on which storing transactions notify all nodes.
const CHANNEL: &str = "logboom_blocks";
/// The refresh interval without a notification. A rollback sends none, and those sent during a reconnect are lost.
const SAFETY: Duration = Duration::from_secs(1);

/// The newest final position. It never decreases.
#[derive(Debug)]
pub(crate) struct Horizon {
    newest: watch::Sender<Position>,
    refresh_requested: Notify,
    /// Signals changes of documents: one connection listens to both channels.
    changes: Changes,
}

impl Horizon {
    /// Reads the horizon and keeps it up to date until `stop`.
    pub(crate) async fn start(
        pool: PgPool,
        status: Arc<Status>,
        changes: Changes,
        stop: CancellationToken,
        supervisor: &Supervisor,
    ) -> sqlx::Result<Arc<Self>> {
        let horizon =
            Arc::new(Self { newest: watch::Sender::new(Position(0)), refresh_requested: Notify::new(), changes });
        horizon.refresh(&pool, &status).await?;
        let (refreshing, listening) = (Arc::clone(&horizon), Arc::clone(&horizon));
        let (pool_to_refresh, ended) = (pool.clone(), stop.clone());
        supervisor.spawn("postgresql-horizon", stop.clone(), move || {
            Arc::clone(&refreshing).refresh_until_stopped(pool_to_refresh.clone(), Arc::clone(&status), ended.clone())
        });
        supervisor.spawn("postgresql-listen", stop.clone(), move || {
            Arc::clone(&listening).listen(pool.clone(), stop.clone())
        });
        Ok(horizon)
    }

    /// Requests a refresh after an append of this node.
    pub(crate) fn request_refresh(&self) {
        self.refresh_requested.notify_one();
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Position> {
        self.newest.subscribe()
    }

    /// Reads the horizon from the database.
    pub(crate) async fn refresh(&self, pool: &PgPool, status: &Status) -> sqlx::Result<Position> {
        let row = sqlx::query("select logboom.final_position()").fetch_one(pool).await?;
        let found = Position(row.try_get(0)?);
        // A final position stays final, even if the database returns an older one because of an open transaction.
        let mut newest = found;
        self.newest.send_if_modified(|known| {
            newest = found.max(*known);
            std::mem::replace(known, newest) < newest
        });
        status.count_upto(pool, newest).await?;
        Ok(newest)
    }

    async fn refresh_until_stopped(self: Arc<Self>, pool: PgPool, status: Arc<Status>, stop: CancellationToken) {
        let mut safety = tokio::time::interval(SAFETY);
        safety.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Waits for a request from this node or another one, the next interval, or the end.
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.refresh_requested.notified() => {}
                _ = safety.tick() => {}
            }
            match self.refresh(&pool, &status).await {
                Ok(_) => status.well(),
                Err(error) => status.trouble(&crate::error::classify(error)),
            }
        }
    }

    async fn listen(self: Arc<Self>, pool: PgPool, stop: CancellationToken) {
        let hear = async {
            loop {
                if let Err(error) = self.hear(&pool).await {
                    tracing::debug!("not hearing of other nodes for now: {error}");
                }
                tokio::time::sleep(SAFETY).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = hear => {}
        }
    }

    async fn hear(&self, pool: &PgPool) -> sqlx::Result<()> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen_all([CHANNEL, documents::CHANNEL]).await?;
        loop {
            // `None` is a lost connection: notifications may be lost, too.
            let heard = listener.try_recv().await?;
            let channel = heard.as_ref().map(PgNotification::channel);
            if channel != Some(documents::CHANNEL) {
                self.request_refresh();
            }
            if channel != Some(CHANNEL) {
                self.changes.hint();
            }
        }
    }
}
