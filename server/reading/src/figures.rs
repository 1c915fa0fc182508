//! Figures of the server and its traffic, computed once for all watchers.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::Stream;
use model::{
    LevelClass, Nanos, Query, Sight,
    aggregate::{self, Aggregation, Cell, Grouping, Key, Measure, Row, Table},
    api::{FiguresView, QueueView, RetentionView, ServiceView, StoreView},
    query::{Expr, Field, Test},
    time,
};
use pipeline::{Error, Log, Queue, Result, TimeRange, live::LiveHub};
use tokio::sync::{Semaphore, watch};

use crate::{
    histogram::{Timeline, bucket_width},
    reader::Reader,
};

/// The time span of the traffic figures, and the number of steps.
const WINDOW: Duration = Duration::from_secs(15 * 60);
const STEPS: u32 = 60;
/// The limit of services, and the steps of each.
const SERVICES: usize = 20;
const SERVICE_STEPS: u32 = 30;
/// The interval of computing figures while they are watched. A slow store is queried at most a fifth of the time.
const INTERVAL: Duration = Duration::from_secs(2);
const SHARE: u32 = 4;

/// Why something does not work, for a limited sight: the reason itself may name what it does not show.
const TROUBLE: &str = "not available; an administrator sees the reason";
/// Why the traffic is missing or old, for a limited sight that has waited for its turn.
const BUSY: &str = "busy with the figures of others; try again later";
/// How long a limited sight waits for its turn.
const TURN: Duration = Duration::from_secs(2);
/// Limited sights for which figures are computed at once. Each has its own, so that many watchers would keep the store
/// busy.
const LIMITED: usize = 1;

/// Computes figures while they are watched.
#[derive(Clone)]
pub struct Figures(Arc<Inner>);

struct Inner {
    reader: Reader,
    queue: Arc<dyn Queue>,
    store: Arc<dyn Log>,
    live: Arc<LiveHub>,
    retention: RetentionView,
    started: Instant,
    latest: watch::Sender<Option<Arc<FiguresView>>>,
    /// Ensures that only one task computes them.
    making: tokio::sync::Mutex<Previous>,
    /// The turns of limited sights.
    turns: Arc<Semaphore>,
}

/// The previous values, to compute rates.
#[derive(Default)]
struct Previous {
    at: Option<Instant>,
    records: u64,
    /// The last figures, and when they expire.
    made: Option<(Instant, Arc<FiguresView>)>,
}

impl Figures {
    pub fn new(
        reader: Reader,
        queue: Arc<dyn Queue>,
        store: Arc<dyn Log>,
        live: Arc<LiveHub>,
        retention: RetentionView,
    ) -> Self {
        Self(Arc::new(Inner {
            reader,
            queue,
            store,
            live,
            retention,
            started: Instant::now(),
            latest: watch::Sender::new(None),
            making: tokio::sync::Mutex::default(),
            turns: Arc::new(Semaphore::new(LIMITED)),
        }))
    }

    /// The figures for a caller with this sight. A limited one gets the traffic and the services of the records that it
    /// sees, counted for it alone; what concerns all records is left out ([`FiguresView::limited`]).
    #[must_use]
    pub fn seen_by(&self, sight: &Sight) -> Self {
        if sight.is_whole() {
            return self.clone();
        }
        let whole = &self.0;
        Self(Arc::new(Inner {
            reader: whole.reader.seen_by(sight),
            queue: Arc::clone(&whole.queue),
            store: Arc::clone(&whole.store),
            live: Arc::clone(&whole.live),
            retention: RetentionView { services: Vec::new(), ..whole.retention.clone() },
            started: whole.started,
            latest: watch::Sender::new(None),
            making: tokio::sync::Mutex::default(),
            turns: Arc::clone(&whole.turns),
        }))
    }

