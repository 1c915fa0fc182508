//! What the dashboard asks, answered by the reader.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use app::backend::{
    Backend, BackendError, BackendErrorClass, ContextRequest, Done, FacetsRequest, FieldsRequest, HistogramRequest,
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

use crate::{
    reading::{Figures, LetterFilter, Letters, Parts, RangeText, Reader, Views, compiled, hints},
    snippets::{self, DoorAddresses},
    tasks::tasks,
};

/// The reader as the dashboard sees it: queries that do not parse are searched as text,
/// and a range without an end is open there.
pub(crate) struct Reading {
    pub(crate) reader: Reader,
    pub(crate) figures: Figures,
    pub(crate) letters: Letters,
    pub(crate) parts: Parts,
    pub(crate) views: Views,
    pub(crate) supervisor: Supervisor,
    /// How many of the newest records the first page shows.
    pub(crate) recent: usize,
    /// Where the doors are, once they are.
    pub(crate) doors: Arc<OnceLock<DoorAddresses>>,
    /// How long a page of records is looked for before it is shown as far as it was found.
    pub(crate) patience: Duration,
}

impl Reading {
    async fn query(text: &str) -> Result<Query, BackendError> {
        compiled(Query::parse_or_text(text).0).await.map_err(told)
    }

    fn range(&self, from: Option<&str>, to: Option<&str>) -> Result<TimeRange, BackendError> {
        RangeText { from, to }.resolve(self.reader.clock(), TimeRange::ALL).map_err(told)
    }
}

fn told(error: Error) -> BackendError {
    let class = match error.class {
        ErrorClass::Invalid => BackendErrorClass::Invalid,
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
        let limit = request.limit.unwrap_or(self.recent);
        let mut page = self
            .reader
            .logs(Self::query(&request.query).await?, range, limit, request.cursor.as_deref(), self.patience)
            .await
            .map_err(told)?;
        if request.limit.is_none() && request.cursor.is_none() {
            // A live page goes on with a tail from the page's position, which brings what is newer:
            // of PostgreSQL a search may see what a tail may not yet.
            let newest = page.position.parse().unwrap_or(i64::MAX);
            page.records.retain(|record| record.position.parse().is_ok_and(|position: i64| position <= newest));
        }
        page.hints = hints(&request.query, page.records.is_empty());
        Ok(page)
    }

    async fn histogram(&self, request: HistogramRequest) -> Result<HistogramView, BackendError> {
        let range = self.range(request.from.as_deref(), request.to.as_deref())?;
        self.reader.histogram(&Self::query(&request.query).await?, range, request.buckets).await.map_err(told)
    }

    async fn facets(&self, request: FacetsRequest) -> Result<FacetsView, BackendError> {
        let range = self.range(request.from.as_deref(), request.to.as_deref())?;
        let query = Self::query(&request.query).await?;
        self.reader.facets(&query, range, &request.fields, request.limit).await.map_err(told)
    }

    async fn context(&self, request: ContextRequest) -> Result<ContextView, BackendError> {
        self.reader.context(&request.id, request.before, request.after).await.map_err(told)
    }

    async fn fields(&self, request: FieldsRequest) -> Result<Vec<FieldView>, BackendError> {
        let range = self.range(request.from.as_deref(), request.to.as_deref())?;
        self.reader.fields(&Self::query(&request.query).await?, range).await.map_err(told)
    }

    async fn patterns(&self, request: PatternsRequest) -> Result<PatternsView, BackendError> {
        let range = self.range(request.from.as_deref(), request.to.as_deref())?;
        let compare = match (&request.compare_from, &request.compare_to) {
            (None, None) => None,
            (from, to) => Some(self.range(from.as_deref(), to.as_deref())?),
        };
        self.reader.patterns(&Self::query(&request.query).await?, range, compare).await.map_err(told)
    }

    async fn first_seen(&self, query: String) -> Result<Option<String>, BackendError> {
        self.reader.first_seen(&Self::query(&query).await?).await.map_err(told)
    }

    async fn figures(&self, (): ()) -> Result<FiguresView, BackendError> {
        Ok(FiguresView::clone(&*self.figures.now().await))
    }

    async fn missing(&self, parameters: &str) -> Result<Losses, BackendError> {
        let mut filter = LetterFilter::default();
        let (mut before, mut done, mut numbers) = (None, None, Vec::new());
        for (name, value) in url::form_urlencoded::parse(parameters.trim_start_matches('?').as_bytes()) {
            let text = || Some(value.clone().into_owned());
            match &*name {
                "reason" => filter.reason = text(),
                "door" => filter.door = text(),
                "service" => filter.service = text(),
                "from" => filter.from = text(),
                "to" => filter.to = text(),
                "before" => before = value.parse().ok(),
                "done" => done = text(),
                "number" => numbers.extend(value.parse::<u64>()),
                _ => {}
            }
        }
        let done = match (done.as_deref(), &numbers[..]) {
            (Some("replayed"), &[letters, records, failed]) => Some(Done::Replayed { letters, records, failed }),
            (Some("deleted"), &[letters]) => Some(Done::Deleted(letters)),
            (Some("given-up"), []) => Some(Done::GivenUp),
            (Some("nothing"), []) => Some(Done::Nothing),
            _ => None,
        };
        let letters = self.letters.page(&filter, before).await.map_err(told)?;
        Ok(Losses { aside: self.parts.aside(), letters, tasks: tasks(&self.supervisor), done })
    }

    async fn views(&self, (): ()) -> Result<Vec<SavedView>, BackendError> {
        self.views.list().await.map_err(told)
    }

    async fn save_view(&self, view: SavedView) -> Result<(), BackendError> {
        self.views.save(&view.name, &view.address).await.map_err(told)
    }

    async fn remove_view(&self, name: String) -> Result<(), BackendError> {
        self.views.remove(&name).await.map_err(told)
    }

    async fn snippets(&self, origin: String) -> Result<Vec<SnippetView>, BackendError> {
        // Before the doors are bound nobody can ask.
        Ok(snippets::snippets(&origin, &self.doors.get().cloned().unwrap_or_default()))
    }

    fn recent(&self) -> usize {
        self.recent
    }
}
