//! What the dashboard asks of the server it runs in.
//!
//! The server implements [`Backend`] over its query service and provides it as
//! `Arc<dyn Backend>` in the Leptos context. Requests and errors also travel between
//! browser and server, so they are plain data.

use std::fmt;

use leptos::server_fn::{
    codec::JsonEncoding,
    error::{FromServerFnError, ServerFnErrorErr},
};
#[cfg(feature = "ssr")]
use model::api::{
    ContextView, DeadLetterView, FacetsView, FieldView, FiguresView, HistogramView, LogsPage, PartAsideView,
    PatternsView, SavedView, SnippetView, TaskView,
};
use serde::{Deserialize, Serialize};

/// Reads stored records for the dashboard.
#[cfg(feature = "ssr")]
#[async_trait::async_trait]
pub trait Backend: Send + Sync {
    /// Finds records, newest first.
    async fn logs(&self, request: LogsRequest) -> Result<LogsPage, BackendError>;

    /// Counts records over time by level class.
    async fn histogram(&self, request: HistogramRequest) -> Result<HistogramView, BackendError>;

    /// Counts the most frequent values of fields.
    async fn facets(&self, request: FacetsRequest) -> Result<FacetsView, BackendError>;

    /// Finds one record and its neighbours of the same service and node.
    async fn context(&self, request: ContextRequest) -> Result<ContextView, BackendError>;

    /// The fields that the newest matches have.
    async fn fields(&self, request: FieldsRequest) -> Result<Vec<FieldView>, BackendError>;

    /// The kinds of messages among the matches.
    async fn patterns(&self, request: PatternsRequest) -> Result<PatternsView, BackendError>;

    /// When the oldest match happened.
    async fn first_seen(&self, query: String) -> Result<Option<String>, BackendError>;

    /// How the server and its traffic are.
    async fn figures(&self, request: ()) -> Result<FiguresView, BackendError>;

    /// What is missing from the store, for these parameters of the page.
    async fn missing(&self, parameters: &str) -> Result<Losses, BackendError>;

    /// The saved views, by name.
    async fn views(&self, request: ()) -> Result<Vec<SavedView>, BackendError>;

    /// Saves a view, in place of one of the same name.
    async fn save_view(&self, view: SavedView) -> Result<(), BackendError>;

    async fn remove_view(&self, name: String) -> Result<(), BackendError>;

    /// What to paste into programs so that they log here, for a page at this origin.
    async fn snippets(&self, origin: String) -> Result<Vec<SnippetView>, BackendError>;

    /// How many records the first page shows.
    fn recent(&self) -> usize;
}

/// What is missing from the store: files that cannot be read, and what could not be stored.
#[cfg(feature = "ssr")]
#[derive(Debug, Clone, Default)]
pub struct Losses {
    pub aside: Vec<PartAsideView>,
    pub letters: LettersPage,
    /// The long tasks of the server.
    pub tasks: Vec<TaskView>,
    /// What the reader has just had done.
    pub done: Option<Done>,
}

/// A page of dead letters, and what there is of them in all.
#[cfg(feature = "ssr")]
#[derive(Debug, Clone, Default)]
pub struct LettersPage {
    pub letters: Vec<DeadLetterView>,
    /// The id that the next page begins before; `None` where this one is the last.
    pub next: Option<String>,
    /// The newest that pass the filter: what comes later is not meant by "all of them".
    pub newest: Option<String>,
    /// The filter as it was written, by the names of the parameters.
    pub filter: Vec<(&'static str, String)>,
    /// Why the filter cannot be used.
    pub error: Option<String>,
    pub count: u64,
    pub bytes: u64,
    pub dropped: u64,
    pub dropped_records: u64,
    /// The bounds, in bytes and as a text such as `30days`.
    pub most_bytes: u64,
    pub most_age: String,
}

/// What was done at the reader's wish.
#[cfg(feature = "ssr")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Letters whose records are on their way again, and letters that could not be.
    Replayed {
        letters: u64,
        records: u64,
        failed: u64,
    },
    Deleted(u64),
    GivenUp,
    /// It was gone already.
    Nothing,
}

/// Asks for one page of records; times are texts in the reading API's language
/// (RFC 3339, epoch milliseconds, or relative such as `-15m`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LogsRequest {
    pub query: String,
    pub from: Option<String>,
    pub to: Option<String>,
    /// `None` means [`Backend::recent`].
    pub limit: Option<usize>,
    /// From the page before, to go on further back.
    pub cursor: Option<String>,
}

/// Asks for counts over time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HistogramRequest {
    pub query: String,
    pub from: Option<String>,
    pub to: Option<String>,
    pub buckets: u32,
}

/// Asks for the most frequent values of `fields`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FacetsRequest {
    pub query: String,
    pub from: Option<String>,
    pub to: Option<String>,
    pub fields: Vec<String>,
    /// The values of each field.
    pub limit: usize,
}

/// Asks for a record and its neighbours.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ContextRequest {
    pub id: String,
    pub before: usize,
    pub after: usize,
}

/// Asks for the fields there are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FieldsRequest {
    pub query: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

/// Asks for the kinds of messages, and which of them are new.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PatternsRequest {
    pub query: String,
    pub from: Option<String>,
    pub to: Option<String>,
    /// The range before, which decides what is new; without it nothing is.
    pub compare_from: Option<String>,
    pub compare_to: Option<String>,
}

/// What kind of failure it is; the dashboard's answer to each is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendErrorClass {
    /// The request is at fault.
    Invalid,
    /// There is no such record.
    NotFound,
    /// The server is at a bound; later it will do.
    Overloaded,
    /// The store cannot be reached; later it will do.
    Unavailable,
    /// A fault in the server.
    Internal,
    /// The browser could not reach the server.
    Unreachable,
}

/// Why a reading failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendError {
    pub class: BackendErrorClass,
    /// For the reader; no secrets.
    pub message: String,
}

impl BackendError {
    pub fn new(class: BackendErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for BackendError {}

impl FromServerFnError for BackendError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        let class = match error {
            ServerFnErrorErr::Request(_) | ServerFnErrorErr::Response(_) => BackendErrorClass::Unreachable,
            // What answered does not speak this protocol: a proxy whose server is away.
            ServerFnErrorErr::Deserialization(_) => BackendErrorClass::Unreachable,
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) => BackendErrorClass::Invalid,
            _ => BackendErrorClass::Internal,
        };
        Self::new(class, error.to_string())
    }
}
