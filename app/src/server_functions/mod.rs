//! The requests of the pages to the server.
//!
//! Each request is a function here, a method of the [`Backend`](crate::backend::Backend) and a variant of
//! [`Question`]. One server function carries them all: one for each would add a tenth to the WebAssembly bundle.

#[cfg(feature = "ssr")]
mod access;
#[cfg(feature = "ssr")]
mod connect;
#[cfg(feature = "ssr")]
mod help;
#[cfg(feature = "ssr")]
mod losses;

use std::{marker::PhantomData, pin::Pin};

#[cfg(feature = "ssr")]
use futures::future::{Either, select};
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use model::api::{ContextView, FacetsView, FieldView, FiguresView, HistogramView, LogsPage, PatternsView, SavedView};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

#[cfg(feature = "ssr")]
use self::{access::AccessAsHtml as _, connect::ConnectAsHtml as _, help::HelpAsHtml as _, losses::LossesAsHtml as _};
#[cfg(not(feature = "ssr"))]
use crate::live::{LoggedOut, check_session};
use crate::{
    backend::{
        BackendError, BackendErrorClass, ConnectView, ContextRequest, FacetsRequest, FieldsRequest, HistogramRequest,
        LogsRequest, PatternsRequest,
    },
    effect::{effect, until_cleanup},
};