    /// The current figures; they may be cached for a moment.
    pub async fn now(&self) -> Arc<FiguresView> {
        let inner = &self.0;
        let mut previous = inner.making.lock().await;
        if let Some((until, made)) = &previous.made
            && Instant::now() < *until
        {
            return made.clone();
        }
        let began = Instant::now();
        let made = Arc::new(inner.make(&mut previous).await);
        let until = Instant::now() + INTERVAL.max(began.elapsed() * SHARE);
        previous.made = Some((until, made.clone()));
        inner.latest.send_replace(Some(made.clone()));
        made
    }

    /// A stream of figures; new ones are computed while it is read.
    pub fn watch(&self) -> impl Stream<Item = Arc<FiguresView>> + Send + use<> {
        let figures = self.clone();
        async_stream::stream! {
            loop {
                let made = figures.now().await;
                yield made;
                // Figures computed by other readers are used, too.
                let mut latest = figures.0.latest.subscribe();
                let until = figures.0.making.lock().await.made.as_ref().map(|(until, _)| *until);
                let wait = until.map_or(INTERVAL, |until| until.saturating_duration_since(Instant::now()));
                tokio::select! {
                    _ = latest.changed() => {}
                    () = tokio::time::sleep(wait) => {}
                }
            }
        }
    }
}

impl Inner {
    async fn make(&self, previous: &mut Previous) -> FiguresView {
        let is_limited = !self.reader.sight.is_whole();
        let mut figures = if is_limited { self.limited() } else { self.of_all(previous) };
        let result = if is_limited { self.in_turn(&mut figures).await } else { self.traffic(&mut figures).await };
        if let Err(error) = result {
            figures.trouble = Some(error.message);
            if let Some((_, made)) = &previous.made {
                figures.traffic = made.traffic.clone();
                figures.services = made.services.clone();
            }
        }
        figures
    }

    /// The traffic for a limited sight, once it is its turn.
    async fn in_turn(&self, figures: &mut FiguresView) -> Result<()> {
        let turn = tokio::time::timeout(TURN, self.turns.acquire()).await;
        let _turn = turn.map_err(|_| Error::unavailable(BUSY))?;
        self.traffic(figures).await.map_err(|_| Error::unavailable(TROUBLE))
    }

