//! The loss ledger of the page System as HTML: what became of the received records.

use leptos::prelude::*;
use model::api::{CanaryView, LedgerLossView, LedgerSummaryView};

use crate::{
    state::{clock, histogram::grouped, url},
    texts::ledger::LedgerTexts,
};

/// Renders the section.
pub(super) fn ledger(t: &'static LedgerTexts, summary: Option<&LedgerSummaryView>) -> AnyView {
    let content = match summary.map(|summary| (summary, summary.counted.as_deref())) {
        None => view! { <p class="quiet" role="alert">{t.unreadable}</p> }.into_any(),
        Some((_, None)) => view! { <p class="quiet" data-testid="loss-ledger">{t.not_counted}</p> }.into_any(),
        Some((summary, Some(counted))) => counts(t, summary, counted),
    };
    view! {
        <h2 id="loss-ledger">{t.title}</h2>
        {content}
    }
    .into_any()
}

fn counts(t: &'static LedgerTexts, summary: &LedgerSummaryView, counted: &str) -> AnyView {
    let totals = &summary.totals;
    let age = match summary.since_hours {
        hours @ 0..48 => (t.hours)(hours),
        hours => (t.days)(hours / 24),
    };
    let lost = (t.lost)(totals.missing, &age);
    let is_lost = totals.missing > 0;
    let uncertain =
        (summary.uncertain_hours > 0).then(|| view! { <p class="quiet">{(t.uncertain)(summary.uncertain_hours)}</p> });
    let numbers = [
        (t.received, totals.received),
        (t.stored, totals.stored),
        (t.deduplicated, totals.deduplicated),
        (t.rejected, totals.rejected),
        (t.dead, totals.dead),
        (t.deleted, totals.deleted),
        (t.in_flight, totals.in_flight),
        (t.missing, totals.missing),
        (t.surplus, totals.surplus),
    ];
    let heads = numbers.iter().map(|(label, _)| view! { <th scope="col">{*label}</th> }).collect_view();
    let cells = numbers
        .iter()
        .map(|(label, number)| {
            let is_bad = *label == t.missing && *number > 0;
            view! { <td data-label=*label class:bad=is_bad>{grouped(*number)}</td> }
        })
        .collect_view();
    let losses = (!summary.losses.is_empty()).then(|| losses(t, &summary.losses));
    view! {
        <p class:banner=is_lost role=if is_lost { "alert" } else { "status" } data-testid="loss-ledger">
            <strong>{lost}</strong>
        </p>
        <p class="quiet">{(t.computed)(summary.hours, &clock::full(counted, false))}</p>
        {uncertain}
        <table class="table stacked" data-testid="loss-ledger-totals">
            <thead>
                <tr>{heads}</tr>
            </thead>
            <tbody>
                <tr>{cells}</tr>
            </tbody>
        </table>
        {losses}
        <div class="acts">
            <a href="/api/v1/ledger">{t.rows}</a>
        </div>
    }
    .into_any()
}

fn losses(t: &'static LedgerTexts, losses: &[LedgerLossView]) -> AnyView {
    let row = |loss: &LedgerLossView| {
        let mut query = String::new();
        url::append(&mut query, "from", &loss.from);
        url::append(&mut query, "to", &loss.to);
        let address = format!("/api/v1/ledger{query}");
        view! {
            <tr data-testid="loss">
                <td>{clock::full(&loss.from, false)}</td>
                <td data-label=t.missing class="bad">{grouped(loss.missing)}</td>
                <td class="acts"><a href=address>{t.services}</a></td>
            </tr>
        }
    };
    view! {
        <table class="table stacked">
            <thead>
                <tr>
                    <th scope="col">{t.hour}</th>
                    <th scope="col">{t.missing}</th>
                    <th scope="col"><span class="unseen">{t.services}</span></th>
                </tr>
            </thead>
            <tbody>{losses.iter().map(row).collect_view()}</tbody>
        </table>
    }
    .into_any()
}

