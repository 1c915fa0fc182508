//! The list of records: newest at the bottom, following the tail.
//!
//! The scroller lays out from its end (`column-reverse`). So the browser opens it at the newest record, stays there
//! while records arrive, and keeps the view still when older ones are added on top; also without WebAssembly. Away
//! from the end, the view never moves.

use std::sync::Arc;

use leptos::{
    ev::MouseEvent,
    html::Div,
    prelude::*,
    tachys::{reactive_graph::OwnedView, view::keyed::keyed},
};
use model::api::LogsPage;
use wasm_bindgen::JsCast as _;
use web_sys::Element;

use super::{
    blocks::{BlockRows, BlockStates, draw, each, owner_of_block},
    nothing::Nothing,
    older::{self, Older},
};
use crate::{
    components::{Icon, IconName},
    effect::effect,
    live::{self, Tail},
    state::{
        explorer::{Explorer, Follow},
        feed::Shown,
        highlight,
        view::Search,
    },
    texts::texts,
};

/// The distance from the end, in pixels, that counts as the end.
const AT_END: i32 = 4;

/// One page of records and, for a live search, all following records.
#[component]
pub(super) fn Stream(page: LogsPage, search: Search) -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let scroller = NodeRef::<Div>::new();
    let announcement = RwSignal::new(String::new());
    let older = RwSignal::new(older::HistoryEnd::of(&page));
    let terms: Arc<[String]> = highlight::terms(&search.query).into();
    let shown = RwSignal::new(Shown::new(page.records.into_iter().rev()));
    let is_empty = Memo::new(move |_| shown.with(Shown::is_empty) && !older.with(older::HistoryEnd::is_partial));
    let is_live = search.is_live();

    // Runs in the browser only, once per response.
    effect({
        let search = search.clone();
        move |first| {
            if !first {
                return;
            }
            explorer.follow.set(Follow::Following);
            explorer.waiting.set(0);
            explorer.skipped.set(0);
            explorer.scrolled.set(false);
            reveal_selected(explorer);
            if is_live {
                live::follow(Tail {
                    explorer,
                    shown,
                    scroller,
                    query: search.query.clone(),
                    position: page.position.clone(),
                    announcement,
                });
            }
        }
    });
    let kept = BlockStates::default();
    // Renders skipped blocks when the tail stops, because the user can read them now.
    effect(move |_| {
        if explorer.follow.get() != Follow::Following {
            each(kept, |serial, known| draw(serial, known, shown, kept));
        }
    });
    let on_scroll = move |_| {
        let Some(scroller) = scroller.get_untracked() else { return };
        explorer.scrolled.set(scroller.scroll_top() < -AT_END);
        match explorer.follow.get_untracked() {
            Follow::Following if scroller.scroll_top() < -AT_END => explorer.freeze(),
            // An open record keeps the view frozen.
            Follow::Frozen if scroller.scroll_top() >= -1 && explorer.view.with_untracked(|view| view.at.is_none()) => {
                explorer.resume();
            }
            _ => {}
        }
    };
    let here = Owner::current().unwrap_or_default();
    let blocks = move || shown.with(|shown| shown.blocks().map(|block| block.serial).collect::<Vec<_>>());
    let nothing_for = (search.clone(), page.hints);
    let block = move |_, serial| {
        let owner = here.with(owner_of_block);
        let terms = terms.clone();
        let view = owner.with(|| {
            provide_context(explorer);
            provide_context(t);
            view! { <BlockRows serial shown kept terms /> }
        });
        (drop, OwnedView::new_with_owner(view, owner))
    };

    view! {
        <div class="scroller" node_ref=scroller on:scroll=on_scroll on:click=move |event| toggle_clicked(explorer, &event)>
            <div class="list" role="log" aria-live="off" aria-label=t.list_label tabindex="0" data-testid="log-list">
                {move || match is_empty.get() {
                    true => {
                        let (search, hints) = nothing_for.clone();
                        view! { <Nothing search hints /> }.into_any()
                    }
                    false => view! { <Older place=older shown kept search=search.clone() /> }.into_any(),
                }}
                {move || keyed(blocks(), |serial| *serial, block.clone())}
            </div>
        </div>
        <p class="unseen" aria-live="polite">{announcement}</p>
        {move || {
            let paused = is_live && explorer.follow.get() != Follow::Following;
            let count = explorer.waiting.get();
            (paused && count > 0).then(|| view! {
                <button type="button" class="new-count" data-testid="new-count" title=t.resume_hint on:click=move |_| explorer.resume()>
                    <Icon name=IconName::ArrowDown />
                    {(t.new_records)(count)}
                </button>
            })
        }}
    }.into_any()
}

/// Expands the clicked row and keeps its place on the screen, unless text was selected.
fn toggle_clicked(explorer: Explorer, event: &MouseEvent) {
    let Some(target) = event.target().and_then(|target| target.dyn_into::<Element>().ok()) else { return };
    let Ok(Some(line)) = target.closest(".line") else { return };
    let selecting = window().get_selection().ok().flatten().is_some_and(|selection| !selection.is_collapsed());
    if selecting || event.ctrl_key() || event.meta_key() || event.shift_key() || event.button() != 0 {
        return;
    }
    // The time links to the same view, for use without JavaScript and for copying.
    event.prevent_default();
    if let Ok(Some(row)) = line.closest(".row") {
        toggle_row(explorer, &row);
    }
}

/// Expands or collapses a row and keeps its place on the screen. A row that would expand below the end is moved up.
pub(super) fn toggle_row(explorer: Explorer, row: &Element) {
    let Some(id) = row.get_attribute("data-id") else { return };
    let before = row.get_bounding_client_rect().top();
    explorer.freeze();
    explorer.toggle(&id);
    let row = row.clone();
    request_animation_frame(move || {
        let Ok(Some(scroller)) = row.closest(".scroller") else { return };
        let (area, place) = (scroller.get_bounding_client_rect(), row.get_bounding_client_rect());
        let moved = place.top() - before;
        let below = place.bottom() - moved - area.bottom();
        let room = before - area.top();
        let shift = moved + below.min(room).max(0.0);
        scroller.set_scroll_top(scroller.scroll_top() + shift.round() as i32);
    });
}

/// Scrolls to the record that the link names.
fn reveal_selected(explorer: Explorer) {
    let Some(id) = explorer.view.with_untracked(|view| view.at.clone()) else { return };
    if let Ok(Some(row)) = document().query_selector(&format!(".list [data-id=\"{id}\"]")) {
        explorer.freeze();
        row.scroll_into_view();
    }
}