    /// The state of the server without its traffic.
    fn of_all(&self, previous: &mut Previous) -> FiguresView {
        let (queue, store) = (self.queue.status(), self.store.status());
        let now = Instant::now();
        let since = previous.at.map_or(0.0, |at| now.duration_since(at).as_secs_f64());
        let stored = if since > 0.0 { store.records.saturating_sub(previous.records) as f64 / since } else { 0.0 };
        (previous.at, previous.records) = (Some(now), store.records);
        FiguresView {
            time: time::format_rfc3339(self.reader.clock.now()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_seconds: self.started.elapsed().as_secs(),
            memory_bytes: resident(),
            queue: QueueView { engine: queue.engine, trouble: queue.trouble, depth: queue.depth, newer: queue.newer },
            store: StoreView {
                engine: store.engine,
                trouble: store.trouble,
                records: store.records,
                bytes: store.bytes,
                dead_letters: store.dead_letters.letters,
            },
            retention: self.retention.clone(),
            tails: self.live.tails() as u64,
            stored_per_second: stored,
            lag_ms: self.live.take_lag().map(|lag| lag.as_secs_f64() * 1000.0),
            ..FiguresView::default()
        }
    }

    /// As [`Inner::of_all`], without what concerns all records.
    fn limited(&self) -> FiguresView {
        let (queue, store) = (self.queue.status(), self.store.status());
        let trouble = |trouble: Option<String>| trouble.map(|_| TROUBLE.to_owned());
        FiguresView {
            time: time::format_rfc3339(self.reader.clock.now()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_seconds: self.started.elapsed().as_secs(),
            queue: QueueView { engine: queue.engine, trouble: trouble(queue.trouble), ..QueueView::default() },
            store: StoreView { engine: store.engine, trouble: trouble(store.trouble), ..StoreView::default() },
            retention: self.retention.clone(),
            limited: true,
            ..FiguresView::default()
        }
    }

    /// Two queries, however many services there are: one for all records, one for those of the listed services.
    async fn traffic(&self, figures: &mut FiguresView) -> Result<()> {
        let now = self.reader.clock.now();
        let range = TimeRange { from: now.saturating_sub(WINDOW.as_nanos() as i64), to: now };
        let width = bucket_width(range, STEPS);
        let service = Key::Field(Field::Service);
        let by_service = Grouping {
            keys: vec![service.clone()],
            measures: vec![Measure::Count],
            // One more, because the records without a service are also a group.
            limit: SERVICES + 1,
        };
        if self.reader.sight.check(&Field::Service).is_err() {
            figures.traffic = self.reader.timeline(&Query::default(), range, width).await?.view();
            return Ok(());
        }
        let groupings = vec![Timeline::grouping(width), by_service];
        let all = Aggregation { query: Query::default(), range, groupings };
        let [over_time, by_service] = self.tables(&all).await?;
        let mut traffic = Timeline::new(range, width);
        over_time.counts().for_each(|(keys, count)| traffic.add(&keys, count));
        figures.traffic = traffic.view();

        let named = by_service.counts().filter_map(|(keys, count)| match keys.into_iter().next() {
            Some(Cell::Text(service)) => Some((service, count)),
            _ => None,
        });
        let width = bucket_width(range, SERVICE_STEPS);
        let mut shown: Vec<ServiceFigures> = named
            .take(SERVICES)
            .map(|(name, count)| ServiceFigures { name, count, newest: None, over_time: Timeline::new(range, width) })
            .collect();
        if shown.is_empty() {
            return Ok(());
        }
        let names = shown.iter().map(|service| service.name.clone()).collect();
        let details = Grouping {
            keys: [vec![service], Timeline::grouping(width).keys].concat(),
            measures: vec![Measure::Count, Measure::NewestTime],
            limit: aggregate::GROUPS,
        };
        let query = Query { expr: Expr::Field(Field::Service, Test::AnyOf(names)) };
        let [details] = self.tables(&Aggregation { query, range, groupings: vec![details] }).await?;
        for Row { keys, measures } in details.rows {
            let ([Cell::Text(name), keys @ ..], [Cell::Count(count), Cell::Time(newest)]) = (&keys[..], &measures[..])
            else {
                continue;
            };
            if let Some(service) = shown.iter_mut().find(|service| service.name == *name) {
                service.newest = service.newest.max(Some(*newest));
                service.over_time.add(keys, *count);
            }
        }
        figures.services = shown.into_iter().map(ServiceFigures::view).collect();
        Ok(())
    }

    async fn tables<const N: usize>(&self, aggregation: &Aggregation) -> Result<[Table; N]> {
        let tables = self.reader.ask.aggregate(aggregation).await?;
        tables.try_into().map_err(|_| Error::internal("the store returned a wrong number of tables"))
    }
}

/// The figures of one service under construction.
struct ServiceFigures {
    name: String,
    count: u64,
    newest: Option<Nanos>,
    over_time: Timeline,
}

impl ServiceFigures {
    fn view(self) -> ServiceView {
        let counts = &self.over_time.counts;
        let errors = [LevelClass::Error, LevelClass::Fatal].map(LevelClass::index);
        ServiceView {
            service: self.name,
            count: self.count,
            errors: counts.iter().flat_map(|bucket| errors.map(|class| bucket[class])).sum(),
            spark: counts.iter().map(|bucket| bucket.iter().sum()).collect(),
            last_seen: self.newest.map(time::format_rfc3339).unwrap_or_default(),
        }
    }
}

/// The resident memory of this process in bytes; 0 without `/proc`, as on macOS.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|statm| statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()));
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}
