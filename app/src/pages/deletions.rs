//! Deletions: the section of the page System, and the page with the preview, on which they are confirmed. Both are plain
//! HTML.

use leptos::prelude::*;
use model::{
    api::RecordView,
    deletion::{DeletionPreviewView, DeletionView},
};

use super::{
    fields::{field, text_field},
    quiet::{QuietPage, Visit, document},
};
use crate::{
    backend::Losses,
    state::{clock, histogram::grouped},
    texts::deletions::{DeletionTexts, of},
};

/// The target of all forms.
const TARGET: &str = "/system/deletions";

/// A deletion that was previewed.
#[derive(Debug, Clone)]
pub struct DeletionTrial {
    /// As they were written.
    pub query: String,
    pub from: String,
    pub to: String,
    pub all: bool,
    /// The preview, or why there is none.
    pub outcome: Result<DeletionPreviewView, String>,
    /// Why the deletion was not started.
    pub refused: Option<String>,
}

/// Renders the section, for admins.
pub(super) fn deletions(t: &'static DeletionTexts, losses: &Losses) -> Option<AnyView> {
    if !losses.may_admin {
        return None;
    }
    let error = losses.deletion_error.clone().map(|error| {
        view! { <p class="banner" role="alert" data-testid="deletion-error">{error}</p> }
    });
    let table = (!losses.deletions.is_empty()).then(|| table(t, &losses.deletions));
    let view = view! {
        <h2 id="deletions">{t.deletions}</h2>
        <p class="quiet">{t.deletions_text}</p>
        {error}
        {form(t, "", "", "", false)}
        {table}
    };
    Some(view.into_any())
}

fn form(t: &'static DeletionTexts, query: &str, from: &str, to: &str, all: bool) -> AnyView {
    view! {
        <form class="acts" method="post" action=TARGET data-testid="deletion-form">
            {text_field("query", t.query, "user.id:4711", query)}
            {text_field("from", t.from, "-90d", from)}
            {text_field("to", t.to, "2026-11-19T00:00:00Z", to)}
            <label><input type="checkbox" name="all" value="true" checked=all />" "{t.all}</label>
            <button class="button" name="action" value="preview">{t.preview}</button>
        </form>
    }
    .into_any()
}

