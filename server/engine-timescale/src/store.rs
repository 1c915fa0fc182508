//! The methods of the port, each delegated to the module of its name.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use model::{
    Position, Query, RecordId, StoredRecord, TimeRange,
    aggregate::{Aggregation, Table},
};
use pipeline::{
    Appended, Ask, Block, Context, DeadLetter, DeadLetterBounds, DeadLetterHead, DeadLetterRequest, DeadLetters,
    Delivery, Documents, Error, Leases, Log, LogStore, NewDeadLetter, ReadLimit, Removal, RemovalStep, Result,
    SearchPage, SearchRequest, StoreStatus, Tally,
};
use tokio::{sync::Mutex, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    Options,
    append::{Outcome, append},
    connect::{self, Pools},
    dead_letters,
    documents::{Changes, StoredDocuments},
    error::classify,
    leases::StoredLeases,
    migrate::{Layout, migrate},
    partitions::Days,
    read::{self, Readers},
    removal::Remover,
    status::Status,
    summaries::{Cache, Summaries},
    tail::{Horizon, Recent, follow},
    upkeep::Upkeep,
};

/// How long closing waits for upkeep and summaries to release their leases.
const RELEASE: Duration = Duration::from_secs(2);

/// The store on PostgreSQL.
pub(crate) struct Store {
    pools: Pools,
    readers: Readers,
    remover: Remover,
    /// `None` with a hypertable.
    days: Option<Arc<Days>>,
    recent: Recent,
    horizon: Arc<Horizon>,
    status: Arc<Status>,
    dead_letters: DeadLetterBounds,
    changes: Changes,
    /// The tasks of upkeep and summaries. They end after they have released their leases.
    upkeep: Mutex<Vec<JoinHandle<()>>>,
    stop: CancellationToken,
}

impl Store {
    /// Connects, migrates the schema and starts the background tasks.
    pub(crate) async fn open(url: &str, options: &Options) -> Result<Self> {
        let pools = connect::connect(url, options).await?;
        let layout = migrate(&pools.write, options).await?;
        let engine = describe(&pools.version, &layout);
        let stop = CancellationToken::new();
        let status = Arc::new(Status::new(engine));
        let supervisor = &options.supervisor;
        let changes = Changes::new();
        let horizon =
            Horizon::start(pools.write.clone(), Arc::clone(&status), changes.clone(), stop.clone(), supervisor);
        let horizon = horizon.await.map_err(classify)?;

        let days = matches!(layout, Layout::Partitions { .. }).then(|| Arc::new(Days::default()));
        if let Some(days) = &days {
            days.prepare_ahead(&pools.write).await;
        }
        let minutes = layout.minutes();
        let readers = Readers { pool: pools.read.clone(), minutes, sets: Arc::new(Cache::default()) };
        let remover = Remover {
            pools: pools.clone(),
            readers: readers.clone(),
            statement_timeout: options.read_timeout,
            status: Arc::clone(&status),
        };
        let upkeep = Upkeep::new(pools.write.clone(), layout.clone(), days.clone(), Arc::clone(&status), options);
        let (upkeep, ended) = (Arc::new(Mutex::new(upkeep)), stop.clone());
        let upkeep = supervisor.spawn("postgresql-upkeep", stop.clone(), move || {
            let (upkeep, ended) = (Arc::clone(&upkeep), ended.clone());
            async move { upkeep.lock().await.run(ended).await }
        });
        let summaries = Summaries::new(pools.write.clone(), options);
        let (summaries, ended) = (Arc::new(Mutex::new(summaries)), stop.clone());
        let summaries = supervisor.spawn("postgresql-summaries", stop.clone(), move || {
            let (summaries, ended) = (Arc::clone(&summaries), ended.clone());
            async move { summaries.lock().await.run(ended).await }
        });
        status.refresh(&pools.write, &layout).await.map_err(classify)?;
        let (sizes, pool, ended) = (Arc::clone(&status), pools.write.clone(), stop.clone());
        supervisor.spawn("postgresql-sizes", stop.clone(), move || {
            let (sizes, pool, layout, ended) = (Arc::clone(&sizes), pool.clone(), layout.clone(), ended.clone());
            async move { sizes.refresh_until_stopped(pool, layout, ended).await }
        });
        Ok(Self {
            pools,
            readers,
            remover,
            days,
            recent: Recent::new(options.recent_bytes),
            horizon,
            status,
            dead_letters: options.dead_letters,
            changes,
            upkeep: Mutex::new(vec![upkeep, summaries]),
            stop,
        })
    }

    /// Drops letters past the limits. On failure, upkeep does it.
    async fn bound_dead_letters(&self) {
        let bound = async {
            let mut connection = self.pools.write.acquire().await?;
            dead_letters::bound(&mut connection, self.dead_letters).await
        };
        if let Err(error) = bound.await {
            tracing::debug!("cannot bound the dead letters now: {error}");
        }
        self.count_dead_letters().await;
    }

    /// Reads sizes for the status. On failure, the next read updates them.
    async fn count_dead_letters(&self) {
        if let Err(error) = self.status.count_dead_letters(&self.pools.write).await {
            tracing::debug!("cannot count the dead letters now: {error}");
        }
    }

