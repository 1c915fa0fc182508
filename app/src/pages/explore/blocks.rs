//! Blocks of rows: rendered near the screen, placeholders elsewhere.

use std::{collections::HashMap, sync::Arc, time::Duration};

use leptos::{html::Div, prelude::*, task::spawn_local};

use super::{near, row::item};
use crate::{
    server_functions,
    state::{
        explorer::{Explorer, Follow},
        feed::{Lines, Shown},
    },
};

/// How long rows above a full screen must stay near it before they are rendered: a busy tail scrolls them away
/// sooner.
const RENDER_DELAY: Duration = Duration::from_millis(150);

/// Creates the owner of a block. An owner remembers every owner ever created below it, so a tail followed for days
/// would leak. Therefore each block has a root owner in the browser.
pub(super) fn owner_of_block() -> Owner {
    // On the server a root would not see the signals of others, and owners are short-lived.
    if cfg!(target_arch = "wasm32") { Owner::new_root(Owner::current_shared_context()) } else { Owner::new() }
}

/// The state of each block. A block does not subscribe to `shown`, which would keep the subscription after the block
/// is gone (see [`RowSignals`](crate::state::explorer::RowSignals)).
pub(super) type BlockStates = StoredValue<HashMap<i64, BlockState>>;

#[derive(Clone, Copy)]
pub(super) struct BlockState {
    lines: RwSignal<Option<Lines>>,
    /// Whether it is on or near the screen; whether its rows are rendered.
    is_near: RwSignal<bool>,
    is_drawn: RwSignal<bool>,
}

/// Calls a function with each block.
pub(super) fn each(kept: BlockStates, call: impl Fn(i64, BlockState)) {
    let blocks: Vec<_> = kept.try_with_value(|kept| kept.clone().into_iter().collect()).unwrap_or_default();
    blocks.into_iter().for_each(|(serial, known)| call(serial, known));
}

/// Updates the lines of blocks whose records were loaded or released.
fn update_lines(shown: RwSignal<Shown>, kept: BlockStates) {
    each(kept, |serial, BlockState { lines, .. }| {
        let now = shown.try_with_untracked(|shown| shown.lines(serial)).flatten();
        if lines.try_with_untracked(|lines| *lines != now) == Some(true) {
            lines.set(now);
        }
    });
}

/// Renders a block if it is still near the screen. Released records are loaded again.
pub(super) fn draw(serial: i64, known: BlockState, shown: RwSignal<Shown>, kept: BlockStates) {
    if known.is_near.try_get_untracked() == Some(true) && known.is_drawn.try_get_untracked() == Some(false) {
        known.is_drawn.set(true);
        reload_block(serial, shown, kept);
    }
}

/// The rows of a block: rendered near the screen, a placeholder elsewhere. So a million rows cost as much as a few
/// hundred.
#[component]
pub(super) fn BlockRows(serial: i64, shown: RwSignal<Shown>, kept: BlockStates, terms: Arc<[String]>) -> impl IntoView {
    let explorer = Explorer::expect();
    let element = NodeRef::<Div>::new();
    // Rows from the server are all rendered; new rows are at the end.
    let deferred = shown.with_untracked(|shown| shown.deferred_rows(serial));
    let room = RwSignal::new(deferred.map(|rows| format!("height:calc({rows} * var(--row-room))")));
    let lines = RwSignal::new(shown.with_untracked(|shown| shown.lines(serial)));
    let is_drawn = RwSignal::new(deferred.is_none());
    let known = BlockState { lines, is_near: RwSignal::new(true), is_drawn };
    kept.update_value(|kept| {
        kept.insert(serial, known);
    });
    on_cleanup(move || {
        // The list may already be gone.
        let _ = kept.try_update_value(|kept| kept.remove(&serial));
    });
    near::changes(element, move |near| {
        known.is_near.set(near);
        let draw = move || draw(serial, known, shown, kept);
        if near && deferred.is_some() && explorer.follow.get_untracked() == Follow::Following {
            set_timeout(draw, RENDER_DELAY);
        } else if near {
            draw();
        } else if is_drawn.get_untracked() {
            // The placeholder keeps the exact height in pixels, so that nothing moves.
            room.set(element.get_untracked().map(|element| format!("height:{}px", element.offset_height())));
            is_drawn.set(false);
        }
    });
    let style = move || match room.get() {
        Some(room) if !is_drawn.get() || lines.with(Option::is_none) => room,
        _ => String::new(),
    };
    let rows = move || {
        let lines = lines.get().filter(|_| is_drawn.get())?;
        // Signals of these rows only, because signals remember their subscribers, and rows come and go.
        let signals = explorer.row_signals();
        Some(lines.0.iter().map(|line| item(line, &terms, explorer, signals)).collect_view())
    };
    view! { <div class="block" node_ref=element style=move || style()>{move || rows()}</div> }.into_any()
}

/// Releases records far from a block if too many are in memory.
pub(super) fn release_far(serial: i64, shown: RwSignal<Shown>, kept: BlockStates) {
    if shown.try_with_untracked(Shown::is_over_budget) == Some(true) {
        shown.update_untracked(|shown| shown.release_far(serial));
        update_lines(shown, kept);
    }
}

/// Loads the released records of a block again, and releases others.
fn reload_block(serial: i64, shown: RwSignal<Shown>, kept: BlockStates) {
    release_far(serial, shown, kept);
    let Some(request) = shown.with_untracked(|shown| shown.missing(serial)) else { return };
    spawn_local(async move {
        // A failure leaves the placeholder; scrolling there again retries.
        if let Ok(page) = server_functions::logs(request).await {
            let _ = shown.try_update_untracked(|shown| shown.restore(serial, page.records));
            update_lines(shown, kept);
        }
    });
}