/// The canary's records by door; nothing if it is off.
pub(super) fn canary(t: &'static LedgerTexts, doors: &[CanaryView]) -> Option<AnyView> {
    if doors.is_empty() {
        return None;
    }
    let row = |door: &CanaryView| {
        let is_bad = door.missing > 0 || door.doubled > 0;
        let took = door.last_ms.map_or_else(String::new, |took| format!("{took:.0} ms"));
        let error = door.error.clone().map(|error| view! { <br /><span class="bad">{error}</span> });
        view! {
            <tr data-testid="canary">
                <td class="long">{door.door.clone()}{error}</td>
                <td data-label=t.sent>{grouped(door.sent)}</td>
                <td data-label=t.arrived>{grouped(door.arrived)}</td>
                <td data-label=t.failed>{grouped(door.failed)}</td>
                <td data-label=t.missing class:bad=is_bad>{grouped(door.missing)}</td>
                <td data-label=t.doubled class:bad=is_bad>{grouped(door.doubled)}</td>
                <td data-label=t.late>{grouped(door.late)}</td>
                <td data-label=t.took>{took}</td>
            </tr>
        }
    };
    let heads = [t.door, t.sent, t.arrived, t.failed, t.missing, t.doubled, t.late, t.took];
    let view = view! {
        <h2 id="canary">{t.canary}</h2>
        <p class="quiet">{t.canary_text}</p>
        <table class="table stacked">
            <thead>
                <tr>{heads.map(|head| view! { <th scope="col">{head}</th> }).collect_view()}</tr>
            </thead>
            <tbody>{doors.iter().map(row).collect_view()}</tbody>
        </table>
    };
    Some(view.into_any())
}

#[cfg(test)]
mod tests {
    use model::api::LedgerNumbers;

    use super::*;
    use crate::texts::{Language, ledger::of};

    fn summary(missing: u64) -> LedgerSummaryView {
        LedgerSummaryView {
            since: Some("2026-11-19T14:00:00.000000000Z".to_owned()),
            since_hours: 73,
            hours: 70,
            counted: Some("2026-11-22T14:30:00.000000000Z".to_owned()),
            totals: LedgerNumbers { received: 12_345, stored: 12_345 - missing, missing, ..LedgerNumbers::default() },
            ..LedgerSummaryView::default()
        }
    }

    #[test]
    fn the_sentence_says_how_much_is_lost_in_which_time() {
        let t = of(Language::English);
        let html = ledger(t, Some(&summary(0))).to_html();
        assert!(html.contains("0 records lost in 3 days") && html.contains("12,345"), "{html}");
        assert!(!html.contains("banner"), "{html}");

        let mut lossy = summary(7);
        lossy.since_hours = 5;
        let (from, to) = ("2026-11-19T14:00:00.000000000Z", "2026-11-19T15:00:00.000000000Z");
        lossy.losses = vec![LedgerLossView { from: from.to_owned(), to: to.to_owned(), missing: 7 }];
        let html = ledger(t, Some(&lossy)).to_html();
        assert!(html.contains("7 records lost in 5 hours") && html.contains("banner"), "{html}");
        assert!(html.contains("/api/v1/ledger?from=2026-11-19T14"), "{html}");
    }

    #[test]
    fn the_canary_shows_its_doors_and_escapes_their_errors() {
        let t = of(Language::English);
        assert!(canary(t, &[]).is_none());
        let error = Some("<b>full".to_owned());
        let door = CanaryView { door: "http".to_owned(), sent: 1_234, error, ..CanaryView::default() };
        let html = canary(t, &[door]).unwrap().to_html();
        assert!(html.contains("1,234") && html.contains("&lt;b>full") || html.contains("&lt;b&gt;full"), "{html}");
    }

    #[test]
    fn before_the_first_count_nothing_is_claimed() {
        for language in [Language::English, Language::Korean] {
            let t = of(language);
            assert!(ledger(t, Some(&LedgerSummaryView::default())).to_html().contains(t.not_counted));
            assert!(ledger(t, None).to_html().contains(t.unreadable));
        }
    }
}