    fn check_open(&self) -> Result<()> {
        if self.stop.is_cancelled() { Err(Error::unavailable("the store is closed")) } else { Ok(()) }
    }
}

/// Returns the engine's name, and logs what it runs on.
fn describe(version: &str, layout: &Layout) -> String {
    match layout {
        Layout::Hypertable { version: extension, community } => {
            let more = if *community { ", columns and counted minutes" } else { "; its Apache edition has no columns" };
            tracing::info!("storing in postgresql {version} with timescaledb {extension}: a hypertable{more}");
            format!("PostgreSQL {version}, TimescaleDB {extension}")
        }
        Layout::Partitions { reason } => {
            tracing::info!("storing in postgresql {version} without timescaledb ({reason}): a partition for each day");
            format!("PostgreSQL {version}")
        }
    }
}

#[async_trait]
impl Log for Store {
    async fn append(&self, deliveries: &[Delivery]) -> Result<Appended> {
        self.check_open()?;
        match append(&self.pools.write, self.days.as_deref(), deliveries).await {
            Ok(Outcome { appended, blocks }) => {
                self.status.well();
                self.recent.add(blocks);
                self.horizon.request_refresh();
                if appended.dead > 0 {
                    self.bound_dead_letters().await;
                }
                Ok(appended)
            }
            Err(error) => {
                if error.is_retryable() {
                    self.status.trouble(&error);
                }
                // The failed transaction's registration has ended without a notification.
                self.horizon.request_refresh();
                Err(error)
            }
        }
    }

    async fn newest(&self) -> Result<Position> {
        self.check_open()?;
        self.horizon.refresh(&self.pools.write, &self.status).await.map_err(classify)
    }

    async fn follow(&self, after: Position) -> Result<Vec<Block>> {
        tokio::select! {
            () = self.stop.cancelled() => Err(Error::unavailable("the store is closed")),
            blocks = follow(&self.pools.read, &self.recent, self.horizon.watch(), after) => blocks,
        }
    }

    async fn read_after(
        &self,
        after: Position,
        upto: Position,
        range: TimeRange,
        query: &Query,
        limit: ReadLimit,
    ) -> Result<Vec<StoredRecord>> {
        read::read_by_position(&self.pools.read, range, (after, upto), query, limit).await
    }

    async fn give_up_part(&self, _name: &str) -> Result<bool> {
        self.check_open()?;
        Ok(false)
    }

    async fn count_removal(&self, removal: &Removal) -> Result<Tally> {
        self.check_open()?;
        self.remover.count(removal).await
    }

    async fn remove(&self, removal: &Removal, from: Option<&str>) -> Result<RemovalStep> {
        self.check_open()?;
        self.remover.remove(removal, from).await
    }

    fn status(&self) -> StoreStatus {
        self.status.get()
    }

    async fn close(&self) {
        self.stop.cancel();
        // Without the release, another node would wait until the lease expires.
        let tasks = std::mem::take(&mut *self.upkeep.lock().await);
        let _ = tokio::time::timeout(RELEASE, futures::future::join_all(tasks)).await;
        // The statement of a dropped query ends with its connection.
        self.pools.read.close().await;
        self.pools.write.close().await;
    }
}

#[async_trait]
impl Ask for Store {
    async fn search(&self, request: &SearchRequest) -> Result<SearchPage> {
        read::search(&self.readers, request).await
    }

    async fn aggregate(&self, aggregation: &Aggregation) -> Result<Vec<Table>> {
        read::aggregate(&self.readers, aggregation).await
    }

    async fn get(&self, id: RecordId) -> Result<Option<StoredRecord>> {
        read::get(&self.pools.read, id).await
    }

    async fn context(&self, id: RecordId, before: usize, after: usize) -> Result<Option<Context>> {
        read::context(&self.pools.read, id, before, after).await
    }
}

#[async_trait]
impl DeadLetters for Store {
    async fn put_dead_letters(&self, letters: &[NewDeadLetter]) -> Result<()> {
        let mut connection = self.pools.write.acquire().await.map_err(classify)?;
        dead_letters::insert(&mut connection, letters).await.map_err(classify)?;
        drop(connection);
        self.bound_dead_letters().await;
        Ok(())
    }

    async fn dead_letters(&self, request: &DeadLetterRequest) -> Result<Vec<DeadLetterHead>> {
        dead_letters::list(&self.pools.read, request).await
    }

    async fn dead_letter(&self, id: i64) -> Result<Option<DeadLetter>> {
        dead_letters::get(&self.pools.read, id).await
    }

    async fn remove_dead_letters(&self, ids: &[i64]) -> Result<u64> {
        let removed = dead_letters::remove(&self.pools.write, ids).await?;
        self.count_dead_letters().await;
        Ok(removed)
    }
}

impl LogStore for Store {
    fn documents(&self) -> Arc<dyn Documents> {
        Arc::new(StoredDocuments::new(self.pools.write.clone(), self.changes.clone(), self.stop.clone()))
    }

    fn leases(&self) -> Arc<dyn Leases> {
        Arc::new(StoredLeases::new(self.pools.write.clone()))
    }
}

impl Drop for Store {
    /// Stops the background tasks.
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
