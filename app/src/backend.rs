//! The port through which the dashboard reads from the server.
//!
//! The server implements [`Backend`] over its query service and provides it as `Arc<dyn Backend>` in the Leptos
//! context. Requests and errors also travel between browser and server, so they are plain data.

use std::fmt;

use leptos::server_fn::{
    codec::JsonEncoding,
    error::{FromServerFnError, ServerFnErrorErr},
};
#[cfg(feature = "ssr")]
use model::access_views::{AnonymousView, KeyView, SessionView, UserView};
use model::api::SnippetView;
#[cfg(feature = "ssr")]
use model::api::{
    CanaryView, ContextView, DeadLetterView, FacetsView, FieldView, FiguresView, HistogramView, LedgerSummaryView,
    LogsPage, PartAsideView, PatternsView, RedactionRuleView, ReplayView, SavedView, SinkView, TaskView,
};
#[cfg(feature = "ssr")]
use model::deletion::DeletionView;
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

    /// Lists the fields of the newest matches.
    async fn fields(&self, request: FieldsRequest) -> Result<Vec<FieldView>, BackendError>;

    /// Lists the message patterns among the matches.
    async fn patterns(&self, request: PatternsRequest) -> Result<PatternsView, BackendError>;

    /// Finds the time of the oldest match.
    async fn first_seen(&self, query: String) -> Result<Option<String>, BackendError>;

    /// Reads the state and traffic of the server.
    async fn figures(&self, request: ()) -> Result<FiguresView, BackendError>;

    /// Lists damaged files, dead letters and tasks, for these parameters of the page.
    async fn missing(&self, parameters: &str) -> Result<Losses, BackendError>;

    /// Lists the saved views by name.
    async fn views(&self, request: ()) -> Result<Vec<SavedView>, BackendError>;

    /// Saves a view; replaces one of the same name.
    async fn save_view(&self, view: SavedView) -> Result<(), BackendError>;

    async fn remove_view(&self, name: String) -> Result<(), BackendError>;

    /// Lists snippets that send a first log, for a page at this origin.
    async fn snippets(&self, origin: String) -> Result<Snippets, BackendError>;

    /// Completes when a page that is being rendered waits no longer for its counts.
    async fn patience(&self);

    /// The number of records on the first page.
    fn recent(&self) -> usize;

    /// What the user of the current request is and may do.
    fn access(&self) -> AccessNote;

    /// Lists people, keys and sessions, for these parameters of the page; for admins only.
    async fn access_lists(&self, parameters: &str) -> Result<AccessLists, BackendError>;
}

/// Who looks at a page, and which actions it offers. The default offers none. The server checks each action again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessNote {
    /// The name of the user who has logged in.
    pub user: Option<String>,
    pub may_edit: bool,
    pub may_admin: bool,
    /// Everybody who reaches the server may do everything, beyond the local machine.
    pub is_open: bool,
}

/// People, keys and sessions, and the outcome of the admin's last action.
#[cfg(feature = "ssr")]
#[derive(Debug, Clone, Default)]
pub struct AccessLists {
    /// The name of the user who looks at the page.
    pub user: Option<String>,
    pub people: Vec<UserView>,
    pub keys: Vec<KeyView>,
    pub sessions: Vec<SessionView>,
    /// Who may write without a key.
    pub networks: AnonymousView,
    /// The names of the doors that a key can be limited to.
    pub doors: Vec<&'static str>,
    pub done: Option<AccessDone>,
    /// Why the last form was refused.
    pub error: Option<String>,
}

/// An action that an admin has completed, with the name that it was about.
#[cfg(feature = "ssr")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessDone {
    pub action: AccessAction,
    pub name: String,
}

/// The actions of the page Access.
#[cfg(feature = "ssr")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessAction {
    PersonAdded,
    PersonChanged,
    PasswordSet,
    PersonRemoved,
    KeyRevoked,
    SessionRevoked,
    /// The name has the networks that may write without a key.
    NetworksSet,
}

#[cfg(feature = "ssr")]
impl AccessAction {
    const ALL: [Self; 7] = [
        Self::PersonAdded,
        Self::PersonChanged,
        Self::PasswordSet,
        Self::PersonRemoved,
        Self::KeyRevoked,
        Self::SessionRevoked,
        Self::NetworksSet,
    ];

    /// The action in the page's URL.
    pub fn code(self) -> &'static str {
        match self {
            Self::PersonAdded => "person-added",
            Self::PersonChanged => "person-changed",
            Self::PasswordSet => "password-set",
            Self::PersonRemoved => "person-removed",
            Self::KeyRevoked => "key-revoked",
            Self::SessionRevoked => "session-revoked",
            Self::NetworksSet => "networks-set",
        }
    }

    pub fn read(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.code() == code)
    }
}

/// Snippets that send a first log.
#[cfg(feature = "ssr")]
#[derive(Debug, Clone, Default)]
pub struct Snippets {
    /// Whether the server needs a key. The snippets have `lb_…` in its place.
    pub needs_key: bool,
    pub list: Vec<SnippetView>,
}

