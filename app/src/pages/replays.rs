//! The replays of the page System as HTML: a form that starts one, their progress, and cancelling.

use leptos::prelude::*;
use model::api::{ReplayView, SinkView};

use crate::{
    state::{clock, histogram::grouped},
    texts::replays::ReplayTexts,
};

/// Renders the section; nothing without sinks and replays.
pub(super) fn replays(t: &'static ReplayTexts, sinks: &[SinkView], replays: &[ReplayView]) -> Option<AnyView> {
    if sinks.is_empty() && replays.is_empty() {
        return None;
    }
    let form = (!sinks.is_empty()).then(|| form(t, sinks));
    let table = (!replays.is_empty()).then(|| table(t, replays));
    let view = view! {
        <h2 id="replays">{t.replays}</h2>
        <p class="quiet">{t.replays_text}</p>
        {form}
        {table}
    };
    Some(view.into_any())
}

fn form(t: &'static ReplayTexts, sinks: &[SinkView]) -> AnyView {
    let sink = |sink: &SinkView| view! { <option>{sink.name.clone()}</option> };
    let sinks = sinks.iter().map(sink).collect_view();
    view! {
        <form class="acts" method="post" action="/system/replays" data-testid="replay-form">
            <label><span class="quiet">{t.day}</span> <input type="date" name="day" required=true /></label>
            <label><span class="quiet">{t.sink}</span> <select name="to">{sinks}</select></label>
            <label><span class="quiet">{t.query}</span> <input name="query" placeholder="level>=warn" /></label>
            <button class="button" name="action" value="start">{t.start}</button>
        </form>
    }
    .into_any()
}

fn table(t: &'static ReplayTexts, replays: &[ReplayView]) -> AnyView {
    let rows = replays.iter().map(|replay| row(t, replay)).collect_view();
    view! {
        <table class="table stacked" data-testid="replays">
            <thead>
                <tr>
                    <th scope="col">{t.records}</th>
                    <th scope="col">{t.state}</th>
                    <th scope="col">{t.sent}</th>
                    <th scope="col">{t.started}</th>
                    <th scope="col"><span class="unseen">{t.actions}</span></th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

fn row(t: &'static ReplayTexts, replay: &ReplayView) -> AnyView {
    let is_running = replay.state == "running";
    let state = match replay.state.as_str() {
        "running" if replay.error.is_some() => t.retrying,
        "running" => t.running,
        "done" => t.done,
        "failed" => t.failed,
        _ => t.cancelled,
    };
    let times = replay
        .day
        .clone()
        .unwrap_or_else(|| format!("{} – {}", clock::full(&replay.from, false), clock::full(&replay.to_time, false)));
    let filter = (!replay.query.is_empty()).then(|| view! { <br /><code>{replay.query.clone()}</code> });
    let error = replay.error.clone().map(|error| view! { <br /><span class="bad">{error}</span> });
    let refused = (replay.refused > 0).then(|| view! { <br />{(t.refused)(replay.refused)} });
    let total = replay.total.map(|total| (t.of_about)(total));
    let (value, most) = (replay.sent + replay.refused, replay.total.unwrap_or(0).max(1));
    let bar = is_running.then(|| {
        view! { <progress aria-label=t.sent value=value.to_string() max=most.to_string()></progress><br /> }
    });
    let cancel = is_running.then(|| {
        view! {
            <form method="post" action="/system/replays">
                <input type="hidden" name="id" value=replay.id.clone() />
                <button class="button" name="action" value="cancel">{t.cancel}</button>
            </form>
        }
    });
    view! {
        <tr data-testid="replay" data-state=replay.state.clone()>
            <td class="long">
                {format!("{times} → {}", replay.to)}<br />
                <span class="quiet">{replay.id.clone()}</span>{filter}{error}
            </td>
            <td data-label=t.state>{state}</td>
            <td data-label=t.sent>{bar}{grouped(replay.sent)}{total}{refused}</td>
            <td data-label=t.started>{clock::full(&replay.started, false)}</td>
            <td class="acts">{cancel}</td>
        </tr>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::{Language, replays::of};

    #[test]
    fn a_replay_shows_its_progress_and_escapes_what_comes_from_outside() {
        let sink = SinkView { name: "es".to_owned(), ..SinkView::default() };
        let replay = ReplayView {
            id: "3f2a9c01".to_owned(),
            day: Some("2026-11-19".to_owned()),
            to: "es".to_owned(),
            query: "message:<b>".to_owned(),
            state: "running".to_owned(),
            sent: 1_234,
            refused: 5,
            total: Some(5_678),
            started: "2026-11-20T03:04:05.678000000Z".to_owned(),
            error: Some("<script>".to_owned()),
            ..ReplayView::default()
        };
        for language in [Language::English, Language::Korean] {
            let t = of(language);
            let html = |replay: &ReplayView| {
                replays(t, std::slice::from_ref(&sink), std::slice::from_ref(replay)).unwrap().to_html()
            };
            let running = html(&replay);
            for part in ["1,234", "5,678", "2026-11-19 → es", "<progress", "value=\"1239\"", "value=\"cancel\""] {
                assert!(running.contains(part), "{part} in {running}");
            }
            assert!(!["<script", "<b>"].iter().any(|raw| running.contains(raw)), "{running}");
            let done = html(&ReplayView { state: "done".to_owned(), ..replay.clone() });
            assert!(!done.contains("<progress") && !done.contains("value=\"cancel\""), "{done}");
            assert!(replays(t, &[], &[]).is_none());
        }
    }
}
