//! The replays of the page System as HTML: a form that starts one, their progress, and cancelling.

use leptos::prelude::*;
use model::api::ReplayView;

use super::fields::field;
use crate::{
    backend::Losses,
    state::{clock, histogram::grouped},
    texts::replays::ReplayTexts,
};

/// The destination that is no sink.
const STORE: &str = "store";

/// Renders the section; nothing without sinks, an archive and replays.
pub(super) fn replays(t: &'static ReplayTexts, losses: &Losses) -> Option<AnyView> {
    let has_target = !losses.sinks.is_empty() || losses.has_archive;
    let can_start = has_target && losses.may_edit;
    if !has_target && losses.replays.is_empty() {
        return None;
    }
    let form = can_start.then(|| form(t, losses));
    let error = losses.replay_error.clone().map(|error| {
        view! { <p class="banner" role="alert" data-testid="replay-error">{error}</p> }
    });
    let table = (!losses.replays.is_empty()).then(|| table(t, &losses.replays, losses.may_edit));
    let view = view! {
        <h2 id="replays">{t.replays}</h2>
        <p class="quiet">{t.replays_text}</p>
        {error}
        {form}
        {table}
    };
    Some(view.into_any())
}

fn form(t: &'static ReplayTexts, losses: &Losses) -> AnyView {
    let option = |name: &str, text: &str| view! { <option value=name.to_owned()>{text.to_owned()}</option> };
    let sinks = losses.sinks.iter().filter(|sink| sink.name != STORE);
    let sinks = sinks.map(|sink| option(&sink.name, &sink.name)).collect_view();
    let store = losses.has_archive.then(|| option(STORE, t.store));
    let source = losses.has_archive.then(|| {
        let names = [("", t.source_fuller), (STORE, t.source_store), ("archive", t.source_archive)];
        let sources = names.map(|(name, text)| option(name, text)).collect_view();
        field(t.source, view! { <select name="source">{sources}</select> })
    });
    view! {
        <form class="acts" method="post" action="/system/replays" data-testid="replay-form">
            {field(t.day, view! { <input type="date" name="day" required=true /> })}
            {source}
            {field(t.destination, view! { <select name="to">{sinks} {store}</select> })}
            {field(t.query, view! { <input name="query" placeholder="level>=warn" /> })}
            <button class="button" name="action" value="start">{t.start}</button>
        </form>
    }
    .into_any()
}

fn table(t: &'static ReplayTexts, replays: &[ReplayView], may_edit: bool) -> AnyView {
    let rows = replays.iter().map(|replay| row(t, replay, may_edit)).collect_view();
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

fn row(t: &'static ReplayTexts, replay: &ReplayView, may_edit: bool) -> AnyView {
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
    let skipped = (replay.skipped > 0).then(|| view! { <br />{(t.skipped)(replay.skipped)} });
    let total = replay.total.map(|total| (t.of_about)(total));
    // Without a value, the bar shows that the end is not known.
    let value = replay.fraction.map(|fraction| format!("{fraction:.3}"));
    let bar = is_running.then(|| view! { <progress aria-label=t.sent value=value max="1"></progress><br /> });
    let source = if replay.source == STORE { t.source_store } else { t.source_archive };
    let destination = if replay.to == STORE { t.store } else { &replay.to };
    let cancel = (is_running && may_edit).then(|| {
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
                {format!("{times} · {source} → {destination}")}<br />
                <span class="quiet">{replay.id.clone()}</span>{filter}{error}
            </td>
            <td data-label=t.state>{state}</td>
            <td data-label=t.sent>{bar}{grouped(replay.sent)}{total}{skipped}{refused}</td>
            <td data-label=t.started>{clock::full(&replay.started, false)}</td>
            <td class="acts">{cancel}</td>
        </tr>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use model::api::SinkView;

    use super::*;
    use crate::texts::{Language, replays::of};

    #[test]
    fn a_replay_shows_its_progress_and_escapes_what_comes_from_outside() {
        let sink = SinkView { name: "es".to_owned(), ..SinkView::default() };
        let replay = ReplayView {
            id: "3f2a9c01".to_owned(),
            day: Some("2026-11-19".to_owned()),
            source: "archive".to_owned(),
            to: "es".to_owned(),
            query: "message:<b>".to_owned(),
            state: "running".to_owned(),
            sent: 1_234,
            skipped: 6_789,
            refused: 5,
            total: Some(5_678),
            fraction: Some(0.25),
            started: "2026-11-20T03:04:05.678000000Z".to_owned(),
            error: Some("<script>".to_owned()),
            ..ReplayView::default()
        };
        for language in [Language::English, Language::Korean] {
            let t = of(language);
            let losses = |replay: &ReplayView| Losses {
                sinks: vec![sink.clone()],
                replays: vec![replay.clone()],
                has_archive: true,
                replay_error: Some("<i>".to_owned()),
                may_edit: true,
                ..Losses::default()
            };
            let html = |replay: &ReplayView| replays(t, &losses(replay)).unwrap().to_html();
            let running = html(&replay);
            for part in ["1,234", "5,678", "6,789", "→ es", "<progress", "value=\"0.250\"", "value=\"cancel\""] {
                assert!(running.contains(part), "{part} in {running}");
            }
            assert!(!["<script", "<b>", "<i>"].iter().any(|raw| running.contains(raw)), "{running}");
            let done = html(&ReplayView { state: "done".to_owned(), ..replay.clone() });
            assert!(!done.contains("<progress") && !done.contains("value=\"cancel\""), "{done}");
            for part in ["value=\"es\"", "value=\"store\"", "value=\"archive\"", "role=\"alert\""] {
                assert!(running.contains(part), "{part} in {running}");
            }
            let without_archive = Losses { has_archive: false, ..losses(&replay) };
            let plain = replays(t, &without_archive).unwrap().to_html();
            assert!(!plain.contains("value=\"archive\"") && !plain.contains("value=\"store\""), "{plain}");
            let viewed = replays(t, &Losses { may_edit: false, ..losses(&replay) }).unwrap().to_html();
            assert!(viewed.contains("<progress") && !viewed.contains("<form"), "{viewed}");
            assert!(replays(t, &Losses::default()).is_none());
        }
    }
}