/// The content of the page Connect.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConnectView {
    /// How a program gets a key, as HTML; empty if the server needs none.
    pub key: String,
    pub snippets: Vec<SnippetView>,
}

/// Losses of the store, and the server's tasks.
#[cfg(feature = "ssr")]
#[derive(Debug, Clone, Default)]
pub struct Losses {
    pub aside: Vec<PartAsideView>,
    /// `None` while the store cannot be read.
    pub ledger: Option<LedgerSummaryView>,
    /// The doors that the canary tries; empty if it is off.
    pub canary: Vec<CanaryView>,
    pub letters: LettersPage,
    pub sinks: Vec<SinkView>,
    /// The newest replays first.
    pub replays: Vec<ReplayView>,
    /// Replays can read the archive, and store its records again.
    pub has_archive: bool,
    /// Why the last form of a replay was refused.
    pub replay_error: Option<String>,
    /// The newest deletions first; for admins.
    pub deletions: Vec<DeletionView>,
    /// Why the last form of a deletion was refused.
    pub deletion_error: Option<String>,
    /// The redaction rules.
    pub redactions: Vec<RedactionRuleView>,
    /// The long-running tasks of the server.
    pub tasks: Vec<TaskView>,
    /// Whether the user may change something; without it no form is shown.
    pub may_edit: bool,
    /// Whether the user may manage access.
    pub may_admin: bool,
    /// The outcome of the user's last action.
    pub done: Option<Done>,
}

/// A page of dead letters, and their totals.
#[cfg(feature = "ssr")]
#[derive(Debug, Clone, Default)]
pub struct LettersPage {
    pub letters: Vec<DeadLetterView>,
    /// The id before which the next page starts; `None` on the last page.
    pub next: Option<String>,
    /// The newest letter that passes the filter. Actions on all matches exclude later ones.
    pub newest: Option<String>,
    /// The filter as written, by parameter name.
    pub filter: Vec<(&'static str, String)>,
    /// Why the filter is invalid.
    pub error: Option<String>,
    pub count: u64,
    pub bytes: u64,
    pub dropped: u64,
    pub dropped_records: u64,
    /// The limits, in bytes and as a text such as `30 days`.
    pub most_bytes: u64,
    pub most_age: String,
}

/// The outcome of a user's action.
#[cfg(feature = "ssr")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Letters whose records are queued again, and letters that failed.
    Replayed {
        letters: u64,
        records: u64,
        failed: u64,
    },
    Deleted(u64),
    GivenUp,
    /// The target no longer exists.
    Nothing,
}

/// Requests one page of records. Times are texts of the reading API (RFC 3339, epoch milliseconds, or relative such
/// as `-15m`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LogsRequest {
    pub query: String,
    pub from: Option<String>,
    pub to: Option<String>,
    /// `None` means [`Backend::recent`].
    pub limit: Option<usize>,
    /// The cursor of the previous page, to continue further back.
    pub cursor: Option<String>,
}

/// Requests counts over time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HistogramRequest {
    pub query: String,
    pub from: Option<String>,
    pub to: Option<String>,
    pub buckets: u32,
}

/// Requests the most frequent values of `fields`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FacetsRequest {
    pub query: String,
    pub from: Option<String>,
    pub to: Option<String>,
    pub fields: Vec<String>,
    /// The number of values per field.
    pub limit: usize,
}

/// Requests a record and its neighbours.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ContextRequest {
    pub id: String,
    pub before: usize,
    pub after: usize,
}

/// Requests the fields of the newest matches.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FieldsRequest {
    pub query: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

/// Requests message patterns, and which of them are new.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PatternsRequest {
    pub query: String,
    pub from: Option<String>,
    pub to: Option<String>,
    /// The comparison range that decides which patterns are new. Without it, none is.
    pub compare_from: Option<String>,
    pub compare_to: Option<String>,
}

/// The class of an error. The dashboard handles each differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendErrorClass {
    /// The request is invalid.
    Invalid,
    /// There is no such record.
    NotFound,
    /// The user may not do this.
    Forbidden,
    /// The server has reached a limit; a retry may succeed.
    Overloaded,
    /// The store cannot be reached; a retry may succeed.
    Unavailable,
    /// The page is sent before its counts are there. The browser sends the request again.
    Later,
    /// A fault in the server.
    Internal,
    /// The browser could not reach the server.
    Unreachable,
}

/// An error of the backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendError {
    pub class: BackendErrorClass,
    /// Shown to the user; contains no secrets.
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
            // The response is not of this protocol: a proxy whose server is down.
            ServerFnErrorErr::Deserialization(_) => BackendErrorClass::Unreachable,
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) => BackendErrorClass::Invalid,
            _ => BackendErrorClass::Internal,
        };
        Self::new(class, error.to_string())
    }
}
