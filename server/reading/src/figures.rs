//! Figures of the server and its traffic, computed once for all watchers.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::Stream;
use model::{
    LevelClass, Nanos, Query,
    aggregate::{self, Aggregation, Cell, Grouping, Key, Measure, Row, Table},
    api::{FiguresView, QueueView, RetentionView, ServiceView, StoreView},
    query::{Expr, Field, Test},
    time,
};
use pipeline::{Error, Log, Queue, Result, TimeRange, live::LiveHub};
use tokio::sync::watch;

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
        let (queue, store) = (self.queue.status(), self.store.status());
        let now = Instant::now();
        let since = previous.at.map_or(0.0, |at| now.duration_since(at).as_secs_f64());
        let stored = if since > 0.0 { store.records.saturating_sub(previous.records) as f64 / since } else { 0.0 };
        (previous.at, previous.records) = (Some(now), store.records);
        let mut figures = FiguresView {
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
        };
        match self.traffic(&mut figures).await {
            Ok(()) => {}
            Err(error) => {
                figures.trouble = Some(error.message);
                if let Some((_, made)) = &previous.made {
                    figures.traffic = made.traffic.clone();
                    figures.services = made.services.clone();
                }
            }
        }
        figures
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
