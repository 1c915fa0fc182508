//! Groups the runs of records into spans of positions.

use sqlx::{PgConnection, Row, postgres::PgRow};

use crate::types::Instant;

/// The runs read at once; a block mostly has some hundred.
const PAGE: i64 = 1_000;

/// The most of a span. One run is never divided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) records: i64,
    pub(crate) bytes: i64,
}

/// Consecutive positions, from the first record of a run to the last of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) records: i64,
    pub(crate) earliest: Instant,
    pub(crate) latest: Instant,
    /// When the first of its records was received, in nanoseconds.
    pub(crate) received: i64,
    /// Whether the next run does not fit, so that the span stays as it is.
    pub(crate) is_full: bool,
    bytes: i64,
}

/// The first span after a position, up to `upto`; `None` if there are no runs.
pub(crate) async fn next(
    connection: &mut PgConnection,
    after: i64,
    upto: i64,
    most: Limits,
) -> sqlx::Result<Option<Span>> {
    let mut span: Option<Span> = None;
    let mut after = after;
    loop {
        let runs = sqlx::query(include_str!("../../queries/select_run_times.sql"))
            .bind(after)
            .bind(upto)
            .bind(PAGE)
            .fetch_all(&mut *connection)
            .await?;
        for run in &runs {
            let run = Span::of(run)?;
            after = run.first;
            match &mut span {
                None => span = Some(run),
                Some(span) if !span.has_room_for(&run, most) => {
                    span.is_full = true;
                    return Ok(Some(*span));
                }
                Some(span) => span.add(&run),
            }
        }
        if (runs.len() as i64) < PAGE {
            return Ok(span.map(|span| Span { is_full: span.records >= most.records, ..span }));
        }
    }
}

impl Span {
    fn of(run: &PgRow) -> sqlx::Result<Self> {
        let first: i64 = run.try_get(0)?;
        let records = i64::from(run.try_get::<i32, _>(1)?);
        Ok(Self {
            first,
            last: first + records - 1,
            records,
            bytes: run.try_get(2)?,
            received: run.try_get(3)?,
            earliest: run.try_get(4)?,
            latest: run.try_get(5)?,
            is_full: false,
        })
    }

    fn has_room_for(&self, run: &Self, most: Limits) -> bool {
        self.records + run.records <= most.records && self.bytes.saturating_add(run.bytes) <= most.bytes
    }

    fn add(&mut self, run: &Self) {
        self.last = run.last;
        self.records += run.records;
        self.bytes = self.bytes.saturating_add(run.bytes);
        self.received = self.received.min(run.received);
        self.earliest = self.earliest.min(run.earliest);
        self.latest = self.latest.max(run.latest);
    }
}
