//! Loads older records: the line above the oldest record.

use leptos::{ev::MouseEvent, html::A, prelude::*, task::spawn_local};
use model::api::LogsPage;

use super::{
    blocks::{BlockStates, release_far},
    near,
};
use crate::{
    backend::{BackendError, LogsRequest},
    components::notice,
    effect::effect,
    server_functions,
    state::{
        clock,
        explorer::{Explorer, Follow},
        feed::Shown,
        view::Search,
    },
    texts::texts,
};

/// Records per request.
const STEP: usize = 200;

/// The end of the loaded history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HistoryEnd {
    cursor: Option<String>,
    searched_back_to: String,
    complete: bool,
    /// Whether the last response was incomplete because of its time limit. The browser then continues the search
    /// automatically.
    partial: bool,
    loading: bool,
    /// The user has stopped the search.
    stopped: bool,
    error: Option<BackendError>,
}

impl HistoryEnd {
    pub(super) fn of(page: &LogsPage) -> Self {
        Self {
            cursor: page.next_cursor.clone(),
            searched_back_to: page.searched_back_to.clone(),
            complete: page.complete || page.next_cursor.is_none(),
            partial: page.partial,
            loading: false,
            stopped: false,
            error: None,
        }
    }

    /// Whether an empty list may still get records.
    pub(super) fn is_partial(&self) -> bool {
        self.partial
    }

    fn continues(&self) -> bool {
        self.partial && !self.loading && !self.stopped && self.error.is_none()
    }
}

/// A link to the previous page, which JavaScript replaces by loading rows on top. Shows the progress of a long
/// search.
#[component]
pub(super) fn Older(
    place: RwSignal<HistoryEnd>,
    shown: RwSignal<Shown>,
    kept: BlockStates,
    search: Search,
) -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let search = StoredValue::new(search);
    let is_full = Memo::new(move |_| shown.with(Shown::is_full));
    let is_cut = Memo::new(move |_| shown.with(Shown::is_cut));
    let rows = Memo::new(move |_| shown.with(Shown::rows));
    let load = move || {
        place.update(|place| place.loading = true);
        let request = request(&search.read_value(), &place.read_untracked(), &shown.read_untracked());
        let source = request.clone();
        spawn_local(async move {
            match server_functions::logs(request).await {
                // The list may already be gone.
                Ok(page) => {
                    let stopped = place.try_with_untracked(|place| place.stopped).unwrap_or(true);
                    let first = shown.try_update(|shown| {
                        shown.prepend(page.records.clone(), source);
                        shown.first()
                    });
                    // Releases records that scrolling has left far behind.
                    if let Some(first) = first.flatten() {
                        release_far(first, shown, kept);
                    }
                    let _ = place.try_set(HistoryEnd { stopped, ..HistoryEnd::of(&page) });
                }
                Err(error) => {
                    let _ = place.try_update(|place| {
                        place.loading = false;
                        place.error = Some(error);
                    });
                }
            }
        });
    };
    // Runs in the browser only.
    effect(move |_| {
        if place.with(HistoryEnd::continues) && !is_full.get() {
            load();
        }
    });
    // Scrolling up loads the previous page.
    let link = NodeRef::<A>::new();
    near::watch(link, move || {
        let place = place.read_untracked();
        let ready = !place.complete && !place.loading && !place.partial && place.error.is_none();
        let reading = explorer.follow.get_untracked() != Follow::Following;
        let scrolled = explorer.scrolled.get_untracked();
        drop(place);
        if ready && !is_full.get_untracked() && reading && scrolled {
            load();
        }
    });
    let on_click = move |event: MouseEvent| {
        event.prevent_default();
        if place.with_untracked(|place| place.loading) {
            place.update(|place| place.stopped = true);
            return;
        }
        explorer.freeze();
        place.update(|place| (place.stopped, place.error) = (false, None));
        // A partial search continues automatically.
        if !place.with_untracked(HistoryEnd::continues) {
            load();
        }
    };
    let line = move || {
        let place = place.get();
        if is_full.get() {
            return notice("older", "too-many", t.too_many.to_owned());
        }
        if place.complete && !is_cut.get() {
            return notice("older", "beginning", t.beginning.to_owned());
        }
        let back_to = || clock::full(&place.searched_back_to, explorer.local_time.get());
        let text = match &place.error {
            Some(error) if !place.loading => format!("{error} · {}", t.try_again),
            _ if place.partial && place.stopped => (t.older_searched_to)(&back_to(), rows.get()),
            _ if place.partial => (t.older_searching)(&back_to(), rows.get()),
            _ if place.loading => t.older_loading.to_owned(),
            _ => t.older.to_owned(),
        };
        let url = explorer.view.with_untracked(|view| match place.cursor.clone() {
            Some(cursor) => view.with_cursor(cursor).url(),
            None => view.url(),
        });
        view! {
            <a node_ref=link class="older" class:searching=place.partial && !place.stopped href=url data-testid="load-older" on:click=on_click>
                {text}
            </a>
        }
        .into_any()
    };
    view! { {move || line()} }.into_any()
}

/// Continues by cursor; if rows were removed from the top, by the time of the oldest row.
fn request(search: &Search, place: &HistoryEnd, shown: &Shown) -> LogsRequest {
    let mut request = LogsRequest { limit: Some(STEP), ..search.page() };
    match shown.oldest().filter(|_| shown.is_cut()) {
        Some(oldest) => {
            request.to = Some(clock::just_after(&oldest.time));
            request.cursor = None;
        }
        None => request.cursor = place.cursor.clone(),
    }
    request
}
