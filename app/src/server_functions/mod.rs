//! What the pages ask the server: one door with many questions.
//!
//! Each question is a function here, a method of the [`Backend`](crate::backend::Backend)
//! and a kind of [`Question`]. One server function carries them all: one for each would be
//! a tenth more WebAssembly.

#[cfg(feature = "ssr")]
mod losses;

use std::{marker::PhantomData, pin::Pin};

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use model::api::{
    ContextView, FacetsView, FieldView, FiguresView, HistogramView, LogsPage, PatternsView, SavedView, SnippetView,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

#[cfg(feature = "ssr")]
use self::losses::LossesAsHtml as _;
use crate::{
    backend::{
        BackendError, BackendErrorClass, ContextRequest, FacetsRequest, FieldsRequest, HistogramRequest, LogsRequest,
        PatternsRequest,
    },
    effect::{effect, until_cleanup},
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
    /// What is missing from the store, for these parameters of the page, as HTML.
    losses: Losses(String) -> String;
    /// The saved views.
    views: Views(()) -> Vec<SavedView>;
    /// Saves a view.
    save_view: SaveView(SavedView) -> ();
    /// Removes a saved view by its name.
    remove_view: RemoveView(String) -> ();
    /// What to paste into programs so that they log here, for a page at this origin.
    snippets: Snippets(String) -> Vec<SnippetView>;
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

/// The answer to what is asked again whenever it changes, with what it is about.
///
/// It holds both as text and reads them when they are wanted: signals for each type of answer
/// would be code of their own in the browser, and a lot of it.
pub(crate) struct Asked<A, T = u32> {
    /// The first answer, which mostly comes with the page.
    first: Resource<Answered>,
    newer: RwSignal<Option<Answered>>,
    /// How often the same was asked once more.
    again: RwSignal<u32>,
    under_way: StoredValue<bool>,
    types: PhantomData<fn() -> (A, T)>,
}

/// What it is about, and the answer.
type Answered = (String, Text);

impl<A, T> Clone for Asked<A, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, T> Copy for Asked<A, T> {}

impl<A: DeserializeOwned + 'static, T: Serialize + DeserializeOwned + 'static> Asked<A, T> {
    /// Asks again whenever the question or what it is about is another one. A question that
    /// is still under way then is given up: a slow answer keeps nobody from the next.
    pub(crate) fn new(call: impl Fn() -> (Call<A>, T) + Send + Sync + 'static) -> Self {
        let question = Signal::derive(move || {
            let (call, about) = call();
            (call.question, written(&about))
        });
        let again = RwSignal::new(0);
        let under_way = StoredValue::new(false);
        let (first, newer) = asked(question, again, under_way);
        Self { first, newer, again, under_way, types: PhantomData }
    }

    /// Has what is shown around the caller wait for the first answer.
    pub(crate) fn wait(self) {
        self.first.track();
    }

    /// The newest answer; `None` while there is none yet.
    pub(crate) fn get(self) -> Option<Result<A, BackendError>> {
        self.get_with().map(|(_, answer)| answer)
    }

    /// The newest answer, and what it is about.
    pub(crate) fn get_with(self) -> Option<(T, Result<A, BackendError>)> {
        let (about, text) = match self.newer.get() {
            Some(newer) => newer,
            None => self.first.get()?,
        };
        Some((read(&about).ok()?, text.and_then(|text| read(&text))))
    }

    /// What the newest answer is about, as [`written`].
    pub(crate) fn about(self) -> Option<String> {
        let about = |(about, _): &Answered| about.clone();
        self.newer.with(|newer| newer.as_ref().map(about)).or_else(|| self.first.map(about))
    }

    /// Asks the same once more, and tells so, unless something is under way.
    pub(crate) fn refetch(self) -> bool {
        let asks = !self.under_way.get_value();
        if asks {
            self.again.update(|again| *again += 1);
        }
        asks
    }
}

fn asked(
    question: Signal<(Question, String)>,
    again: RwSignal<u32>,
    under_way: StoredValue<bool>,
) -> (Resource<Answered>, RwSignal<Option<Answered>>) {
    let newer = RwSignal::new(None);
    let asked = Memo::new(move |_| (question.get(), again.get()));
    let first = Resource::new(
        || (),
        move |()| {
            let ((question, about), _) = asked.get_untracked();
            let text = text(question);
            async move { (about, text.await) }
        },
    );
    effect(move |is_first| {
        let ((question, about), _) = asked.get();
        if is_first {
            return;
        }
        under_way.set_value(true);
        until_cleanup(async move {
            let answer = text(question).await;
            under_way.set_value(false);
            newer.set(Some((about, answer)));
        });
    });
    (first, newer)
}

fn text(question: Question) -> Pin<Box<dyn Future<Output = Text> + Send>> {
    // The server has no need of the way over the network.
    #[cfg(feature = "ssr")]
    return Box::pin(answer(question));
    #[cfg(not(feature = "ssr"))]
    return Box::pin(ask(question));
}

/// What a question is about, as text.
pub(crate) fn written<T: Serialize>(about: &T) -> String {
    serde_json::to_string(about).unwrap_or_default()
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, BackendError> {
    serde_json::from_str(text).map_err(|error| BackendError::new(BackendErrorClass::Internal, error.to_string()))
}

#[cfg(feature = "ssr")]
fn backend() -> Result<std::sync::Arc<dyn crate::backend::Backend>, BackendError> {
    use_context().ok_or_else(|| BackendError::new(BackendErrorClass::Internal, "the dashboard has no backend"))
}
