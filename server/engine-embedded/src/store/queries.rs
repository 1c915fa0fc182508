//! The port's methods.

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use model::{
    Position, Query, Record, RecordId, StoredRecord,
    aggregate::{Aggregation, Table},
    query::{Expr, Field, Test},
    time::Nanos,
};
use pipeline::{
    Appended, Ask, Block, Context, Cursor, DeadLetter, DeadLetterHead, DeadLetterRequest, DeadLetters, Delivery,
    Documents, Error, Leases, Log, LogStore, NewDeadLetter, ReadLimit, Removal, RemovalStep, Result, SearchPage,
    SearchRequest, StoreStatus, Tally, TimeRange, ask,
};

use super::{
    EmbeddedStore,
    documents::DocumentsAndLeases,
    scans::{Cancel, Scans},
    search::{Order, Window, search, search_newest},
    snapshot::Snapshot,
};

impl EmbeddedStore {
    /// Runs `work` on the current snapshot, off the async threads.
    async fn scan<T: Send + 'static>(
        &self,
        scans: &Scans,
        work: impl Fn(&Snapshot, &Cancel) -> Result<T> + Send + Sync + 'static,
    ) -> Result<T> {
        self.inner.check_open()?;
        self.inner.scan(scans, work).await
    }
}

#[async_trait]
impl Log for EmbeddedStore {
    async fn append(&self, deliveries: &[Delivery]) -> Result<Appended> {
        self.inner.append(deliveries).await
    }

    async fn newest(&self) -> Result<Position> {
        self.inner.check_open()?;
        Ok(self.inner.snapshots.load().newest)
    }

    async fn follow(&self, after: Position) -> Result<Vec<Block>> {
        self.inner.follow(after).await
    }

    async fn read_after(
        &self,
        after: Position,
        upto: Position,
        range: TimeRange,
        query: &Query,
        limit: ReadLimit,
    ) -> Result<Vec<StoredRecord>> {
        let query = query.clone();
        let window = Window { after: after.0, upto: upto.0, ..Window::of_time(range) };
        self.scan(&self.inner.searches, move |snapshot, cancel| {
            search(snapshot, &query, window, Order::Position, limit, cancel)
        })
        .await
    }

    async fn give_up_part(&self, name: &str) -> Result<bool> {
        self.inner.check_open()?;
        self.inner.give_up(name).await
    }

    async fn count_removal(&self, removal: &Removal) -> Result<Tally> {
        self.inner.check_open()?;
        self.inner.count_removal(removal).await
    }

    async fn remove(&self, removal: &Removal, from: Option<&str>) -> Result<RemovalStep> {
        self.inner.check_open()?;
        let (inner, removal, from) = (Arc::clone(&self.inner), removal.clone(), from.map(str::to_owned));
        // Dropping this call stops the step. It ends in a task of its own, because a step that is dropped between the
        // catalogue's transaction and the new snapshot would leave them apart.
        let stop = self.stop.child_token();
        let _stop_when_dropped = stop.clone().drop_guard();
        let step = tokio::spawn(async move { inner.remove(removal, from, &stop).await });
        step.await.map_err(|error| Error::internal(format!("a step of a deletion failed: {error}")))?
    }

    fn status(&self) -> StoreStatus {
        self.inner.status()
    }

    async fn close(&self) {
        self.stop_and_flush().await;
    }
}

#[async_trait]
impl Ask for EmbeddedStore {
    async fn search(&self, request: &SearchRequest) -> Result<SearchPage> {
        let SearchRequest { query, range, limit, cursor, patience } = request.clone();
        let deadline = patience.map(|patience| Instant::now() + patience);
        let window = Window { beyond: cursor.map(|cursor| (cursor.time, cursor.position.0)), ..Window::of_time(range) };
        let window = match cursor {
            // Records newer than the cursor are not read.
            Some(Cursor { time, .. }) => {
                let to = range.to.min(time.saturating_add(1));
                Window { time: TimeRange { to, ..range }, ..window }
            }
            None => window,
        };
        let (mut records, stopped) = self
            .scan(&self.inner.searches, move |snapshot, cancel| {
                search_newest(snapshot, &query, window, limit + 1, deadline, cancel)
            })
            .await?;
        // One more than the limit shows whether there is a next page.
        let more = records.len() > limit;
        records.truncate(limit);
        let last =
            records.last().filter(|_| more).map(|last| Cursor { time: last.record.time, position: last.position });
        // Not the last record's own time: the next page may begin with records of the same time.
        let searched_back_to = last.map(|last| last.time.saturating_add(1)).or(stopped);
        // No position is smaller, so the next page begins with earlier times.
        let next = last.or(stopped.map(|time| Cursor { time, position: Position(i64::MIN) }));
        Ok(SearchPage { records, next, searched_back_to: searched_back_to.unwrap_or(range.from) })
    }

