//! How far the store is final, kept up to date.

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

/// Where transactions that stored something say so.
const CHANNEL: &str = "logboom_blocks";
/// How often the horizon is looked at even if nothing was heard: a transaction that is
/// rolled back says nothing, nor does a connection that is being made anew.
const SAFETY: Duration = Duration::from_secs(1);

/// The newest final position, as a value that only ever grows.
#[derive(Debug)]
pub(crate) struct Horizon {
    newest: watch::Sender<Position>,
    refresh_requested: Notify,
    /// Of documents: one connection hears of everything.
    changes: Changes,
}

impl Horizon {
    /// Finds out where the horizon is and keeps it up to date until `stop`.
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

    /// Asks for a refresh soon: this node has stored something.
    pub(crate) fn request_refresh(&self) {
        self.refresh_requested.notify_one();
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Position> {
        self.newest.subscribe()
    }

    /// Asks the database.
    pub(crate) async fn refresh(&self, pool: &PgPool, status: &Status) -> sqlx::Result<Position> {
        let row = sqlx::query("select logboom.final_position()").fetch_one(pool).await?;
        let found = Position(row.try_get(0)?);
        // What was final stays final, also while a transaction that began before it is
        // still open and holds the answer back.
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
            // Whatever comes first: a store of ours or of another node, the safety
            // check, or the end.
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
            // `None` is a lost connection: something may have been missed.
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
