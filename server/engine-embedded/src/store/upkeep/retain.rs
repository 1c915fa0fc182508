//! Retention: deletes records beyond the limits of age and size.
//!
//! Both limits delete whole parts, oldest first, which frees their space at once. A part expires when its newest record
//! does, so a record may live longer by the time span of its part, at most a day. Records of a service with its own
//! retention are removed once all records of the part are past it, which rewrites the part once.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use model::{
    Query,
    aggregate::{Aggregation, Table},
    query::{Expr, Field, Test},
};
use parts::reader::Part;
use pipeline::{Result, TimeRange};
use tokio_util::sync::CancellationToken;

use super::Inner;
use crate::store::snapshot::Snapshot;

impl Inner {
    pub(super) async fn retain(self: &Arc<Self>, stop: &CancellationToken) -> Result<()> {
        self.drop_expired().await?;
        self.retain_aside().await?;
        let services = &self.options.retention_services;
        for part in self.snapshots.load().parts.iter().filter(|_| !services.is_empty()) {
            let _alone = self.rewriting.lock().await;
            // A deletion may have replaced it since; the next round looks at the new part.
            if self.snapshots.load().parts.iter().any(|listed| Arc::ptr_eq(listed, part)) {
                self.retain_services(part, stop).await?;
            }
        }
        Ok(())
    }

    async fn drop_expired(&self) -> Result<()> {
        let _alone = self.rewriting.lock().await;
        let gone = self.past_retention(now());
        if !gone.is_empty() {
            self.replace(&gone, None).await?;
            let records: u64 = gone.iter().map(|part| part.info.rows).sum();
            let bytes: u64 = gone.iter().map(|part| part.info.bytes).sum();
            deleted(records);
            tracing::info!(parts = gone.len(), records, bytes, "retention deleted the oldest records");
        }
        Ok(())
    }

    /// Parts that are set aside expire, too.
    async fn retain_aside(&self) -> Result<()> {
        let Some(age) = self.options.retention else { return Ok(()) };
        let bound = before(now(), age);
        let past = self.parts_aside().into_iter().filter(|part| part.newest < bound);
        for part in past {
            self.give_up(&part.name).await?;
        }
        Ok(())
    }

    /// The expired parts, and the oldest others while the total size is above the limit.
    fn past_retention(&self, now: i64) -> Vec<Arc<Part>> {
        let snapshot = self.snapshots.load();
        let bound = self.options.retention.map_or(i64::MIN, |age| before(now, age));
        let most = self.options.retention_bytes.unwrap_or(u64::MAX);
        let mut bytes = snapshot.part_bytes();
        let mut gone = Vec::new();
        // Parts are sorted newest first.
        for part in snapshot.parts.iter().rev() {
            if part.info.max_time < bound || bytes > most {
                bytes = bytes.saturating_sub(part.info.bytes);
                gone.push(part.clone());
            }
        }
        gone
    }

    /// Removes the records of services whose own retention has passed for the whole part.
    async fn retain_services(self: &Arc<Self>, part: &Arc<Part>, stop: &CancellationToken) -> Result<()> {
        let now = now();
        let past: Vec<String> = self
            .options
            .retention_services
            .iter()
            .filter(|(_, age)| part.info.max_time < before(now, *age))
            .map(|(service, _)| service.clone())
            .collect();
        // The part was already cleared of these services.
        if past.is_empty() || part.cleared() == past.len() {
            return Ok(());
        }
        let records = self.records_of(part, past.clone()).await?;
        part.clear(past.len());
        if records == 0 {
            return Ok(());
        }
        let keep = Box::new(move |service: &str, _: i64| !past.iter().any(|past| past == service));
        let rest = self.merge(vec![part.clone()], Some(keep), stop).await?;
        self.replace(std::slice::from_ref(part), rest).await?;
        deleted(records);
        tracing::info!(records, "retention deleted records of services with a shorter time");
        Ok(())
    }

    async fn records_of(&self, part: &Arc<Part>, services: Vec<String>) -> Result<u64> {
        let query = Query { expr: Expr::Field(Field::Service, Test::AnyOf(services)) };
        let alone =
            Snapshot { tables: Vec::new(), parts: Arc::new(vec![part.clone()]), newest: self.snapshots.load().newest };
        let counting = Aggregation::counting(query, TimeRange::ALL, Vec::new(), 1);
        let tables = self.counts.aggregate(Arc::new(alone), &counting).await?;
        Ok(tables.into_iter().flat_map(Table::counts).map(|(_, count)| count).sum())
    }
}

fn deleted(records: u64) {
    metrics::counter!("logboom_store_deleted_records_total").increment(records);
}

fn before(now: i64, age: Duration) -> i64 {
    now.saturating_sub(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX))
}

/// The current time in nanoseconds since the Unix epoch.
pub(super) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i64)
}
