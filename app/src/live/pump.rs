//! Moves records from the waiting queue to the list, at most once per frame.

use std::{sync::Arc, time::Duration};

use leptos::{html::Div, prelude::*};
use model::api::RecordView;

use super::{Tail, connection, session::LoggedOut, visible::while_visible};
use crate::{
    effect::{effect, every},
    state::{
        explorer::{Explorer, Follow},
        feed::{Event, Item, ROWS_PER_FRAME, Shown, Waiting},
    },
    texts::texts,
};

/// The interval of announcements for screen readers.
const ANNOUNCE: Duration = Duration::from_secs(8);
/// The minimum height of a row, in pixels.
const ROW: i32 = 22;

#[derive(Clone, Copy)]
struct Pump {
    explorer: Explorer,
    shown: RwSignal<Shown>,
    scroller: NodeRef<Div>,
    /// Unparsed: records that are never shown are never parsed.
    waiting: StoredValue<Waiting<String>>,
    /// Whether a frame is requested.
    scheduled: StoredValue<bool>,
    /// Records shown since the last announcement.
    unannounced: StoredValue<u64>,
}

/// Follows a tail until the current owner is cleaned up.
pub(crate) fn follow(tail: Tail) {
    let Tail { explorer, shown, scroller, query, position, announcement } = tail;
    let pump = Pump {
        explorer,
        shown,
        scroller,
        waiting: StoredValue::new(Waiting::default()),
        scheduled: StoredValue::new(false),
        unannounced: StoredValue::new(0),
    };
    let last = StoredValue::new(position);

    let logged_out = use_context::<LoggedOut>();
    while_visible(move || {
        connection::run(query.clone(), last, explorer.connection, logged_out, move |event| pump.deliver(event))
    });

    // Following means to be at the end, with no records held back.
    effect(move |_| {
        if explorer.follow.get() == Follow::Following {
            explorer.waiting.set(0);
            pump.schedule();
            if let Some(scroller) = scroller.get_untracked() {
                scroller.set_scroll_top(0);
            }
        }
    });

    let t = texts();
    every(ANNOUNCE, move || {
        let count = pump.unannounced.try_update_value(std::mem::take).unwrap_or_default();
        if count > 0 {
            announcement.set((t.announce_new)(count));
        }
    });
}

impl Pump {
    fn deliver(self, event: Event<String>) {
        self.waiting.try_update_value(|waiting| waiting.push(event));
        self.schedule();
    }

    fn schedule(self) {
        if self.scheduled.try_update_value(|scheduled| !std::mem::replace(scheduled, true)) == Some(true) {
            request_animation_frame(move || self.frame());
        }
    }

    fn frame(self) {
        if self.scheduled.try_set_value(false).is_some() {
            return; // The list is gone.
        }
        if is_text_selected() {
            self.explorer.freeze();
        }
        self.explorer.counts_are_stale.set(true);
        if self.explorer.follow.get_untracked() != Follow::Following {
            self.explorer.waiting.set(self.waiting.with_value(Waiting::count));
            return;
        }
        let events = self.waiting.try_update_value(|waiting| waiting.take(ROWS_PER_FRAME)).unwrap_or_default();
        let items: Vec<Item> = events.into_iter().map(read).collect();
        if items.is_empty() {
            return;
        }
        let gaps: u64 = items.iter().map(|item| if let Item::Gap(count) = item { *count } else { 0 }).sum();
        if gaps > 0 {
            self.explorer.skipped.update(|skipped| *skipped += gaps);
        }
        self.unannounced.update_value(|count| *count += items.len() as u64 + gaps);
        let height = self.scroller.get_untracked().map_or(0, |scroller| scroller.client_height());
        let fit = usize::try_from(height / ROW).unwrap_or_default() + 1;
        self.shown.update(|shown| {
            shown.append(items, fit);
            shown.trim();
        });
        if !self.waiting.with_value(Waiting::is_empty) {
            self.schedule();
        }
    }
}

/// A record that cannot be parsed counts as skipped.
fn read(event: Event<String>) -> Item {
    match event {
        Event::Skipped(count) => Item::Gap(count),
        Event::Record(text) => {
            serde_json::from_str::<RecordView>(&text).map_or(Item::Gap(1), |record| Item::Record(Arc::new(record)))
        }
    }
}

/// Whether the user has selected text, probably to copy it.
fn is_text_selected() -> bool {
    let selection = window().get_selection().ok().flatten();
    selection.is_some_and(|selection| !selection.is_collapsed())
}
