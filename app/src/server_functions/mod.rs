//! What the pages ask the server: one door with many questions.
//!
//! Each question is a function here, a method of the [`Backend`](crate::backend::Backend)
//! and a kind of [`Question`]. One server function carries them all: one for each would be
//! a tenth more WebAssembly.

use std::{marker::PhantomData, pin::Pin};

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use model::api::{
    ContextView, DeadLetterView, FacetsView, FieldView, FiguresView, HistogramView, LogsPage, PatternsView, SavedView,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::backend::{
    BackendError, BackendErrorClass, ContextRequest, FacetsRequest, FieldsRequest, HistogramRequest, LogsRequest,
    PatternsRequest,
};

macro_rules! questions {
    ($($(#[$doc:meta])* $name:ident: $kind:ident($request:ty) -> $answer:ty;)+) => {
        /// Something to ask.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
            pub(crate) fn $name(request: $request) -> Call<$answer> {
                Call { question: Question::$kind(request), answer: PhantomData }
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

/// The text of an answer.
type Text = Result<String, BackendError>;

/// A question with the type of its answer, which comes by `await`.
pub(crate) struct Call<A> {
    question: Question,
    answer: PhantomData<fn() -> A>,
}

impl<A: DeserializeOwned + 'static> IntoFuture for Call<A> {
    type Output = Result<A, BackendError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let text = text(self.question);
        Box::pin(async move { text.await.and_then(|text| read(&text)) })
    }
}

/// The answer to what is asked again whenever it changes.
///
/// It holds the text and reads it when it is wanted: a resource for each type of answer
/// would be code of its own in the browser, and a lot of it.
pub(crate) struct Asked<A> {
    text: Resource<Text>,
    answer: PhantomData<fn() -> A>,
}

impl<A> Clone for Asked<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for Asked<A> {}

impl<A: DeserializeOwned + 'static> Asked<A> {
    /// Another number asks the same once more.
    pub(crate) fn new(call: impl Fn() -> (Call<A>, u32) + Send + Sync + 'static) -> Self {
        let question = Signal::derive(move || {
            let (call, number) = call();
            (call.question, number)
        });
        Self { text: resource(question), answer: PhantomData }
    }

    /// The newest answer; `None` while there is none yet.
    pub(crate) fn get(self) -> Option<Result<A, BackendError>> {
        self.text.get().map(|text| text.and_then(|text| read(&text)))
    }

    pub(crate) fn refetch(self) {
        self.text.refetch();
    }
}

fn resource(question: Signal<(Question, u32)>) -> Resource<Text> {
    Resource::new(move || question.get(), |(question, _)| text(question))
}

fn text(question: Question) -> Pin<Box<dyn Future<Output = Text> + Send>> {
    // The server has no need of the way over the network.
    #[cfg(feature = "ssr")]
    return Box::pin(answer(question));
    #[cfg(not(feature = "ssr"))]
    return Box::pin(ask(question));
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, BackendError> {
    serde_json::from_str(text).map_err(|error| BackendError::new(BackendErrorClass::Internal, error.to_string()))
}

#[cfg(feature = "ssr")]
fn backend() -> Result<std::sync::Arc<dyn crate::backend::Backend>, BackendError> {
    use_context().ok_or_else(|| BackendError::new(BackendErrorClass::Internal, "the dashboard has no backend"))
}
