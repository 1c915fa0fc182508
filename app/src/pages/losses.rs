//! Sinks, damaged files, dead letters and the server's tasks as HTML. A failed task may be the cause of losses.
//!
//! Plain links and forms, rendered on the server only. The forms post to `/system/dead-letters` and `/system/parts`,
//! which run the action and redirect back.

use leptos::prelude::*;
use model::api::{DeadLetterView, PartAsideView, TaskView};

use super::{
    audit::audit_link,
    deletions::deletions,
    forwarding::sinks,
    ledger::{canary, ledger},
    redaction::redaction,
    replays::replays,
    system::bytes,
};
use crate::{
    backend::{Done, LettersPage, Losses},
    state::{clock, histogram::grouped, shown::shown_in_html, url},
    texts::{
        Language, deletions as deletion_texts, forwarding, ledger as ledger_texts,
        losses::{LossTexts, of},
        redaction as redaction_texts, replays as replay_texts,
    },
};

/// Renders the whole section.
pub(crate) fn html(language: Language, losses: &Losses) -> String {
    let t = of(language);
    let done = losses.done.map(|done| match done {
        Done::Replayed { letters, records, failed } => (t.replayed)(letters, records, failed),
        Done::Deleted(letters) => (t.deleted)(letters),
        Done::GivenUp => t.given_up.to_owned(),
        Done::Nothing => t.nothing.to_owned(),
    });
    let audit = losses.may_admin.then(|| audit_link(language));
    let html = view! {
        {audit}
        {aside(t, &losses.aside, losses.may_admin)}
        {ledger(ledger_texts::of(language), losses.ledger.as_ref())}
        {canary(ledger_texts::of(language), &losses.canary)}
        {sinks(forwarding::of(language), &losses.sinks, losses.may_edit)}
        {replays(replay_texts::of(language), losses)}
        {deletions(deletion_texts::of(language), losses)}
        {redaction(redaction_texts::of(language), &losses.redactions, losses.may_admin)}
        <h2 id="dead-letters">{t.letters}</h2>
        <p class="quiet">{t.letters_text}</p>
        <p role="status" data-testid="replayed">{done}</p>
        {letters(t, &losses.letters, losses.may_edit)}
        {tasks(t, &losses.tasks)}
    }
    .into_any()
    .to_html();
    shown_in_html(&html)
}

/// The server's tasks; expanded if one does not run.
fn tasks(t: &'static LossTexts, tasks: &[TaskView]) -> AnyView {
    let well = tasks.iter().all(|task| task.state == "running");
    let row = |task: &TaskView| {
        let state = match task.state.as_str() {
            "running" => t.running,
            "waiting" => t.waiting,
            "broken" => t.broken,
            _ => t.ended,
        };
        view! {
            <tr data-testid="task">
                <td>{task.name.clone()}</td>
                <td data-label=t.state>{state}</td>
                <td data-label=t.since>{clock::full(&task.since, false)}</td>
                <td data-label=t.restarts>{grouped(task.restarts)}</td>
                <td class="wide">{task.last_error.clone()}</td>
            </tr>
        }
    };
    let rows = tasks.iter().map(row).collect_view();
    view! {
        <h2>{t.tasks}</h2>
        <details open=!well data-testid="tasks">
            <summary>{(t.tasks_text)(tasks.len(), well)}</summary>
            <table class="table stacked">
                <thead>
                    <tr>
                        <th scope="col">{t.task}</th>
                        <th scope="col">{t.state}</th>
                        <th scope="col">{t.since}</th>
                        <th scope="col">{t.restarts}</th>
                        <th scope="col" class="wide">{t.last_error}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </details>
    }
    .into_any()
}

/// Damaged files, if any.
fn aside(t: &'static LossTexts, parts: &[PartAsideView], may_give_up: bool) -> Option<AnyView> {
    if parts.is_empty() {
        return None;
    }
    let records = parts.iter().map(|part| part.records).sum();
    let row = |part: &PartAsideView| {
        let times = format!("{} – {}", clock::full(&part.oldest, false), clock::full(&part.newest, false));
        view! {
            <tr data-testid="part-aside">
                <td>{times}</td>
                <td class="wide">{part.path.clone()}<br />{part.reason.clone()}</td>
                <td>{grouped(part.records)}" · "{bytes(part.bytes)}</td>
                <td>{may_give_up.then(|| give_up(t, part))}</td>
            </tr>
        }
    };
    let rows = parts.iter().map(row).collect_view();
    let view = view! {
        <h2>{t.aside}</h2>
        <p class="banner" role="alert" data-testid="parts-aside">{(t.aside_text)(records)}</p>
        <table class="table stacked">
            <thead>
                <tr>
                    <th scope="col">{t.times}</th>
                    <th scope="col" class="wide">{t.file}</th>
                    <th scope="col">{t.records}</th>
                    <th scope="col"><span class="unseen">{t.actions}</span></th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    };
    Some(view.into_any())
}

