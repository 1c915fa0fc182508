//! What the dashboard asks, answered by the reader.

use std::time::Duration;

use app::backend::{
    Backend, BackendError, BackendErrorClass, ContextRequest, FacetsRequest, HistogramRequest, LogsRequest,
};
use async_trait::async_trait;
use model::{
    Query,
    api::{ContextView, FacetsView, HistogramView, LogsPage},
};
use pipeline::{Error, ErrorClass, TimeRange};

use crate::reading::{RangeText, Reader};

/// The reader as the dashboard sees it: queries that do not parse are searched as text,
/// and a range without an end is open there.
pub(crate) struct Reading {
    pub(crate) reader: Reader,
    /// How many of the newest records the first page shows.
    pub(crate) recent: usize,
    /// How long a page of records is looked for before it is shown as far as it was found.
    pub(crate) patience: Duration,
}

impl Reading {
    fn query(text: &str) -> Query {
        Query::parse_or_text(text).0
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
        self.reader
            .logs(Self::query(&request.query), range, limit, request.cursor.as_deref(), self.patience)
            .await
            .map_err(told)
    }

    async fn histogram(&self, request: HistogramRequest) -> Result<HistogramView, BackendError> {
        let range = self.range(request.from.as_deref(), request.to.as_deref())?;
        self.reader.histogram(&Self::query(&request.query), range, request.buckets).await.map_err(told)
    }

    async fn facets(&self, request: FacetsRequest) -> Result<FacetsView, BackendError> {
        let range = self.range(request.from.as_deref(), request.to.as_deref())?;
        let query = Self::query(&request.query);
        self.reader.facets(&query, range, &request.fields, request.limit).await.map_err(told)
    }

    async fn context(&self, request: ContextRequest) -> Result<ContextView, BackendError> {
        self.reader.context(&request.id, request.before, request.after).await.map_err(told)
    }

    fn recent(&self) -> usize {
        self.recent
    }
}