    async fn aggregate(&self, aggregation: &Aggregation) -> Result<Vec<Table>> {
        ask::check(aggregation)?;
        self.inner.check_open()?;
        let counts = &self.inner.counts;
        self.inner.retried(move |snapshot| counts.aggregate(snapshot, aggregation)).await
    }

    async fn get(&self, id: RecordId) -> Result<Option<StoredRecord>> {
        self.scan(&self.inner.searches, move |snapshot, cancel| get(snapshot, id, cancel)).await
    }

    async fn context(&self, id: RecordId, before: usize, after: usize) -> Result<Option<Context>> {
        self.scan(&self.inner.searches, move |snapshot, cancel| {
            let Some(stored) = get(snapshot, id, cancel)? else { return Ok(None) };
            let query = neighbours(&stored.record);
            let time = stored.record.time;
            let beyond = |from, to| {
                let window = Window::of_time(TimeRange { from, to });
                Window { beyond: Some((time, stored.position.0)), ..window }
            };
            let until = beyond(Nanos::MIN, time.saturating_add(1));
            let mut older = search(snapshot, &query, until, Order::Newest, ReadLimit::of_records(before), cancel)?;
            older.reverse();
            let newer = search(
                snapshot,
                &query,
                beyond(time, Nanos::MAX),
                Order::Oldest,
                ReadLimit::of_records(after),
                cancel,
            )?;
            Ok(Some(Context { before: older, record: stored, after: newer }))
        })
        .await
    }
}

#[async_trait]
impl DeadLetters for EmbeddedStore {
    async fn put_dead_letters(&self, letters: &[NewDeadLetter]) -> Result<()> {
        self.inner.check_open()?;
        self.inner.catalogue.put_dead_letters(letters, None, self.inner.options.dead_letters).await
    }

    async fn dead_letters(&self, request: &DeadLetterRequest) -> Result<Vec<DeadLetterHead>> {
        self.inner.check_open()?;
        self.inner.catalogue.dead_letters(request).await
    }

    async fn dead_letter(&self, id: i64) -> Result<Option<DeadLetter>> {
        self.inner.check_open()?;
        self.inner.catalogue.dead_letter(id).await
    }

    async fn remove_dead_letters(&self, ids: &[i64]) -> Result<u64> {
        self.inner.check_open()?;
        self.inner.catalogue.remove_dead_letters(ids).await
    }
}

impl LogStore for EmbeddedStore {
    fn documents(&self) -> Arc<dyn Documents> {
        Arc::new(DocumentsAndLeases(Arc::clone(&self.inner)))
    }

    fn leases(&self) -> Arc<dyn Leases> {
        Arc::new(DocumentsAndLeases(Arc::clone(&self.inner)))
    }
}

/// The record with this id. Ids are in the order of admission, so few blocks and parts have matching bounds.
fn get(snapshot: &Snapshot, id: RecordId, cancel: &Cancel) -> Result<Option<StoredRecord>> {
    for entry in snapshot.tables.iter().flat_map(|view| view.entries()) {
        let records = &entry.block.batch.records;
        let place = records.first().and_then(|first| id.0.checked_sub(first.id.0));
        if let Some(place) = place.and_then(|place| usize::try_from(place).ok())
            && place < records.len()
        {
            return Ok(entry.block.stored(place));
        }
    }
    let query = Query { expr: Expr::Field(Field::Id, Test::AnyOf(vec![id.to_string()])) };
    let parts: Vec<_> =
        snapshot.parts.iter().filter(|part| (part.info.min_id..=part.info.max_id).contains(&id)).cloned().collect();
    let parts = Snapshot { tables: Vec::new(), parts: Arc::new(parts), newest: snapshot.newest };
    let window = Window { id: Some(id), ..Window::ALL };
    Ok(search(&parts, &query, window, Order::Newest, ReadLimit::of_records(1), cancel)?.pop())
}

/// The records of the same service and node.
fn neighbours(record: &Record) -> Query {
    let same = |field: Field, value: &str| {
        if value.is_empty() {
            Expr::Not(Box::new(Expr::Field(field, Test::Exists)))
        } else {
            Expr::Field(field, Test::AnyOf(vec![value.to_owned()]))
        }
    };
    Query { expr: Expr::And(vec![same(Field::Service, &record.service), same(Field::Node, &record.node)]) }
}
