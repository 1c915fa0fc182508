//! The sinks of the page System as HTML: what they have delivered, how far they are behind, pause and resume.

use leptos::prelude::*;
use model::api::SinkView;

use super::system::bytes;
use crate::{
    state::{clock, histogram::grouped},
    texts::forwarding::ForwardingTexts,
};

/// Renders the section; nothing without sinks.
pub(super) fn sinks(t: &'static ForwardingTexts, sinks: &[SinkView], may_edit: bool) -> Option<AnyView> {
    if sinks.is_empty() {
        return None;
    }
    let rows = sinks.iter().map(|sink| row(t, sink, may_edit)).collect_view();
    let view = view! {
        <h2 id="forwarding">{t.forwarding}</h2>
        <p class="quiet">{t.forwarding_text}</p>
        <table class="table stacked" data-testid="sinks">
            <thead>
                <tr>
                    <th scope="col">{t.sink}</th>
                    <th scope="col">{t.state}</th>
                    <th scope="col">{t.delivered}</th>
                    <th scope="col">{t.behind}</th>
                    <th scope="col"><span class="unseen">{t.actions}</span></th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    };
    Some(view.into_any())
}

fn row(t: &'static ForwardingTexts, sink: &SinkView, may_edit: bool) -> AnyView {
    let is_paused = sink.state == "paused";
    let state = match sink.state.as_str() {
        "following" => t.following,
        "failing" => t.failing,
        "paused" => t.paused,
        "elsewhere" => t.elsewhere,
        "refused" => t.wrong,
        _ => t.starting,
    };
    let filter = (!sink.query.is_empty()).then(|| view! { <br /><code>{sink.query.clone()}</code> });
    let refused = (sink.refused > 0).then(|| view! { <br />{(t.refused)(sink.refused)} });
    let behind = sink.behind_records.map(|records| {
        let more = if sink.behind_is_more { "≥ " } else { "" };
        let size = bytes(sink.behind_bytes.unwrap_or(0));
        if records == 0 && !sink.behind_is_more {
            t.nothing.to_owned()
        } else {
            format!("{more}{} · {size}", grouped(records))
        }
    });
    let since =
        sink.waiting_since.as_deref().map(|since| view! { <br />{(t.waiting_since)(&clock::full(since, false))} });
    let deleted = sink.deleted_at.as_deref().map(|at| {
        view! { <br /><strong role="alert">{(t.deleted_at)(&clock::full(at, false))}</strong> }
    });
    let error = sink.error.clone().map(|error| view! { <br /><span class="bad">{error}</span> });
    let (action, label) = if is_paused { ("resume", t.resume) } else { ("pause", t.pause) };
    let form = may_edit.then(|| {
        view! {
            <form method="post" action="/system/sinks">
                <input type="hidden" name="name" value=sink.name.clone() />
                <button class="button" name="action" value=action>{label}</button>
            </form>
        }
    });
    view! {
        <tr data-testid="sink" data-state=sink.state.clone()>
            <td class="long">
                {sink.name.clone()}<br /><span class="quiet">{sink.target.clone()}</span>{filter}{deleted}{error}
            </td>
            <td data-label=t.state>{state}</td>
            <td data-label=t.delivered>{grouped(sink.records)}{refused}</td>
            <td data-label=t.behind>{behind}{since}</td>
            <td class="acts">{form}</td>
        </tr>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::{Language, forwarding::of};

    #[test]
    fn a_sink_shows_its_lag_and_its_error_and_escapes_what_comes_from_outside() {
        let sink = SinkView {
            name: "es".to_owned(),
            target: "elasticsearch+http://host/<i>".to_owned(),
            query: "message:<b>".to_owned(),
            state: "failing".to_owned(),
            records: 1_234,
            refused: 5,
            behind_records: Some(67_890),
            behind_bytes: Some(1_500_000),
            behind_is_more: true,
            waiting_since: Some("2026-01-02T03:04:05.678000000Z".to_owned()),
            deleted_at: Some("2026-01-03T03:04:05.678000000Z".to_owned()),
            error: Some("<script>".to_owned()),
            ..SinkView::default()
        };
        for language in [Language::English, Language::Korean] {
            let html = sinks(of(language), std::slice::from_ref(&sink), true).unwrap().to_html();
            for part in ["1,234", "≥ 67,890 · 1.5 MB", "2026-01-02 03:04:05", "2026-01-03 03:04:05", "value=\"pause\""]
            {
                assert!(html.contains(part), "{part} in {html}");
            }
            assert!(!["<script", "<i>", "<b>"].iter().any(|raw| html.contains(raw)), "{html}");
            let paused = SinkView { state: "paused".to_owned(), ..sink.clone() };
            let paused = [paused];
            let html = |may_edit| sinks(of(language), &paused, may_edit).unwrap().to_html();
            assert!(html(true).contains("value=\"resume\"") && !html(false).contains("<form"));
            assert!(sinks(of(language), &[], true).is_none());
        }
    }
}