macro_rules! questions {
    ($($(#[$doc:meta])* $name:ident: $kind:ident($request:ty) -> $answer:ty;)+) => {
        /// A request of a page.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub(crate) enum Question {
            $($kind($request),)+
        }

        #[cfg(feature = "ssr")]
        async fn dispatch(question: Question) -> Result<String, BackendError> {
            let backend = backend()?;
            match question {
                $(Question::$kind(request) => serialize_answer(&backend.$name(request).await?),)+
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
    /// The fields of the newest matches.
    fields: Fields(FieldsRequest) -> Vec<FieldView>;
    /// The message patterns.
    patterns: Patterns(PatternsRequest) -> PatternsView;
    /// The time of the oldest match of a query.
    first_seen: FirstSeen(String) -> Option<String>;
    /// The state and traffic of the server.
    figures: Figures(()) -> FiguresView;
    /// Damaged files, dead letters and tasks as HTML, for these parameters of the page.
    losses: Losses(String) -> String;
    /// The saved views.
    views: Views(()) -> Vec<SavedView>;
    /// Saves a view.
    save_view: SaveView(SavedView) -> ();
    /// Removes a saved view by its name.
    remove_view: RemoveView(String) -> ();
    /// People, keys and sessions as HTML, for these parameters of the page.
    access_page: AccessPage(String) -> String;
    /// Snippets that send a first log, and how a program gets a key, for a page at this origin.
    connect: Connect(String) -> ConnectView;
    /// Keys and query language as HTML.
    help: Help(()) -> String;
}

/// The server function. The response is JSON text, which the caller deserialises: an enum of all response types would
/// add code to the WebAssembly bundle.
#[server(prefix = "/api/dashboard", endpoint = "ask", input = Json)]
async fn send_question(question: Question) -> Result<String, BackendError> {
    dispatch(question).await
}

#[cfg(feature = "ssr")]
fn serialize_answer<T: Serialize>(answer: &T) -> Result<String, BackendError> {
    serde_json::to_string(answer).map_err(|error| BackendError::new(BackendErrorClass::Internal, error.to_string()))
}

/// The JSON text of a response.
type Text = Result<String, BackendError>;

/// A request with the type of its response; `await` sends it.
pub(crate) struct Call<A> {
    question: Question,
    answer: PhantomData<fn() -> A>,
}

impl<A: DeserializeOwned + 'static> IntoFuture for Call<A> {
    type Output = Result<A, BackendError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let text = send(self.question);
        Box::pin(async move { text.await.and_then(|text| from_json(&text)) })
    }
}

/// The state of a request that is sent again whenever it changes, with the subject it is about.
///
/// Stores both as text and deserialises them on use: signals for each response type would add much code to the
/// WebAssembly bundle.
pub(crate) struct RequestState<A, T = u32> {
    /// The first response, usually sent with the page.
    first: Resource<Response>,
    newer: RwSignal<Option<Response>>,
    /// The number of repetitions of the same request.
    repeats: RwSignal<u32>,
    in_flight: StoredValue<bool>,
    types: PhantomData<fn() -> (A, T)>,
}

/// The subject, and the response.
type Response = (String, Text);

impl<A, T> Clone for RequestState<A, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, T> Copy for RequestState<A, T> {}

impl<A: DeserializeOwned + 'static, T: Serialize + DeserializeOwned + 'static> RequestState<A, T> {
    /// Sends the request again whenever it or its subject changes. A request in flight is aborted, so a slow response
    /// does not delay the next.
    pub(crate) fn new(call: impl Fn() -> (Call<A>, T) + Send + Sync + 'static) -> Self {
        let question = Signal::derive(move || {
            let (call, about) = call();
            (call.question, to_json(&about))
        });
        let repeats = RwSignal::new(0);
        let in_flight = StoredValue::new(false);
        let (first, newer) = track(question, repeats, in_flight);
        Self { first, newer, repeats, in_flight, types: PhantomData }
    }

    /// Suspends the surrounding view until the first response.
    pub(crate) fn wait(self) {
        self.first.track();
    }

    /// The newest response; `None` before the first.
    pub(crate) fn get(self) -> Option<Result<A, BackendError>> {
        self.get_with().map(|(_, answer)| answer)
    }

    /// The newest response with its subject.
    pub(crate) fn get_with(self) -> Option<(T, Result<A, BackendError>)> {
        let (about, text) = match self.newer.get() {
            Some(newer) => newer,
            None => self.first.get()?,
        };
        Some((from_json(&about).ok()?, text.and_then(|text| from_json(&text))))
    }

    /// The subject of the newest response, as [`to_json`].
    pub(crate) fn about(self) -> Option<String> {
        let about = |(about, _): &Response| about.clone();
        self.newer.with(|newer| newer.as_ref().map(about)).or_else(|| self.first.map(about))
    }

    /// Repeats the last request. Returns `false` if a request is already in flight.
    pub(crate) fn refetch(self) -> bool {
        let is_idle = !self.in_flight.get_value();
        if is_idle {
            self.repeats.update(|repeats| *repeats += 1);
        }
        is_idle
    }

    /// Sends the request again in the browser if the server has sent the page without its answer.
    ///
    /// Not below a `Suspense`, which would wait for the first answer.
    pub(crate) fn complete_page(self) {
        effect(move |_| {
            if self.first.with_untracked(|first| has_failed(first.as_ref(), BackendErrorClass::Later)) {
                self.refetch();
            }
        });
    }

    /// Whether the server had no room for the newest request.
    pub(crate) fn is_refused(self) -> bool {
        self.newer.with_untracked(|newer| has_failed(newer.as_ref(), BackendErrorClass::Overloaded))
    }
}

fn has_failed(response: Option<&Response>, class: BackendErrorClass) -> bool {
    response.is_some_and(|(_, text)| text.as_ref().is_err_and(|error| error.class == class))
}

fn track(
    question: Signal<(Question, String)>,
    repeats: RwSignal<u32>,
    in_flight: StoredValue<bool>,
) -> (Resource<Response>, RwSignal<Option<Response>>) {
    let newer = RwSignal::new(None);
    let request = Memo::new(move |_| (question.get(), repeats.get()));
    let first = Resource::new(
        || (),
        move |()| {
            let ((question, about), _) = request.get_untracked();
            let text = send_first(question);
            async move { (about, text.await) }
        },
    );
    effect(move |is_first| {
        let ((question, about), _) = request.get();
        if is_first {
            return;
        }
        in_flight.set_value(true);
        until_cleanup(async move {
            let answer = send(question).await;
            in_flight.set_value(false);
            newer.set(Some((about, answer)));
        });
    });
    (first, newer)
}

/// Sends a request that belongs to the page: the server sends its answer with the page that it renders.
fn send_first(question: Question) -> Pin<Box<dyn Future<Output = Text> + Send>> {
    #[cfg(feature = "ssr")]
    return Box::pin(dispatch_first(question));
    #[cfg(not(feature = "ssr"))]
    return send(question);
}

/// Answers a request of a page that is being rendered. A page does not wait for counts that take long, or that the
/// server has no room for: its browser sends the request again.
#[cfg(feature = "ssr")]
async fn dispatch_first(question: Question) -> Text {
    if !matches!(question, Question::Histogram(_)) {
        return dispatch(question).await;
    }
    let later = || Err(BackendError::new(BackendErrorClass::Later, "the page is sent without its counts"));
    let backend = backend()?;
    // Dropping the request stops the count.
    let counts = Box::pin(dispatch(question));
    // Without patience, a count that is there at once is not sent either.
    let first = select(Box::pin(backend.patience()), counts).await;
    match first {
        Either::Right((Err(error), _)) if error.class == BackendErrorClass::Overloaded => later(),
        Either::Right((answer, _)) => answer,
        Either::Left(_) => later(),
    }
}

fn send(question: Question) -> Pin<Box<dyn Future<Output = Text> + Send>> {
    // On the server, the network is bypassed.
    #[cfg(feature = "ssr")]
    return Box::pin(dispatch(question));
    #[cfg(not(feature = "ssr"))]
    return Box::pin(send_from_browser(question));
}

/// A request without an answer of this protocol may have failed because the session has ended.
#[cfg(not(feature = "ssr"))]
fn send_from_browser(question: Question) -> impl Future<Output = Text> + Send {
    let logged_out = use_context::<LoggedOut>();
    async move {
        let answer = send_question(question).await;
        if answer.as_ref().is_err_and(|error| error.class == BackendErrorClass::Unreachable) {
            check_session(logged_out);
        }
        answer
    }
}

/// Serialises the subject of a request.
pub(crate) fn to_json<T: Serialize>(about: &T) -> String {
    serde_json::to_string(about).unwrap_or_default()
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, BackendError> {
    serde_json::from_str(text).map_err(|error| BackendError::new(BackendErrorClass::Internal, error.to_string()))
}

#[cfg(feature = "ssr")]
fn backend() -> Result<std::sync::Arc<dyn crate::backend::Backend>, BackendError> {
    use_context().ok_or_else(|| BackendError::new(BackendErrorClass::Internal, "the dashboard has no backend"))
}
