//! Blocks of rows: drawn near the screen, and room for them elsewhere.

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

/// How long what came above a full screen has to stay near it before it is drawn: a busy
/// tail carries it away sooner.
const PASSING: Duration = Duration::from_millis(150);

/// An owner remembers each that was ever made below it, as `<For>` would do with its entries:
/// a tail that is followed for days would grow. So in the browser each block has a root.
pub(super) fn owner_of_block() -> Owner {
    // On the server a root would see no signal but its own, and nothing lives for long.
    if cfg!(target_arch = "wasm32") { Owner::new_root(Owner::current_shared_context()) } else { Owner::new() }
}

/// What each block knows. A block does not follow `shown`, which would remember it when it is
/// long gone (see [`RowSignals`](crate::state::explorer::RowSignals)).
pub(super) type Kept = StoredValue<HashMap<i64, Known>>;

#[derive(Clone, Copy)]
pub(super) struct Known {
    lines: RwSignal<Option<Lines>>,
    /// Whether it is on the screen, or nearly; whether its rows are drawn.
    is_near: RwSignal<bool>,
    is_drawn: RwSignal<bool>,
}

/// Calls a function with each block.
pub(super) fn each(kept: Kept, call: impl Fn(i64, Known)) {
    let blocks: Vec<_> = kept.try_with_value(|kept| kept.clone().into_iter().collect()).unwrap_or_default();
    blocks.into_iter().for_each(|(serial, known)| call(serial, known));
}

/// Tells the blocks whose lines have come or gone.
fn tell(shown: RwSignal<Shown>, kept: Kept) {
    each(kept, |serial, Known { lines, .. }| {
        let now = shown.try_with_untracked(|shown| shown.lines(serial)).flatten();
        if lines.try_with_untracked(|lines| *lines != now) == Some(true) {
            lines.set(now);
        }
    });
}

/// Draws a block that came near and still is; its lines are asked for if they were let go of.
pub(super) fn draw(serial: i64, known: Known, shown: RwSignal<Shown>, kept: Kept) {
    if known.is_near.try_get_untracked() == Some(true) && known.is_drawn.try_get_untracked() == Some(false) {
        known.is_drawn.set(true);
        bring_back(serial, shown, kept);
    }
}

/// The rows of a block: all of them near the screen, and room for them elsewhere, so that
/// a million of them cost what a few hundred do.
#[component]
pub(super) fn BlockRows(serial: i64, shown: RwSignal<Shown>, kept: Kept, terms: Arc<[String]>) -> impl IntoView {
    let explorer = Explorer::expect();
    let element = NodeRef::<Div>::new();
    // From the server all come, and what has just come is at the end.
    let passing = shown.with_untracked(|shown| shown.passing(serial));
    let room = RwSignal::new(passing.map(|rows| format!("height:calc({rows} * var(--row-room))")));
    let lines = RwSignal::new(shown.with_untracked(|shown| shown.lines(serial)));
    let is_drawn = RwSignal::new(passing.is_none());
    let known = Known { lines, is_near: RwSignal::new(true), is_drawn };
    kept.update_value(|kept| {
        kept.insert(serial, known);
    });
    on_cleanup(move || {
        // The list may be gone with its blocks.
        let _ = kept.try_update_value(|kept| kept.remove(&serial));
    });
    near::changes(element, move |near| {
        known.is_near.set(near);
        let draw = move || draw(serial, known, shown, kept);
        if near && passing.is_some() && explorer.follow.get_untracked() == Follow::Following {
            set_timeout(draw, PASSING);
        } else if near {
            draw();
        } else if is_drawn.get_untracked() {
            // As high as it is, to the pixel, so that nothing moves.
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
        // Of these rows alone: they are remembered by what they follow, and come and go.
        let signals = explorer.row_signals();
        Some(lines.0.iter().map(|line| item(line, &terms, explorer, signals)).collect_view())
    };
    view! { <div class="block" node_ref=element style=move || style()>{move || rows()}</div> }.into_any()
}

/// Lets go of records that are far from a block, where there are many.
pub(super) fn lighten(serial: i64, shown: RwSignal<Shown>, kept: Kept) {
    if shown.try_with_untracked(Shown::is_heavy) == Some(true) {
        shown.update_untracked(|shown| shown.lighten(serial));
        tell(shown, kept);
    }
}

/// Asks for the records of a block again where they were let go of, and lets go of others.
fn bring_back(serial: i64, shown: RwSignal<Shown>, kept: Kept) {
    lighten(serial, shown, kept);
    let Some(request) = shown.with_untracked(|shown| shown.missing(serial)) else { return };
    spawn_local(async move {
        // A failure leaves the place empty; scrolling there again tries again.
        if let Ok(page) = server_functions::logs(request).await {
            let _ = shown.try_update_untracked(|shown| shown.restore(serial, page.records));
            tell(shown, kept);
        }
    });
}
