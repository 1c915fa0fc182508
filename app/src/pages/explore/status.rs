//! The live status: an indicator and a button to pause or resume.

use leptos::prelude::*;

use crate::{
    live::LoggedOut,
    state::{
        clock,
        explorer::{Connection, Explorer, Follow},
        view::Range,
    },
    texts::texts,
};

/// The button, and a banner without a connection.
#[component]
pub(super) fn LiveStatus() -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let is_live = Memo::new(move |_| explorer.search.with(|search| search.is_live()));
    let state = Memo::new(move |_| {
        if !is_live.get() {
            return "off";
        }
        match (explorer.follow.get(), explorer.connection.get()) {
            (Follow::Frozen | Follow::Paused, _) => "paused",
            (Follow::Following, Connection::Open) => "live",
            (Follow::Following, Connection::Connecting | Connection::Away { .. }) => "connecting",
        }
    });
    let away = Memo::new(move |_| match explorer.connection.get() {
        Connection::Away { since } if is_live.get() => Some(since),
        _ => None,
    });
    // Without a session, the top bar shows a banner of its own.
    let logged_out = use_context::<LoggedOut>();
    let is_logged_out = move || logged_out.is_some_and(|LoggedOut(signal)| signal.get());
    let word = move || match state.get() {
        "live" => t.live,
        "paused" => t.paused,
        "off" => t.not_live,
        _ if away.get().is_some() => t.reconnecting,
        _ => t.connecting,
    };
    let hint = move || match state.get() {
        "paused" => t.resume_hint,
        "off" => t.go_live_hint,
        _ => t.pause_hint,
    };
    view! {
        <div class="live" data-testid="live-status" data-state=move || state.get() data-away=move || away.get().is_some().to_string()>
            <button
                type="button"
                class="live-button"
                title=move || hint()
                on:click=move |_| {
                    if is_live.get_untracked() {
                        explorer.toggle_follow();
                    } else {
                        explorer.go(&explorer.view.get_untracked().with_range(Range::Live));
                    }
                }
            >
                <span class="dot" aria-hidden="true"></span>
                <span aria-live="polite">{move || word()}</span>
            </button>
            {move || {
                let count = explorer.skipped.get();
                (count > 0 && is_live.get())
                    .then(|| view! { <span class="skipped" data-testid="skipped" title=t.skipped_hint>{(t.skipped)(count)}</span> })
            }}
        </div>
        {move || {
            away.get().filter(|_| !is_logged_out()).map(|since| {
                let since = clock::clock(&clock::rfc3339(since), explorer.local_time.get()).time;
                view! { <p class="banner" role="alert" data-testid="away-banner">{(t.server_away)(&since)}</p> }
            })
        }}
    }.into_any()
}
