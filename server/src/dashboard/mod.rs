//! The dashboard's backend: its requests, answered by the package `reading`.

mod losses;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use app::backend::{
    Backend, BackendError, BackendErrorClass, ContextRequest, FacetsRequest, FieldsRequest, HistogramRequest,
    LogsRequest, Losses, PatternsRequest,
};
use async_trait::async_trait;
use model::{
    Query,
    api::{
        ContextView, FacetsView, FieldView, FiguresView, HistogramView, LogsPage, PatternsView, SavedView, SnippetView,
    },
};
use pipeline::{Error, ErrorClass, Supervisor, TimeRange};
use reading::{DefaultRange, Figures, RangeText, compiled, hints};

use self::losses::{LossesParameters, letters_page};
use crate::{
    canary::Canary,
    forwarding,
    snippets::{self, DoorAddresses},
    state::{ForwardingState, LossesState, ReadingState},
    tasks::tasks,
};

/// The number of replays on the page System.
const REPLAYS: usize = 20;

/// The reader for the dashboard: an invalid query is searched as text, and a range with a missing end is open.
pub(crate) struct Reading {
    pub(crate) reading: ReadingState,
    pub(crate) figures: Figures,
    pub(crate) losses: LossesState,
    pub(crate) forwarding: ForwardingState,
    pub(crate) supervisor: Supervisor,
    /// The addresses of the doors, once they are bound.
    pub(crate) doors: Arc<OnceLock<DoorAddresses>>,
    /// The time limit of a page of records; after it the page shows the matches so far.
    pub(crate) patience: Duration,
}

impl Reading {
    async fn query(text: &str) -> Result<Query, BackendError> {
        compiled(Query::parse_or_text(text).0).await.map_err(to_backend_error)
    }

    fn range(&self, from: Option<&str>, to: Option<&str>) -> Result<TimeRange, BackendError> {
        self.reading.reader.range(RangeText { from, to }, DefaultRange::All).map_err(to_backend_error)
    }
}

fn to_backend_error(error: Error) -> BackendError {
    let class = match error.class {
        ErrorClass::Invalid | ErrorClass::Conflict => BackendErrorClass::Invalid,
        ErrorClass::NotFound => BackendErrorClass::NotFound,
        ErrorClass::Overloaded => BackendErrorClass::Overloaded,
        ErrorClass::Unavailable => BackendErrorClass::Unavailable,
        ErrorClass::Corrupt | ErrorClass::Internal => BackendErrorClass::Internal,
    };
    BackendError::new(class, error.message)
}

#[async_trait]
impl Backend for Reading {
    async fn logs(&self, request: LogsRequest) -> Result<LogsPage, BackendError> {
        let range = self.range(request.from.as_deref(), request.to.as_deref())?;
        let limit = request.limit.unwrap_or(self.reading.recent);
        let mut page = self
            .reading
            .reader
            .logs(Self::query(&request.query).await?, range, limit, request.cursor.as_deref(), self.patience)
            .await
            .map_err(to_backend_error)?;
        if request.limit.is_none() && request.cursor.is_none() {
            // A tail continues a live page from the page's position. In PostgreSQL a search may already see newer
            // records, which the tail will deliver.
            let newest = page.position.parse().unwrap_or(i64::MAX);
            page.records.retain(|record| record.position.parse().is_ok_and(|position: i64| position <= newest));
        }
        page.hints = hints(&request.query, page.records.is_empty());
        Ok(page)
    }

    async fn histogram(&self, request: HistogramRequest) -> Result<HistogramView, BackendError> {
        let range = self.range(request.from.as_deref(), request.to.as_deref())?;
        self.reading
            .reader
            .histogram(&Self::query(&request.query).await?, range, request.buckets)
            .await
            .map_err(to_backend_error)
    }

    async fn facets(&self, request: FacetsRequest) -> Result<FacetsView, BackendError> {
        let range = self.range(request.from.as_deref(), request.to.as_deref())?;
        let query = Self::query(&request.query).await?;
        self.reading.reader.facets(&query, range, &request.fields, request.limit).await.map_err(to_backend_error)
    }

    async fn context(&self, request: ContextRequest) -> Result<ContextView, BackendError> {
        self.reading.reader.context(&request.id, request.before, request.after).await.map_err(to_backend_error)
    }

    async fn fields(&self, request: FieldsRequest) -> Result<Vec<FieldView>, BackendError> {
        let range = self.range(request.from.as_deref(), request.to.as_deref())?;
        self.reading.reader.fields(&Self::query(&request.query).await?, range).await.map_err(to_backend_error)
    }

    async fn patterns(&self, request: PatternsRequest) -> Result<PatternsView, BackendError> {
        let range = self.range(request.from.as_deref(), request.to.as_deref())?;
        let compare = RangeText { from: request.compare_from.as_deref(), to: request.compare_to.as_deref() };
        let compare = self.reading.reader.compared(compare).map_err(to_backend_error)?;
        self.reading
            .reader
            .patterns(&Self::query(&request.query).await?, range, compare)
            .await
            .map_err(to_backend_error)
    }

    async fn first_seen(&self, query: String) -> Result<Option<String>, BackendError> {
        self.reading.reader.first_seen(&Self::query(&query).await?).await.map_err(to_backend_error)
    }

    async fn figures(&self, (): ()) -> Result<FiguresView, BackendError> {
        Ok(FiguresView::clone(&*self.figures.now().await))
    }

    async fn missing(&self, parameters: &str) -> Result<Losses, BackendError> {
        let LossesParameters { filter, before, done, replay_error } = LossesParameters::read(parameters);
        let LossesState { ledger, letters, parts, canary } = &self.losses;
        let ForwardingState { followers, replays, .. } = &self.forwarding;
        let letters = letters_page(letters, &filter, before).await.map_err(to_backend_error)?;
        let newest = replays.list().await.map_err(to_backend_error)?.into_iter().take(REPLAYS);
        Ok(Losses {
            aside: parts.aside(),
            ledger: ledger.summary().await.ok(),
            canary: canary.get().map(Canary::views).unwrap_or_default(),
            letters,
            sinks: forwarding::views(followers),
            replays: newest.map(forwarding::replay_view).collect(),
            has_archive: replays.has_archive(),
            replay_error,
            tasks: tasks(&self.supervisor),
            done,
        })
    }

    async fn views(&self, (): ()) -> Result<Vec<SavedView>, BackendError> {
        self.reading.views.list().await.map_err(to_backend_error)
    }

    async fn save_view(&self, view: SavedView) -> Result<(), BackendError> {
        self.reading.views.save(&view.name, &view.address).await.map_err(to_backend_error)
    }

    async fn remove_view(&self, name: String) -> Result<(), BackendError> {
        self.reading.views.remove(&name).await.map_err(to_backend_error)
    }

    async fn snippets(&self, origin: String) -> Result<Vec<SnippetView>, BackendError> {
        // There are no requests before the doors are bound.
        Ok(snippets::snippets(&origin, &self.doors.get().cloned().unwrap_or_default()))
    }

    fn recent(&self) -> usize {
        self.reading.recent
    }
}
