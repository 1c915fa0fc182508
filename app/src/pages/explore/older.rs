//! Going further back: the line above the oldest record.

use leptos::{ev::MouseEvent, prelude::*, task::spawn_local};
use model::api::LogsPage;

use crate::{
    backend::{BackendError, LogsRequest},
    server_functions,
    state::{clock, explorer::Explorer, feed::Shown, view::Search},
    texts::texts,
};

/// The records of one step back.
const STEP: usize = 200;

/// Where the history that is loaded ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    cursor: Option<String>,
    searched_back_to: String,
    complete: bool,
    found: bool,
    loading: bool,
    error: Option<BackendError>,
}

impl Place {
    pub(super) fn of(page: &LogsPage) -> Self {
        Self {
            cursor: page.next_cursor.clone(),
            searched_back_to: page.searched_back_to.clone(),
            complete: page.complete || page.next_cursor.is_none(),
            found: !page.records.is_empty(),
            loading: false,
            error: None,
        }
    }
}

/// A link to the page before, which JavaScript turns into more rows on top.
#[component]
pub(super) fn Older(place: RwSignal<Place>, shown: RwSignal<Shown>, search: Search) -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let search = StoredValue::new(search);
    let is_full = Memo::new(move |_| shown.with(Shown::is_full));
    let is_cut = Memo::new(move |_| shown.with(Shown::is_cut));
    let load = move |event: MouseEvent| {
        event.prevent_default();
        if place.with_untracked(|place| place.loading) {
            return;
        }
        place.update(|place| place.loading = true);
        explorer.freeze();
        let request = request(&search.read_value(), &place.read_untracked(), &shown.read_untracked());
        spawn_local(async move {
            match server_functions::logs(request).await {
                // The list may be gone by now; then there is nothing to update.
                Ok(page) => {
                    let _ = place.try_set(Place::of(&page));
                    let _ = shown.try_update(|shown| shown.prepend(page.records));
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
    move || {
        let place = place.get();
        if is_full.get() {
            return view! { <p class="older">{t.too_many}</p> }.into_any();
        }
        if place.complete && !is_cut.get() {
            return view! { <p class="older" data-testid="beginning">{t.beginning}</p> }.into_any();
        }
        let text = match (&place.error, place.loading) {
            (Some(error), false) => format!("{error} · {}", t.try_again),
            (_, true) => t.older_loading.to_owned(),
            _ if !place.found => {
                (t.older_searched_to)(&clock::full(&place.searched_back_to, explorer.local_time.get()))
            }
            _ => t.older.to_owned(),
        };
        let url = explorer.view.with_untracked(|view| match place.cursor.clone() {
            Some(cursor) => view.with_cursor(cursor).url(),
            None => view.url(),
        });
        view! { <a class="older" href=url data-testid="load-older" on:click=load>{text}</a> }.into_any()
    }
}

/// Goes on by cursor; where rows have gone from the top, by the time of the oldest.
fn request(search: &Search, place: &Place, shown: &Shown) -> LogsRequest {
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