fn table(t: &'static DeletionTexts, deletions: &[DeletionView]) -> AnyView {
    let rows = deletions.iter().map(|deletion| row(t, deletion)).collect_view();
    view! {
        <table class="table stacked texts" data-testid="deletions">
            <thead>
                <tr>
                    <th scope="col">{t.records}</th>
                    <th scope="col">{t.state}</th>
                    <th scope="col">{t.deleted}</th>
                    <th scope="col">{t.started}</th>
                    <th scope="col"><span class="unseen">{t.actions}</span></th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

fn row(t: &'static DeletionTexts, deletion: &DeletionView) -> AnyView {
    let is_running = deletion.state == "running";
    let state = match deletion.state.as_str() {
        "running" if deletion.error.is_some() => t.retrying,
        "running" if deletion.total.is_none() => t.counting,
        "running" => t.running,
        "cancelling" => t.cancelling,
        "done" => t.done,
        "failed" => t.failed,
        _ => t.cancelled,
    };
    let query = match deletion.query.as_str() {
        "" => t.everything.to_owned(),
        query => query.to_owned(),
    };
    let end = |time: &Option<String>| time.as_deref().map(|time| clock::full(time, false)).unwrap_or_default();
    let times = (deletion.from.is_some() || deletion.to.is_some())
        .then(|| view! { <br />{format!("{} – {}", end(&deletion.from), end(&deletion.to))} });
    let archives = deletion.archives.then(|| format!(" · {}", t.with_archive));
    let reason = (!deletion.reason.is_empty()).then(|| view! { <br />{deletion.reason.clone()} });
    let error = deletion.error.clone().map(|error| view! { <br /><span class="bad">{error}</span> });
    let total = deletion.total.map(|total| (t.of)(total));
    let archived = (deletion.archived > 0).then(|| view! { <br />{(t.archived)(deletion.archived)} });
    // Without a value, the bar shows that the end is not known.
    let value = deletion.fraction.map(|fraction| format!("{fraction:.3}"));
    let bar = is_running.then(|| view! { <progress aria-label=t.deleted value=value max="1"></progress><br /> });
    let cancel = is_running.then(|| {
        view! {
            <form method="post" action=TARGET>
                <input type="hidden" name="id" value=deletion.id.clone() />
                <button class="button" name="action" value="cancel">{t.cancel}</button>
            </form>
        }
    });
    view! {
        <tr data-testid="deletion" data-state=deletion.state.clone()>
            <td class="long">
                <code>{query}</code>{times}<br />
                <span class="quiet">{deletion.id.clone()}{archives}</span>{reason}{error}
            </td>
            <td data-label=t.state>{state}</td>
            <td data-label=t.deleted>{bar}{grouped(deletion.removed)}{total}{archived}</td>
            <td data-label=t.started>{clock::full(&deletion.started, false)}<br />{(t.by)(&deletion.by)}</td>
            <td class="acts">{cancel}</td>
        </tr>
    }
    .into_any()
}

/// Renders the page with the preview of a deletion, or with the reason why there is none.
pub fn deletion_page(visit: &Visit<'_>, trial: &DeletionTrial) -> QuietPage {
    let t = of(visit.preferences().language);
    let outcome = match &trial.outcome {
        Ok(preview) => preview_view(t, trial, preview),
        Err(reason) => {
            view! { <p class="banner" role="alert" data-testid="deletion-error">{reason.clone()}</p> }.into_any()
        }
    };
    let refused = trial.refused.clone().map(|refused| {
        view! { <p class="banner" role="alert" data-testid="deletion-refused">{refused}</p> }
    });
    let content = view! {
        <h1>{t.title}</h1>
        {form(t, &trial.query, &trial.from, &trial.to, trial.all)}
        {refused}
        {outcome}
        <p><a class="button" href="/system#deletions">{t.back}</a></p>
    };
    document(visit, t.title, None, false, content.into_any())
}

fn preview_view(t: &'static DeletionTexts, trial: &DeletionTrial, preview: &DeletionPreviewView) -> AnyView {
    if preview.records == 0 {
        return view! { <p role="status" data-testid="deletion-found">{t.none}</p> }.into_any();
    }
    let records = preview.newest.iter().map(record).collect_view();
    view! {
        <p role="status" data-testid="deletion-found"><strong>{(t.found)(preview.records)}</strong></p>
        <p class="quiet">{t.audit}</p>
        {confirmation(t, trial, preview)}
        <p class="quiet">{(t.newest)(preview.newest.len() as u64)}</p>
        {records}
    }
    .into_any()
}

fn record(record: &RecordView) -> AnyView {
    let service = record.service.clone();
    view! {
        <section data-testid="deletion-record">
            <p class="quiet">{clock::full(&record.time, false)}" · "{record.level.clone()}" · "{service}</p>
            <pre class="secret" tabindex="0">{record.message.clone()}</pre>
        </section>
    }
    .into_any()
}

/// The form that starts the deletion: of the records that the preview has counted.
fn confirmation(t: &'static DeletionTexts, trial: &DeletionTrial, preview: &DeletionPreviewView) -> AnyView {
    let end = |end: &Option<String>| end.clone().unwrap_or_default();
    let fields = [
        ("query", trial.query.clone()),
        // As they were resolved: relative times would be others now.
        ("from", end(&preview.from)),
        ("to", end(&preview.to)),
        ("all", trial.all.to_string()),
        ("position", preview.position.clone()),
        ("records", preview.records.to_string()),
    ];
    let fields = fields.map(|(name, value)| view! { <input type="hidden" name=name value=value /> }).collect_view();
    let archives = preview.has_archive.then(|| {
        view! {
            <label><input type="checkbox" name="archives" value="true" />" "{t.archives}</label>
            <p class="quiet">{t.archives_counted}</p>
        }
    });
    let write = (t.write)(preview.records);
    view! {
        <form class="acts" method="post" action=TARGET data-testid="deletion-confirm">
            {fields}
            <p class="banner">{t.for_good}</p>
            {archives}
            <input name="reason" placeholder=t.reason aria-label=t.reason maxlength="500" />
            {field(write, view! { <input name="typed" required=true inputmode="numeric" autocomplete="off" /> })}
            <button class="button" name="action" value="start">{(t.delete)(preview.records)}</button>
        </form>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::{SitePath, texts::Language};

    fn deletion() -> DeletionView {
        DeletionView {
            id: "3f2a9c01".to_owned(),
            state: "running".to_owned(),
            query: "message:<b>".to_owned(),
            reason: "<i>ticket".to_owned(),
            by: "user <u>kim".to_owned(),
            archives: true,
            total: Some(5_678),
            removed: 1_234,
            archived: 99,
            fraction: Some(0.25),
            started: "2026-11-20T03:04:05.678000000Z".to_owned(),
            error: Some("<script>".to_owned()),
            ..DeletionView::default()
        }
    }

    #[test]
    fn a_deletion_shows_its_progress_to_admins_and_escapes_what_comes_from_outside() {
        for language in [Language::English, Language::Korean] {
            let t = of(language);
            let losses = |deletion: DeletionView| Losses {
                deletions: vec![deletion],
                deletion_error: Some("<em>".to_owned()),
                may_admin: true,
                ..Losses::default()
            };
            let html = |deletion| deletions(t, &losses(deletion)).unwrap().to_html();
            let running = html(deletion());
            for part in ["1,234", "5,678", "99", "<progress", "value=\"0.250\"", "value=\"cancel\"", t.with_archive] {
                assert!(running.contains(part), "{part} in {running}");
            }
            let raw = ["<script", "<b>", "<i>", "<u>", "<em>"];
            assert!(!raw.iter().any(|raw| running.contains(raw)), "{running}");
            let done = html(DeletionView { state: "done".to_owned(), ..deletion() });
            assert!(!done.contains("<progress") && !done.contains("value=\"cancel\""), "{done}");
            assert!(deletions(t, &Losses { may_admin: false, ..losses(deletion()) }).is_none());
            assert!(
                deletions(t, &Losses { may_admin: true, ..Losses::default() }).unwrap().to_html().contains("<form")
            );
        }
    }

    #[test]
    fn a_preview_is_confirmed_by_its_number_and_takes_its_position() {
        let (headers, site) = (HeaderMap::new(), SitePath::default());
        let visit = Visit { headers: &headers, query: "", site: &site };
        let preview = DeletionPreviewView {
            from: Some("2026-09-01T00:00:00.000000000Z".to_owned()),
            position: "184467".to_owned(),
            records: 12_345,
            has_archive: true,
            ..DeletionPreviewView::default()
        };
        let trial = DeletionTrial {
            query: "\"><i>".to_owned(),
            from: "-90d".to_owned(),
            to: String::new(),
            all: false,
            outcome: Ok(preview.clone()),
            refused: Some("<b>not confirmed".to_owned()),
        };
        let page = deletion_page(&visit, &trial);
        let html = page.html();
        for part in ["12,345 records would be deleted", "value=\"184467\"", "value=\"12345\"", "name=\"archives\""] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(
            html.contains("value=\"2026-09-01T00:00:00.000000000Z\"") && html.contains("deletion-refused"),
            "{html}"
        );
        assert!(!html.contains("<i>") && !html.contains("<b>"), "{html}");
        assert!(html.contains("counts the store only"), "{html}");
        let stored = DeletionPreviewView { has_archive: false, ..preview.clone() };
        let stored = deletion_page(&visit, &DeletionTrial { outcome: Ok(stored), ..trial.clone() });
        assert!(!stored.html().contains("counts the store only"), "{}", stored.html());
        let nothing = DeletionPreviewView { records: 0, ..preview };
        let html = deletion_page(&visit, &DeletionTrial { outcome: Ok(nothing), ..trial.clone() });
        assert!(!html.html().contains("deletion-confirm"), "{}", html.html());
        let html = deletion_page(&visit, &DeletionTrial { outcome: Err("no <b> query".to_owned()), ..trial });
        assert!(html.html().contains("deletion-error") && !html.html().contains("<b>"), "{}", html.html());
    }
}