fn give_up(t: &'static LossTexts, part: &PartAsideView) -> AnyView {
    view! {
        <details class="sure">
            <summary class="button">{t.give_up}</summary>
            <form method="post" action="/system/parts">
                <input type="hidden" name="name" value=part.name.clone() />
                <button class="button">{(t.give_up_sure)(part.records)}</button>
            </form>
        </details>
    }
    .into_any()
}

fn letters(t: &'static LossTexts, page: &LettersPage, may_edit: bool) -> AnyView {
    let is_filtered = !page.filter.is_empty();
    if page.count == 0 && page.dropped == 0 && !is_filtered {
        return view! { <p class="quiet" data-testid="no-dead-letters">{t.letters_none}</p> }.into_any();
    }
    let kept = (t.letters_kept)(page.count, &bytes(page.bytes), &bytes(page.most_bytes), &page.most_age);
    let dropped = (page.dropped > 0).then(|| {
        let text = (t.letters_dropped)(page.dropped, page.dropped_records);
        view! { <p class="quiet" data-testid="dead-letters-dropped">{text}</p> }
    });
    let field = |name: &'static str, label: &'static str| {
        let value = page.filter.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        view! { <input name=name placeholder=label aria-label=label value=value /> }
    };
    let error = page.error.clone().map(|error| view! { <p class="quiet" role="alert">{error}</p> });
    view! {
        <p class="quiet" data-testid="dead-letters-kept">{kept}</p>
        {dropped}
        <form class="acts" action="/system" data-testid="dead-letters-filter">
            {field("reason", t.reason)}
            {field("door", t.sender)}
            {field("service", t.service)}
            {field("from", t.from)}
            {field("to", t.to)}
            <button class="button">{t.filter}</button>
            {is_filtered.then(|| view! { <a href="/system">{t.filter_off}</a> })}
        </form>
        {error}
        {table(t, page, may_edit)}
    }
    .into_any()
}

fn table(t: &'static LossTexts, page: &LettersPage, may_edit: bool) -> AnyView {
    if page.letters.is_empty() {
        return view! { <p class="quiet" data-testid="no-dead-letters">{t.letters_none_match}</p> }.into_any();
    }
    let link = |path: &str, more: Option<(&str, &str)>| {
        let mut query = String::new();
        for (key, value) in page.filter.iter().map(|(key, value)| (*key, value.as_str())).chain(more) {
            url::append(&mut query, key, value);
        }
        format!("{path}{query}")
    };
    let all = || {
        let filter = page.filter.iter().map(|(key, value)| (*key, value.clone()));
        let bound = page.newest.clone().map(|newest| ("upto", newest));
        let fields = filter.chain(bound);
        fields.map(|(name, value)| view! { <input type="hidden" name=name value=value /> }).collect_view().into_any()
    };
    let older = page.next.as_deref().map(|next| {
        view! { <a href=link("/system", Some(("before", next))) data-testid="dead-letters-older">{t.older}</a> }
    });
    let rows = page.letters.iter().map(|letter| row(t, letter, may_edit)).collect_view();
    view! {
        <table class="table stacked">
            <thead>
                <tr>
                    <th scope="col">{t.time}</th>
                    <th scope="col" class="wide">{t.reason}</th>
                    <th scope="col">{t.sender}</th>
                    <th scope="col">{t.records}</th>
                    <th scope="col"><span class="unseen">{t.actions}</span></th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
        <div class="acts">
            <a href=link("/system", None)>{t.newer}</a>
            {older}
            <a href=link("/api/v1/dead-letters/download", None) download="dead-letters.ndjson">{t.download_all}</a>
            {may_edit.then(|| decisions(t, &all, (t.replay_all, "replay-all"), (t.delete_all, "delete-all")))}
        </div>
    }
    .into_any()
}

/// The forms that replay and delete the letters selected by `meant`, with their texts and test ids. Deleting requires
/// a confirmation.
fn decisions(
    t: &'static LossTexts,
    meant: &dyn Fn() -> AnyView,
    replay: (&'static str, &'static str),
    delete: (&'static str, &'static str),
) -> AnyView {
    view! {
        <form method="post" action="/system/dead-letters">
            {meant()}
            <button class="button" name="action" value="replay" data-testid=replay.1>{replay.0}</button>
        </form>
        <details class="sure">
            <summary class="button">{delete.0}</summary>
            <form method="post" action="/system/dead-letters">
                {meant()}
                <button class="button" name="action" value="delete" data-testid=delete.1>{t.sure}</button>
            </form>
        </details>
    }
    .into_any()
}

