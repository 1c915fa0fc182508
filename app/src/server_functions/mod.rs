//! What the pages ask the server: one door with many questions.
//!
//! Each question is a function here, a method of the [`Backend`](crate::backend::Backend)
//! and a kind of [`Question`]. One server function carries them all: one for each would be
//! a tenth more WebAssembly.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use model::api::{
    ContextView, DeadLetterView, FacetsView, FieldView, FiguresView, HistogramView, LogsPage, PatternsView, SavedView,
};
use serde::{Deserialize, Serialize};

use crate::backend::{
    BackendError, BackendErrorClass, ContextRequest, FacetsRequest, FieldsRequest, HistogramRequest, LogsRequest,
    PatternsRequest,
};

macro_rules! questions {
    ($($(#[$doc:meta])* $name:ident: $kind:ident($request:ty) -> $answer:ty;)+) => {
        /// Something to ask.
        #[derive(Debug, Clone, Serialize, Deserialize)]
        pub(crate) enum Question {
            $($kind($request),)+
        }

        #[cfg(feature = "ssr")]
        async fn answer(question: Question) -> Result<String, BackendError> {
            let backend = backend()?;
            match question {
                $(Question::$kind(request) => print(&backend.$name(request).await?),)+
            }
        }

        $(
            $(#[$doc])*
            pub(crate) async fn $name(request: $request) -> Result<$answer, BackendError> {
                // The server has no need of the way over text.
                #[cfg(feature = "ssr")]
                let answer = backend()?.$name(request).await;
                #[cfg(not(feature = "ssr"))]
                let answer = ask(Question::$kind(request)).await.and_then(|text| read(&text));
                answer
            }
        )+
    };
}

questions! {
    /// One page of records, newest first.
    logs: Logs(LogsRequest) -> LogsPage;
    /// Counts over time by level class.
    histogram: Histogram(HistogramRequest) -> HistogramView;
    /// The most frequent values of fields.
    facets: Facets(FacetsRequest) -> FacetsView;
    /// One record and its neighbours.
    context: Context(ContextRequest) -> ContextView;
    /// The fields that the newest matches have.
    fields: Fields(FieldsRequest) -> Vec<FieldView>;
    /// The kinds of messages.
    patterns: Patterns(PatternsRequest) -> PatternsView;
    /// When the oldest match of a query happened.
    first_seen: FirstSeen(String) -> Option<String>;
    /// How the server and its traffic are.
    figures: Figures(()) -> FiguresView;
    /// The newest dead letters.
    dead_letters: DeadLetters(()) -> Vec<DeadLetterView>;
    /// Tries a dead letter again; how many records it holds.
    replay: Replay(String) -> usize;
    /// The saved views.
    views: Views(()) -> Vec<SavedView>;
    /// Saves a view.
    save_view: SaveView(SavedView) -> ();
    /// Removes a saved view by its name.
    remove_view: RemoveView(String) -> ();
}

/// The door. The answer is JSON, which whoever asked reads as what he asked for: a type for
/// all answers would be read by code of its own.
#[server(prefix = "/api/dashboard", endpoint = "ask", input = Json)]
async fn ask(question: Question) -> Result<String, BackendError> {
    answer(question).await
}

#[cfg(feature = "ssr")]
fn print<T: Serialize>(answer: &T) -> Result<String, BackendError> {
    serde_json::to_string(answer).map_err(|error| BackendError::new(BackendErrorClass::Internal, error.to_string()))
}

#[cfg(not(feature = "ssr"))]
fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, BackendError> {
    serde_json::from_str(text).map_err(|error| BackendError::new(BackendErrorClass::Internal, error.to_string()))
}

#[cfg(feature = "ssr")]
fn backend() -> Result<std::sync::Arc<dyn crate::backend::Backend>, BackendError> {
    use_context().ok_or_else(|| BackendError::new(BackendErrorClass::Internal, "the dashboard has no backend"))
}