fn row(t: &'static LossTexts, letter: &DeadLetterView, may_edit: bool) -> AnyView {
    let id = || view! { <input type="hidden" name="id" value=letter.id.clone() /> }.into_any();
    let whole = format!("/api/v1/dead-letters/{}", letter.id);
    let file = format!("dead-letter-{}.json", letter.id);
    view! {
        <tr data-testid="dead-letter">
            <td>{clock::full(&letter.time, false)}</td>
            <td class="wide">{letter.reason.clone()}</td>
            <td class="long">{letter.producer.clone()}<br />{letter.services.join(", ")}</td>
            <td>{grouped(letter.records.into())}" · "{bytes(letter.bytes)}</td>
            <td class="acts">
                <a href=whole download=file>{t.download}</a>
                {may_edit.then(|| decisions(t, &id, (t.replay, "replay"), (t.delete, "delete")))}
            </td>
        </tr>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(id: &str) -> DeadLetterView {
        DeadLetterView {
            id: id.to_owned(),
            time: "2026-01-02T03:04:05.678000000Z".to_owned(),
            reason: "<script>alert(1)</script> & \"quoted\"".to_owned(),
            producer: "http 127.0.0.1".to_owned(),
            batch_id: None,
            records: 3,
            bytes: 1_500,
            services: vec!["<b>".to_owned()],
        }
    }

    #[test]
    fn what_comes_from_outside_is_escaped() {
        let aside = PartAsideView {
            name: "\"><i>".to_owned(),
            path: "/data/<i>".to_owned(),
            reason: "its <i> file".to_owned(),
            records: 1_234,
            bytes: 5,
            oldest: "2026-01-02T03:04:05.678000000Z".to_owned(),
            newest: "2026-01-02T04:04:05.678000000Z".to_owned(),
        };
        let letters = LettersPage {
            letters: vec![letter("7")],
            next: Some("7".to_owned()),
            newest: Some("7".to_owned()),
            filter: vec![("reason", "\"><script>".to_owned())],
            error: Some("<script>".to_owned()),
            count: 1,
            ..LettersPage::default()
        };
        for language in [Language::English, Language::Korean] {
            let losses = Losses {
                aside: vec![aside.clone()],
                letters: letters.clone(),
                done: Some(Done::Deleted(2)),
                may_edit: true,
                ..Losses::default()
            };
            let html = html(language, &losses);
            for raw in ["<script", "<i>", "<b>"] {
                assert!(!html.contains(raw), "{raw} in {html}");
            }
            assert!(html.contains("1,234") && html.contains("2026-01-02 03:04:05"), "{html}");
        }
    }

    #[test]
    fn pages_and_actions_keep_the_filter() {
        let letters = LettersPage {
            letters: vec![letter("9"), letter("8")],
            next: Some("8".to_owned()),
            newest: Some("12".to_owned()),
            filter: vec![("reason", "a b".to_owned()), ("from", "-1d".to_owned())],
            count: 5,
            ..LettersPage::default()
        };
        let viewed = html(Language::English, &Losses { letters: letters.clone(), ..Losses::default() });
        assert!(!viewed.contains("method=\"post\""), "a viewer is offered no action: {viewed}");
        let html = html(Language::English, &Losses { letters, may_edit: true, ..Losses::default() });
        for part in [
            "href=\"/system?reason=a+b&amp;from=-1d&amp;before=8\"",
            "href=\"/api/v1/dead-letters/download?reason=a+b&amp;from=-1d\"",
            "name=\"upto\" value=\"12\"",
            "name=\"id\" value=\"9\"",
            "href=\"/api/v1/dead-letters/9\"",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn tasks_are_listed_and_unfolded_where_one_does_not_run() {
        let task = |state: &str, error: Option<&str>| TaskView {
            name: "consume".to_owned(),
            state: state.to_owned(),
            since: "2026-01-02T03:04:05.678000000Z".to_owned(),
            restarts: 3,
            last_error: error.map(str::to_owned),
        };
        let html = |task| html(Language::English, &Losses { tasks: vec![task], ..Losses::default() });
        let well = html(task("running", None));
        assert!(well.contains("consume") && !well.contains(" open"), "{well}");
        let failed = html(task("waiting", Some("panicked: <i>")));
        assert!(failed.contains(" open") && failed.contains("panicked: &lt;i&gt;"), "{failed}");
    }

    #[test]
    fn without_letters_there_is_nothing_to_filter() {
        let html = html(Language::English, &Losses::default());
        assert!(html.contains("no-dead-letters") && !html.contains("<form"), "{html}");
    }
}
